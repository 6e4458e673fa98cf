#include "output.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "limits.hpp"
#include "runtime/operation.hpp"

namespace sluice::origin {
namespace {

std::span<iovec> without_sent(std::span<iovec> parts, std::size_t sent) {
  while (!parts.empty() && sent >= parts.front().iov_len) {
    sent -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (sent != 0) {
    iovec& part = parts.front();
    part = {static_cast<char*>(part.iov_base) + sent, part.iov_len - sent};
  }
  return parts;
}

}  // namespace

void Output::append(std::string_view text) {
  if (text.empty()) return;
  SLUICE_ASSERT(text_size_ + text.size() <= text_bytes_max);
  char* at = text_.data() + text_size_;
  std::memcpy(at, text.data(), text.size());
  text_size_ += text.size();
  add_part(at, text.size());
}

void Output::append_decimal(std::uint64_t value) {
  char digits[20];
  char* end = ascii::write_decimal(digits, value);
  append({digits, static_cast<std::size_t>(end - digits)});
}

void Output::refer(std::string_view bytes) {
  if (bytes.empty()) return;
  // One contiguous text goes out with a plain send.
  if (bytes.size() <= copied_bytes_max && text_size_ + bytes.size() + step_bytes <= text_bytes_max)
    return append(bytes);
  add_part(bytes.data(), bytes.size());
}

void Output::add_part(const char* bytes, std::size_t size) {
  bytes_ += size;
  if (count_ != 0) {
    iovec& last = parts_[count_ - 1];
    if (static_cast<const char*>(last.iov_base) + last.iov_len == bytes) {
      last.iov_len += size;
      return;
    }
  }
  SLUICE_ASSERT(count_ < parts_max);
  parts_[count_++] = {const_cast<char*>(bytes), size};
}

std::string_view Output::take(std::span<char> out) {
  SLUICE_ASSERT(bytes_ == text_size_ && text_size_ <= out.size());
  std::memcpy(out.data(), text_.data(), text_size_);
  std::string_view text(out.data(), text_size_);
  bytes_ = text_size_ = count_ = 0;
  return text;
}

runtime::Task<Result<void>> Output::flush() {
  std::span<iovec> parts(parts_.data(), count_);
  bytes_ = text_size_ = count_ = 0;
  while (!parts.empty()) {
    Instant deadline = stream_.loop().now() + send_timeout;
    Result<int> sent;
    if (parts.size() == 1) {
      sent = co_await runtime::send(stream_.fd(), parts[0].iov_base, parts[0].iov_len, 0, deadline);
    } else {
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      sent = co_await runtime::send_message(stream_.fd(), &message, 0, deadline);
    }
    if (sent) {
      parts = without_sent(parts, static_cast<std::size_t>(*sent));
    } else if (sent.error().os_error != EINTR) {
      co_return std::unexpected(sent.error());
    }
  }
  co_return Result<void>();
}

}  // namespace sluice::origin
