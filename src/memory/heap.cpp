#include "memory/heap.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#if SLUICE_USE_MIMALLOC
#include <mimalloc.h>
#endif

namespace sluice::memory {

namespace {

thread_local constinit std::uint64_t allocations = 0;

void* take(std::size_t bytes, std::size_t alignment) noexcept {
  ++allocations;
  if (bytes == 0) bytes = 1;
#if SLUICE_USE_MIMALLOC
  return ::mi_malloc_aligned(bytes, alignment);
#else
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
  void* memory = nullptr;
  return ::posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
#endif
}

// Out of heap memory is not survivable: everything that a request needs comes from bounded pools.
void* take_or_abort(std::size_t bytes, std::size_t alignment) noexcept {
  void* memory = take(bytes, alignment);
  if (memory == nullptr) std::abort();
  return memory;
}

void give(void* memory) noexcept {
#if SLUICE_USE_MIMALLOC
  ::mi_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace

std::uint64_t heap_allocations_of_this_thread() noexcept { return allocations; }

const char* heap_name() noexcept {
#if SLUICE_USE_MIMALLOC
  return "mimalloc";
#else
  return "libc";
#endif
}

}  // namespace sluice::memory

void* operator new(std::size_t bytes) { return sluice::memory::take_or_abort(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return sluice::memory::take_or_abort(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return sluice::memory::take_or_abort(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return sluice::memory::take_or_abort(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return sluice::memory::take(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return sluice::memory::take(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return sluice::memory::take(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return sluice::memory::take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory) noexcept { sluice::memory::give(memory); }
void operator delete(void* memory, std::size_t) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory, std::size_t) noexcept { sluice::memory::give(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { sluice::memory::give(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { sluice::memory::give(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { sluice::memory::give(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { sluice::memory::give(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { sluice::memory::give(memory); }
