// Prints how fast the linked wolfSSL is, so that a build without assembly catches the eye. Fails when the library was
// configured without assembly on a processor for which it has some; never on a speed.
#include <fmt/format.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <vector>

#include "base/assert.hpp"
#include "tls/library.hpp"

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Runs of `work` per second of this thread's processor time, measured for about a tenth of a second.
template <class Work>
double runs_per_second(Work work) {
  const double start = cpu_seconds();
  double spent = 0;
  std::uint64_t runs = 0;
  do {
    for (int i = 0; i < 64; ++i) work();
    runs += 64;
    spent = cpu_seconds() - start;
  } while (spent < 0.1);
  return static_cast<double>(runs) / spent;
}

double aes_gcm_bytes_per_second() {
  std::vector<std::uint8_t> record(16 * 1024);  // the largest TLS record
  const std::array<std::uint8_t, 16> key{1};
  const std::array<std::uint8_t, 12> nonce{2};
  std::array<std::uint8_t, 16> tag{};
  Aes aes;
  SLUICE_ASSERT(wc_AesInit(&aes, nullptr, INVALID_DEVID) == 0);
  SLUICE_ASSERT(wc_AesGcmSetKey(&aes, key.data(), key.size()) == 0);
  const double records = runs_per_second([&] {
    SLUICE_ASSERT(wc_AesGcmEncrypt(&aes, record.data(), record.data(), static_cast<word32>(record.size()), nonce.data(),
                                   nonce.size(), tag.data(), tag.size(), nullptr, 0) == 0);
  });
  wc_AesFree(&aes);
  return records * static_cast<double>(record.size());
}

double p256_signatures_per_second() {
  WC_RNG random;
  ecc_key key;
  SLUICE_ASSERT(wc_InitRng(&random) == 0);
  SLUICE_ASSERT(wc_ecc_init(&key) == 0);
  SLUICE_ASSERT(wc_ecc_make_key_ex(&random, 32, &key, ECC_SECP256R1) == 0);
  const std::array<std::uint8_t, 32> digest{3};
  std::array<std::uint8_t, ECC_MAX_SIG_SIZE> signature{};
  const double signatures = runs_per_second([&] {
    word32 size = signature.size();
    SLUICE_ASSERT(wc_ecc_sign_hash(digest.data(), digest.size(), signature.data(), &size, &random, &key) == 0);
  });
  wc_ecc_free(&key);
  wc_FreeRng(&random);
  return signatures;
}

}  // namespace

int main() {
  const sluice::tls::Library library;
  const auto assembly = sluice::tls::library_assembly();
  fmt::print("wolfSSL {}: AES-128-GCM {:.1f} GB/s, ECDSA P-256 sign {:.0f}k/s, assembly: {}\n",
             sluice::tls::library_version(), aes_gcm_bytes_per_second() * 1e-9, p256_signatures_per_second() * 1e-3,
             assembly.empty() ? "none" : assembly);
#if defined(__x86_64__) || defined(__aarch64__)
  return assembly.empty() ? 1 : 0;
#else
  return 0;
#endif
}
