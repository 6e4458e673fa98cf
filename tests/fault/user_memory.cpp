#include "user_memory.hpp"

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif

namespace sluice::fault {

namespace {

// memcpy is intercepted by the sanitizer even when called from here, so the loop must stay a loop.
__attribute__((no_sanitize("address"), no_builtin, noinline)) void copy(char* to, const char* from,
                                                                        std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) to[i] = from[i];
}

// The kernel gets its pointers as numbers; there is no other way back.
void* pointer(std::uint64_t address) noexcept {
  return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

void write_user(std::uint64_t to, const void* from, std::size_t bytes) noexcept {
  copy(static_cast<char*>(pointer(to)), static_cast<const char*>(from), bytes);
}

void read_user(void* to, std::uint64_t from, std::size_t bytes) noexcept {
  copy(static_cast<char*>(to), static_cast<const char*>(pointer(from)), bytes);
}

std::string read_user(std::uint64_t from, std::size_t bytes) {
  std::string out(bytes, '\0');
  read_user(out.data(), from, bytes);
  return out;
}

#if __has_feature(address_sanitizer)

bool is_poisoned(std::uint64_t address, std::size_t bytes) noexcept {
  return bytes != 0 && __asan_region_is_poisoned(pointer(address), bytes) != nullptr;
}

__attribute__((no_sanitize("address"))) bool is_freed(std::uint64_t address, std::size_t bytes) noexcept {
  constexpr unsigned char freed_heap = 0xfd;  // the shadow byte of a freed heap chunk
  std::size_t scale = 0;
  std::size_t offset = 0;
  __asan_get_shadow_mapping(&scale, &offset);
  if (bytes == 0) return false;
  for (std::uint64_t shadow = address >> scale; shadow <= (address + bytes - 1) >> scale; ++shadow) {
    if (*static_cast<const unsigned char*>(pointer(shadow + offset)) == freed_heap) return true;
  }
  return false;
}

#else

bool is_poisoned(std::uint64_t, std::size_t) noexcept { return false; }
bool is_freed(std::uint64_t, std::size_t) noexcept { return false; }

#endif

}  // namespace sluice::fault
