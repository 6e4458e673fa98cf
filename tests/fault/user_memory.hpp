#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

// How the simulated kernel touches the memory of the program. The real kernel's accesses are invisible to
// AddressSanitizer, so these are too; what the sanitizer knows about the memory is asked for instead. Addresses are
// numbers here, as they are in a submission queue entry.
namespace sluice::fault {

void write_user(std::uint64_t to, const void* from, std::size_t bytes) noexcept;
void read_user(void* to, std::uint64_t from, std::size_t bytes) noexcept;
[[nodiscard]] std::string read_user(std::uint64_t from, std::size_t bytes);
template <class T>
[[nodiscard]] T read_user(std::uint64_t from) noexcept {
  T value{};
  read_user(&value, from, sizeof value);
  return value;
}

// True when the range is certain to be dead: freed, or poisoned by its pool. Always false without AddressSanitizer.
[[nodiscard]] bool is_poisoned(std::uint64_t address, std::size_t bytes) noexcept;
// The same for memory that a pool poisons while the kernel owns it (provided buffers): only what went back to the heap.
[[nodiscard]] bool is_freed(std::uint64_t address, std::size_t bytes) noexcept;

}  // namespace sluice::fault
