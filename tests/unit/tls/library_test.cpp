// Known answers: a wolfSSL whose assembly was built wrongly computes nonsense quickly.
#include "tls/library.hpp"

#include <doctest/doctest.h>
#include <wolfssl/options.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.hpp"

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int value = sluice::ascii::hex_value(text[i]) * 16 + sluice::ascii::hex_value(text[i + 1]);
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

word32 length(const Bytes& bytes) { return static_cast<word32>(bytes.size()); }

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("the library is the one that the headers describe, with its assembly") {
  const sluice::tls::Library library;
  CHECK(sluice::tls::library_version() == LIBWOLFSSL_VERSION_STRING);
#if defined(__x86_64__) || defined(__aarch64__)
  CHECK(!sluice::tls::library_assembly().empty());
#endif
}

TEST_CASE("SHA-256 (FIPS 180-2, appendix B)") {
  struct Row {
    std::string_view message;
    std::string_view digest;
  };
  const auto rows = std::to_array<Row>({
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
  });
  for (const auto& row : rows) {
    CAPTURE(row.message);
    const Bytes message = bytes_of(row.message);
    Bytes digest(WC_SHA256_DIGEST_SIZE);
    REQUIRE(wc_Sha256Hash(message.data(), length(message), digest.data()) == 0);
    CHECK(digest == from_hex(row.digest));
  }
}

TEST_CASE("AES-128-GCM (McGrew and Viega, test case 4)") {
  const Bytes key = from_hex("feffe9928665731c6d6a8f9467308308");
  const Bytes nonce = from_hex("cafebabefacedbaddecaf888");
  const Bytes additional = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const Bytes plain = from_hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const Bytes sealed = from_hex(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
      "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091");

  Aes aes;
  REQUIRE(wc_AesInit(&aes, nullptr, INVALID_DEVID) == 0);
  REQUIRE(wc_AesGcmSetKey(&aes, key.data(), length(key)) == 0);
  Bytes out(plain.size());
  Bytes tag(16);
  REQUIRE(wc_AesGcmEncrypt(&aes, out.data(), plain.data(), length(plain), nonce.data(), length(nonce), tag.data(),
                           length(tag), additional.data(), length(additional)) == 0);
  CHECK(out == sealed);
  CHECK(tag == from_hex("5bc94fbc3221a5db94fae95ae7121a47"));

  const auto open = [&](const Bytes& with_tag) {
    return wc_AesGcmDecrypt(&aes, out.data(), sealed.data(), length(sealed), nonce.data(), length(nonce),
                            with_tag.data(), length(with_tag), additional.data(), length(additional));
  };
  CHECK(open(tag) == 0);
  CHECK(out == plain);
  for (std::size_t i = 0; i < tag.size(); ++i) {
    CAPTURE(i);
    Bytes forged = tag;
    forged[i] ^= 1;
    CHECK(open(forged) == AES_GCM_AUTH_E);
  }
  wc_AesFree(&aes);
}

TEST_CASE("ChaCha20-Poly1305 (RFC 8439 §2.8.2)") {
  Bytes key(32);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(0x80 + i);
  const Bytes nonce = from_hex("070000004041424344454647");
  const Bytes additional = from_hex("50515253c0c1c2c3c4c5c6c7");
  const Bytes plain = bytes_of(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
      "it.");
  const Bytes sealed = from_hex(
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
      "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
      "3ff4def08e4b7a9de576d26586cec64b6116");

  Bytes out(plain.size());
  Bytes tag(CHACHA20_POLY1305_AEAD_AUTHTAG_SIZE);
  REQUIRE(wc_ChaCha20Poly1305_Encrypt(key.data(), nonce.data(), additional.data(), length(additional), plain.data(),
                                      length(plain), out.data(), tag.data()) == 0);
  CHECK(out == sealed);
  CHECK(tag == from_hex("1ae10b594f09e26a7e902ecbd0600691"));

  const auto open = [&](const Bytes& with_tag) {
    return wc_ChaCha20Poly1305_Decrypt(key.data(), nonce.data(), additional.data(), length(additional), sealed.data(),
                                       length(sealed), with_tag.data(), out.data());
  };
  CHECK(open(tag) == 0);
  CHECK(out == plain);
  for (std::size_t i = 0; i < tag.size(); ++i) {
    CAPTURE(i);
    Bytes forged = tag;
    forged[i] ^= 1;
    CHECK(open(forged) == MAC_CMP_FAILED_E);
  }
}

