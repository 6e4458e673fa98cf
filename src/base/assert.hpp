#pragma once

namespace sluice {

// Prints the broken promise with its place and aborts. Never returns.
[[noreturn, gnu::cold]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace sluice

// Our own bugs, checked in every build. What a peer, the network, the kernel or a configuration can cause is an Error,
// never an assertion.
#define SLUICE_ASSERT(expression) \
  (__builtin_expect(!!(expression), 1) ? void(0) : ::sluice::assertion_failed(#expression, __FILE__, __LINE__))
