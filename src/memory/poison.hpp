#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define SLUICE_POISONS_MEMORY 1
#else
#define SLUICE_POISONS_MEMORY 0
#endif

// Pools tell AddressSanitizer what they hold back, so that touching returned memory is caught as a heap error would be.
namespace sluice::memory {

inline void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if SLUICE_POISONS_MEMORY
  __asan_poison_memory_region(memory, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if SLUICE_POISONS_MEMORY
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

}  // namespace sluice::memory