TEST_CASE("X25519 (RFC 7748 §5.2)") {
  const Bytes scalar = from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const Bytes point = from_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  curve25519_key secret;
  curve25519_key peer;
  REQUIRE(wc_curve25519_init(&secret) == 0);
  REQUIRE(wc_curve25519_init(&peer) == 0);
  REQUIRE(wc_curve25519_import_private_ex(scalar.data(), length(scalar), &secret, EC25519_LITTLE_ENDIAN) == 0);
  REQUIRE(wc_curve25519_import_public_ex(point.data(), length(point), &peer, EC25519_LITTLE_ENDIAN) == 0);
  Bytes shared(CURVE25519_KEYSIZE);
  word32 size = length(shared);
  REQUIRE(wc_curve25519_shared_secret_ex(&secret, &peer, shared.data(), &size, EC25519_LITTLE_ENDIAN) == 0);
  CHECK(shared == from_hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));
  wc_curve25519_free(&secret);
  wc_curve25519_free(&peer);
}

TEST_CASE("ECDSA P-256 verifies the signature of RFC 6979 A.2.5 and no other") {
  const Bytes x = from_hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
  const Bytes y = from_hex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
  const Bytes r = from_hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716");
  const Bytes s = from_hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
  ecc_key key;
  REQUIRE(wc_ecc_init(&key) == 0);
  REQUIRE(wc_ecc_import_unsigned(&key, x.data(), y.data(), nullptr, ECC_SECP256R1) == 0);
  Bytes signature(ECC_MAX_SIG_SIZE);
  word32 size = length(signature);
  REQUIRE(wc_ecc_rs_raw_to_sig(r.data(), length(r), s.data(), length(s), signature.data(), &size) == 0);

  struct Row {
    std::string_view message;
    bool is_genuine;
  };
  const auto rows = std::to_array<Row>({{"sample", true}, {"test", false}, {"sample ", false}, {"", false}});
  for (const auto& row : rows) {
    CAPTURE(row.message);
    const Bytes message = bytes_of(row.message);
    Bytes digest(WC_SHA256_DIGEST_SIZE);
    REQUIRE(wc_Sha256Hash(message.data(), length(message), digest.data()) == 0);
    int verified = -1;
    REQUIRE(wc_ecc_verify_hash(signature.data(), size, digest.data(), length(digest), &verified, &key) == 0);
    CHECK((verified == 1) == row.is_genuine);
  }
  wc_ecc_free(&key);
}

TEST_CASE("ECDSA P-256 verifies what it signed") {
  const Bytes x = from_hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
  const Bytes y = from_hex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
  const Bytes d = from_hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
  WC_RNG random;
  ecc_key key;
  REQUIRE(wc_InitRng(&random) == 0);
  REQUIRE(wc_ecc_init(&key) == 0);
  REQUIRE(wc_ecc_import_unsigned(&key, x.data(), y.data(), d.data(), ECC_SECP256R1) == 0);
  Bytes digest(WC_SHA256_DIGEST_SIZE, 0x5a);
  Bytes signature(ECC_MAX_SIG_SIZE);
  word32 size = length(signature);
  REQUIRE(wc_ecc_sign_hash(digest.data(), length(digest), signature.data(), &size, &random, &key) == 0);
  const auto is_verified = [&] {
    int verified = -1;
    REQUIRE(wc_ecc_verify_hash(signature.data(), size, digest.data(), length(digest), &verified, &key) == 0);
    return verified == 1;
  };
  CHECK(is_verified());
  digest[31] ^= 1;
  CHECK(!is_verified());
  wc_ecc_free(&key);
  wc_FreeRng(&random);
}
