#include "tls/library.hpp"

// options.h says how the library was built and comes before every other header of it.
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <atomic>

#include "base/assert.hpp"

namespace sluice::tls {

namespace {

std::atomic<bool> is_ready = false;

}  // namespace

Library::Library() {
  SLUICE_ASSERT(!is_ready.exchange(true));
  SLUICE_ASSERT(wolfSSL_Init() == WOLFSSL_SUCCESS);
}

Library::~Library() {
  SLUICE_ASSERT(wolfSSL_Cleanup() == WOLFSSL_SUCCESS);
  is_ready = false;
}

std::string_view library_version() { return wolfSSL_lib_version(); }

std::string_view library_assembly() {
#if defined(WOLFSSL_AESNI) && defined(USE_INTEL_SPEEDUP) && defined(WOLFSSL_SP_X86_64_ASM)
  return "AES-NI, SP";
#elif defined(WOLFSSL_ARMASM) && defined(WOLFSSL_SP_ARM64_ASM)
  return "ARMv8, SP";
#else
  return "";
#endif
}

}  // namespace sluice::tls
