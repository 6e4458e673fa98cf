#pragma once

#include <cstdint>

namespace sluice::memory {

// How often this thread has asked the general heap for memory (operator new). The request path asks never, once its
// pools are warm: a test holds it to that.
[[nodiscard]] std::uint64_t heap_allocations_of_this_thread() noexcept;

// "mimalloc", or "libc" where mimalloc is not built in (sanitized builds).
[[nodiscard]] const char* heap_name() noexcept;

}  // namespace sluice::memory
