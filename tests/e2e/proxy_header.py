"""PROXY headers, as a proxy in front of another one writes them."""

import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack(">HH", 56324, 443)
V6 = bytes.fromhex("20010db8000000000000000000000001" "20010db8000000000000000000000002") + struct.pack(">HH", 56324, 443)
LINE_4 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
LINE_6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"


def binary(command, family, rest=b""):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def checked(command, family, rest=b"", error=0):
    """A header whose last TLV is a checksum; error: bits of it that are wrong."""
    header = binary(command, family, rest + tlv(3, b"\0\0\0\0"))
    return header[:-4] + struct.pack(">I", crc32c(header) ^ error)


BINARY_4 = binary(0x21, 0x11, V4)
BINARY_6 = binary(0x21, 0x21, V6)
