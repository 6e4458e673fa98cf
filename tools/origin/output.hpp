#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "net/stream.hpp"
#include "runtime/task.hpp"

namespace sluice::origin {

// What: gathers what is to be sent next, so that a response leaves in one operation. Short pieces are copied; long ones
// are
//       only referred to.
// Shard: the stream's.
// Invariants: bounded by has_room(); empty after flush(), whatever its result.
class Output {
 public:
  explicit Output(net::Stream& stream) : stream_(stream) {}

  // Whether another 128 bytes of text and one long piece fit; after that it wants a flush().
  [[nodiscard]] bool has_room() const {
    return text_size_ + step_bytes <= text_bytes_max && count_ + 3 <= parts_max && bytes_ < bytes_wanted;
  }
  [[nodiscard]] bool is_empty() const { return count_ == 0; }

  // Copies. Asserts that it fits: a head always does in an empty Output.
  void append(std::string_view text);
  void append_decimal(std::uint64_t value);
  // bytes: stay where they are until flush() has ended.
  void refer(std::string_view bytes);

  // Takes the text back, which is all that there is, and gives it as part of `out`.
  [[nodiscard]] std::string_view take(std::span<char> out);

  // Sends everything. Errors: as Stream::write.
  [[nodiscard]] runtime::Task<Result<void>> flush();

 private:
  static constexpr std::size_t text_bytes_max = 2048;
  static constexpr std::size_t step_bytes = 128;
  static constexpr std::size_t copied_bytes_max = 1024;  // beyond, another piece in the message is cheaper
  static constexpr std::size_t parts_max = 64;
  static constexpr std::size_t bytes_wanted = std::size_t{1} << 20;

  void add_part(const char* bytes, std::size_t size);

  net::Stream& stream_;
  std::size_t bytes_ = 0;
  std::size_t text_size_ = 0;
  std::size_t count_ = 0;
  std::array<iovec, parts_max> parts_;
  std::array<char, text_bytes_max> text_;
};

}  // namespace sluice::origin
