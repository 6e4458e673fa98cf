"""The far ends of the rules about framing: where a sloppy comparison, a limit off by one or a forgotten byte would let something through."""

from delivery import few_deliveries
from framing_test import CHUNKED, END, GET, POST, World, accept, line, refuse, row, with_host
from harness import Group


def framing_edges(bench):
    return World(bench)


group = Group(framing_edges)

# A chunk's line, size and CRLF included, may have 256 bytes.
LONGEST_EXTENSION = b";" + b"e" * (256 - len(b"5;\r\n"))


def length(value):
    return POST + b"Content-Length: " + value + b"\r\n\r\nhello"


def coding(value, version=b"HTTP/1.1"):
    return POST.replace(b"HTTP/1.1", version) + b"Transfer-Encoding: " + value + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


FAR_APART = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(60))

group.table("h1.framing", [
    ("cl_te_far", "Content-Length and Transfer-Encoding with sixty fields between them",
     POST + b"Content-Length: 5\r\n" + FAR_APART + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("cl_te_case", "both, in unusual case", POST + b"cOnTeNt-LeNgTh: 5\r\ntRaNsFeR-eNcOdInG: cHuNkEd\r\n\r\n0\r\n\r\n"),
    ("cl_te_gzip", "Content-Length with a coding that nobody knows", POST + b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
    ("cl_te_empty", "Content-Length with an empty Transfer-Encoding", POST + b"Content-Length: 5\r\nTransfer-Encoding:\r\n\r\nhello"),
    ("cl_te_http_1_0", "both in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("cl_twice_case", "Content-Length twice in different case", POST + b"content-length: 5\r\nCONTENT-LENGTH: 5\r\n\r\nhello"),
    ("cl_twice_far", "different ones with sixty fields between them",
     POST + b"Content-Length: 5\r\n" + FAR_APART + b"Content-Length: 0\r\n\r\nhello"),
    ("cl_three", "Content-Length three times", POST + b"Content-Length: 5\r\n" * 3 + b"\r\nhello"),
    ("cl_list_differs", "Content-Length as a list of different numbers", length(b"5, 6")),
    ("cl_list_end", "Content-Length with a comma behind it", length(b"5,")),
    ("cl_list_front", "Content-Length with a comma before it", length(b",5")),
    ("cl_octal", "a length with a letter within", length(b"0o5")),
    ("cl_separator", "digits with a separator", length(b"1_0")),
    ("cl_exponent", "a length with an exponent", length(b"5e0")),
    ("cl_quoted", "a length in quotes", length(b'"5"')),
    ("cl_semicolon", "a length with a parameter", length(b"5;q=1")),
    ("cl_foreign_digit", "a digit of another script", length(b"\xd9\xa5")),
    ("cl_signed_zero", "a negative zero", length(b"-0")),
    ("cl_max_unsigned", "the largest number of 64 bits", length(b"18446744073709551615")),
    ("cl_one_above", "one more than 64 bits hold", length(b"18446744073709551616")),
    ("te_comma_behind", "chunked with a comma behind it", coding(b"chunked,")),
    ("te_space_inside", "chunked with a space inside", coding(b"chu nked")),
    ("te_half", "a coding that chunked begins with", coding(b"chunke"), 501),
    ("te_longer", "a coding that begins with chunked", coding(b"chunkedx"), 501),
    ("te_known_line", "a known coding in a line before chunked", POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("te_late_line", "an unknown coding in a line behind chunked", POST + b"Transfer-Encoding: chunked\r\nX-A: 1\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
    ("te_slash", "chunked that is no token", coding(b"chunked/1")),
    ("te_upper_twice", "chunked twice, once in upper case", coding(b"CHUNKED, chunked")),
    ("te_http_1_0_keep_alive", "Transfer-Encoding in HTTP/1.0 that keeps its connection",
     b"POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("te_http_1_0_unknown", "an unknown coding in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ("te_http_1_0_get", "Transfer-Encoding in HTTP/1.0 without a body", b"GET /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
], refuse)

# A head that a vectorised search takes in blocks of 16 and 32 bytes: the forbidden byte stands at each place of a block.
PLACES = (*range(16, 18), *range(30, 34), 47, 63, 64)


def refuse_at_places(world, byte):
    for place in PLACES:
        refuse(world, GET + b"X-A: " + b"v" * place + byte + b"w" * 40 + b"\r\n\r\n", ways=few_deliveries)


group.table("h1.head.everywhere", [
    ("nul", "NUL at every place of a block", b"\x00"),
    ("cr", "a bare CR at every place of a block", b"\r"),
    ("lf", "a bare LF at every place of a block", b"\n"),
    ("delete", "DEL at every place of a block", b"\x7f"),
], refuse_at_places)


def refuse_control_bytes(world, before, behind):
    """Every control byte but HTAB, CR and LF, which have rows of their own."""
    for value in (*range(0x00, 0x09), *range(0x0b, 0x0d), *range(0x0e, 0x20), 0x7f):
        refuse(world, before + bytes([value]) + behind, ways=few_deliveries)


group.table("h1.head.controls", [
    ("method", "every control byte in the method", b"GE", b"T /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("target", "every control byte in the target", b"GET /a", b"b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("query", "every control byte in the query", b"GET /a?b", b"c HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("name", "every control byte in a name", GET + b"X-", b"A: 1\r\n\r\n"),
    ("value", "every control byte in a value", GET + b"X-A: a", b"b\r\n\r\n"),
    ("host", "every control byte in Host", b"GET /x HTTP/1.1\r\nHost: a", b"b\r\n\r\n"),
], refuse_control_bytes)

group.table("h1.head", [
    ("cr_request_line", "a bare CR in the request line", b"GET /x\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("cr_before_colon", "a bare CR before the colon", GET + b"X-A\r: 1\r\n\r\n"),
    ("cr_end", "CR alone at the end of the head", GET + b"\rX"),
    ("cr_only", "CR alone everywhere", b"GET /x HTTP/1.1\rHost: a\r\r"),
    ("lf_cr", "LF before CR", GET + b"X-A: 1\n\r\n\r\n"),
    ("lf_twice", "LF twice at the end of the head", b"GET /x HTTP/1.1\r\nHost: a\n\n"),
    ("fold_spaces", "a line of white space alone", GET + b"X-A: 1\r\n \r\nX-B: 2\r\n\r\n"),
    ("fold_length", "folding that hides a length", POST + b"Content-Length:\r\n 5\r\n\r\nhello"),
    ("fold_last", "a folded line before the end of the head", GET + b"X-A: 1\r\n \r\n\r\n"),
    ("space_before_colon_host", "a space before Host's colon", b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("space_before_colon_any", "a space before the colon of any field", GET + b"X-A : 1\r\n\r\n"),
    ("spaces_before_colon", "spaces and tabs before the colon", GET + b"X-A \t : 1\r\n\r\n"),
    ("vertical_tab_before_colon", "a vertical tab before the colon", GET + b"X-A\x0b: 1\r\n\r\n"),
    ("space_alone_name", "white space in place of a name", GET + b"X-A: 1\r\n : 2\r\n\r\n"),
], refuse)

group.table("h1.host", [
    ("tab", "a tab", with_host(b"a\tb")),
    ("backslash", "a backslash", with_host(b"a\\b")),
    ("query", "a question mark", with_host(b"a?b")),
    ("fragment", "a hash", with_host(b"a#b")),
    ("user_password", "user and password", with_host(b"u:p@a")),
    ("user_empty", "empty user information", with_host(b"@a")),
    ("user_port", "user information and a port", with_host(b"u@a:80")),
    ("comma_list", "a list of two", with_host(b"a, b")),
    ("comma_behind", "a comma behind it", with_host(b"a,")),
    ("scheme", "a whole URI", with_host(b"http://a/")),
    ("not_ascii", "a name outside ASCII", with_host(b"\xc3\xa4.example")),
    ("quotes", "a name in quotes", with_host(b'"a"')),
    ("port_spaces", "a space before the port", with_host(b"a: 80")),
    ("port_zeros", "a port with leading zeros", with_host(b"a:080")),
    ("port_minus", "a negative port", with_host(b"a:-1")),
    ("port_wraps", "a port that wraps 16 bits", with_host(b"a:65616")),
    ("port_long", "a port of a hundred digits", with_host(b"a:" + b"8" * 100)),
    ("port_trailing", "a letter behind the port", with_host(b"a:80x")),
    ("literal_bare", "an IPv6 address without brackets", with_host(b"::1")),
    ("literal_behind", "bytes behind an address literal", with_host(b"[::1]a")),
    ("literal_empty_port", "an address literal with an empty port", with_host(b"[::1]:")),
    ("literal_empty", "empty brackets", with_host(b"[]")),
    ("literal_close", "a bracket that nothing opened", with_host(b"::1]")),
    ("dot", "a dot alone", with_host(b".")),
    ("dot_first", "a dot first", with_host(b".a")),
    ("repeated_far", "two Hosts with sixty fields between them", GET + FAR_APART + b"Host: a\r\n\r\n"),
    ("repeated_case", "two Hosts in different case", GET + b"HOST: a\r\n\r\n"),
    ("repeated_empty", "a Host and an empty one", GET + b"Host:\r\n\r\n"),
    ("http_1_0_repeated", "two Hosts in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("http_1_0_bad", "a bad Host in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: a b\r\n\r\n"),
    ("target_repeated", "an absolute target does not excuse two Hosts", b"GET http://a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
], refuse)


def absolute(authority):
    """Host is valid: the authority of the target wins over it, so it is the one that counts."""
    return b"GET http://" + authority + b"/x HTTP/1.1\r\nHost: a\r\n\r\n"


group.table("h1.target", [
    ("user_password", "user and password", absolute(b"u:p@a")),
    ("user_empty", "empty user information", absolute(b"@a")),
    ("comma", "a comma", absolute(b"a,b")),
    ("space", "a space", absolute(b"a b")),
    ("tab", "a tab", absolute(b"a\tb")),
    ("escape", "an escape", absolute(b"a%2eb")),
    ("backslash", "a backslash", absolute(b"a\\b")),
    ("not_ascii", "a name outside ASCII", absolute(b"\xc3\xa4")),
    ("port_empty", "an empty port", absolute(b"a:")),
    ("port_zero", "port 0", absolute(b"a:0")),
    ("port_large", "a port above 65535", absolute(b"a:65536")),
    ("port_sign", "a port with a sign", absolute(b"a:+80")),
    ("port_zeros", "a port with leading zeros", absolute(b"a:080")),
    ("two_ports", "two ports", absolute(b"a:80:80")),
    ("port_alone", "a port alone", absolute(b":80")),
    ("literal_open", "an address literal that does not end", absolute(b"[::1")),
    ("literal_bad", "an address literal that is none", absolute(b"[::g]")),
    ("literal_zone", "an address literal with a zone", absolute(b"[fe80::1%25eth0]")),
    ("empty_label", "an empty label", absolute(b"a..b")),
    ("long", "a host of 300 bytes", absolute(b"a" * 300)),
    ("one_slash", "a scheme with one slash", line(b"GET http:/a/x HTTP/1.1")),
    ("no_slashes", "a scheme without slashes", line(b"GET http:a/x HTTP/1.1")),
    ("no_scheme", "an authority alone", line(b"GET a:80 HTTP/1.1")),
    ("fragment", "a fragment in an absolute target", line(b"GET http://a/x#y HTTP/1.1")),
], refuse)

group.table("h1.request_line", [
    ("three_spaces", "three spaces", line(b"GET   /x HTTP/1.1")),
    ("tab_before_target", "a tab before the target", line(b"GET\t/x HTTP/1.1")),
    ("tab_before_version", "a tab before the version", line(b"GET /x\tHTTP/1.1")),
    ("tab_behind", "a tab behind the version", line(b"GET /x HTTP/1.1\t")),
    ("space_tab", "a space and a tab", line(b"GET \t/x HTTP/1.1")),
    ("vertical_tab", "a vertical tab in place of a space", line(b"GET\x0b/x HTTP/1.1")),
    ("form_feed", "a form feed in place of a space", line(b"GET /x\x0cHTTP/1.1")),
    ("no_break_space", "a no-break space in place of a space", line(b"GET /x\xa0HTTP/1.1")),
    ("empty_target", "a version where the target belongs", line(b"GET HTTP/1.1")),
    ("no_method", "no method", line(b"/x HTTP/1.1")),
    ("version_3_0", "HTTP/3.0", line(b"GET /x HTTP/3.0"), 505),
    ("version_9_9", "HTTP/9.9", line(b"GET /x HTTP/9.9"), 505),
    ("version_0_0", "HTTP/0.0", line(b"GET /x HTTP/0.0"), 505),
    ("version_short", "a version without minor number", line(b"GET /x HTTP/1")),
    ("version_no_digits", "a version of letters", line(b"GET /x HTTP/x.y")),
    ("version_long_major", "a version with two digits in front", line(b"GET /x HTTP/11.1")),
    ("version_minus", "a version with a sign", line(b"GET /x HTTP/-1.1")),
    ("version_behind", "bytes behind the version", line(b"GET /x HTTP/1.1x")),
    ("preface", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
], refuse)

group.table("h1.chunked", [
    ("size_missing_extension", "an extension without a size", CHUNKED + b";a\r\n\r\n"),
    ("size_cr_byte", "CR and another byte in place of a line end", CHUNKED + b"5\rXhello\r\n0\r\n\r\n"),
    ("size_cr_byte_last", "the same behind the last size", CHUNKED + b"5\r\nhello\r\n0\rX\r\n"),
    ("size_nul", "NUL behind the size", CHUNKED + b"5\x00\r\nhello\r\n0\r\n\r\n"),
    ("size_tab", "a tab behind the size", CHUNKED + b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("size_comma", "a comma behind the size", CHUNKED + b"5,\r\nhello\r\n0\r\n\r\n"),
    ("size_two", "two sizes", CHUNKED + b"5 5\r\nhello\r\n0\r\n\r\n"),
    ("size_quoted", "a size in quotes", CHUNKED + b'"5"\r\nhello\r\n0\r\n\r\n'),
    ("size_foreign_digit", "a digit of another script", CHUNKED + b"\xd9\xa5\r\nhello\r\n0\r\n\r\n"),
    ("size_max_unsigned", "the largest size of 64 bits", CHUNKED + b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("size_one_above", "one more than 64 bits hold", CHUNKED + b"10000000000000000\r\n\r\n"),
    ("size_later", "a bad size behind a good chunk", CHUNKED + b"5\r\nhello\r\nx\r\n\r\n"),
    ("size_later_wraps", "a later size that wraps 64 bits", CHUNKED + b"5\r\nhello\r\n10000000000000000\r\n\r\n"),
    ("size_cr_cr", "CR CR LF behind the size", CHUNKED + b"5\r\r\nhello\r\n0\r\n\r\n"),
    ("size_lf_cr", "LF CR behind the size", CHUNKED + b"5\n\rhello\r\n0\r\n\r\n"),
    ("size_lf_last", "LF alone behind the last size", CHUNKED + b"5\r\nhello\r\n0\n\r\n"),
    ("size_lf_later", "LF alone behind a later size", CHUNKED + b"5\r\nhello\r\n6\n world\r\n0\r\n\r\n"),
    ("data_end_byte", "another byte and LF behind the data", CHUNKED + b"5\r\nhelloX\n0\r\n\r\n"),
    ("data_end_lf_lf", "LF twice behind the data", CHUNKED + b"5\r\nhello\n\n0\r\n\r\n"),
    ("data_end_cr", "CR alone behind the data", CHUNKED + b"5\r\nhello\rX0\r\n\r\n"),
    ("data_end_twice", "two line ends behind the data", CHUNKED + b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    ("data_end_lf_cr", "LF CR behind the data", CHUNKED + b"5\r\nhello\n\r0\r\n\r\n"),
    ("data_end_space", "a space behind the data", CHUNKED + b"5\r\nhello \r\n0\r\n\r\n"),
    ("data_end_later", "a later chunk without line end", CHUNKED + b"5\r\nhello\r\n6\r\n world0\r\n\r\n"),
    ("extension_nul", "NUL in an extension", CHUNKED + b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    ("extension_delete", "DEL in an extension", CHUNKED + b"5;a\x7f\r\nhello\r\n0\r\n\r\n"),
    ("extension_cr", "a bare CR in an extension", CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("extension_cr_byte", "CR and another byte behind an extension", CHUNKED + b"5;a\rXhello\r\n0\r\n\r\n"),
    ("extension_cr_quoted", "a bare CR in a quoted extension", CHUNKED + b'5;a="b\rc"\r\nhello\r\n0\r\n\r\n'),
    ("extension_lf_quoted", "a bare LF in a quoted extension", CHUNKED + b'5;a="b\nc"\r\nhello\r\n0\r\n\r\n'),
    ("extension_escape", "an escape byte in an extension", CHUNKED + b"5;a=\x1b\r\nhello\r\n0\r\n\r\n"),
    ("extension_last", "a control byte in the last chunk's extension", CHUNKED + b"5\r\nhello\r\n0;a=\x01\r\n\r\n"),
    ("extension_lf_last", "LF behind the last chunk's extension", CHUNKED + b"5\r\nhello\r\n0;a\n\r\n"),
    ("extension_one_above", "an extension one byte too long", CHUNKED + b"5" + LONGEST_EXTENSION + b"e\r\nhello\r\n0\r\n\r\n"),
    ("extension_long_later", "an oversized extension of a later chunk", CHUNKED + b"5\r\nhello\r\n1;" + b"a" * 300 + b"\r\n!\r\n0\r\n\r\n"),
    ("extension_long_last", "an oversized extension of the last chunk", CHUNKED + b"5\r\nhello\r\n0;" + b"a" * 300 + b"\r\n\r\n"),
    ("extension_endless", "an extension without end", CHUNKED + b"5;" + b"a" * 3000),
    ("last_cr", "CR alone at the end of the body", CHUNKED + b"5\r\nhello\r\n0\r\n\rX"),
    ("trailer_nul", "NUL in a trailer's name", CHUNKED + b"0\r\nX\x00: 1\r\n\r\n"),
    ("trailer_cr", "a bare CR in a trailer", CHUNKED + b"0\r\nX-A: a\rb\r\n\r\n"),
    ("trailer_end_cr", "CR alone at the end of the trailers", CHUNKED + b"0\r\nX-A: 1\r\n\rX"),
], refuse)

group.table("h1.accept", [
    row("length_zeros", "a length with leading zeros", length(b"0005"), body="hello", framing="length"),
    row("extension_longest", "the longest extension", CHUNKED + b"5" + LONGEST_EXTENSION + b"\r\nhello\r\n0\r\n\r\n", body="hello"),
    row("extensions_many", "the longest extension on every chunk",
        CHUNKED + (b"5" + LONGEST_EXTENSION + b"\r\nhello\r\n") * 4 + b"0" + LONGEST_EXTENSION + b"\r\n\r\n", body="hello" * 4),
    row("extension_bytes", "tabs, quotes and bytes above ASCII in an extension", CHUNKED + b'5;\ta="\xc3\xa4; \\" "\r\nhello\r\n0\r\n\r\n', body="hello"),
    row("chunk_size_longest", "a size with as many zeros as fit", CHUNKED + b"0" * 253 + b"5\r\nhello\r\n0\r\n\r\n", body="hello"),
    row("literal", "an address literal with a port", with_host(b"[2001:db8::7]:8080"), target="/x"),
    row("port_largest", "the largest port", with_host(b"a:65535"), target="/x"),
    row("host_longest", "the longest host", with_host(b".".join([b"a" * 63] * 3 + [b"a" * 61])), target="/x"),
    row("secure", "an absolute target of https", b"GET https://a/x HTTP/1.1\r\nHost: a\r\n\r\n", target="/x"),
    row("scheme_upper", "an absolute target whose scheme is in upper case", b"GET HTTP://a/x HTTP/1.1\r\nHost: a\r\n\r\n", target="/x"),
    row("value_of_spaces", "a value of white space alone", GET + b"X-A: \t \r\n" + END, target="/x"),
], lambda world, request, expected: accept(world, request, **expected))
