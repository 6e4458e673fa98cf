#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "descriptors.hpp"

namespace sluice::fault {

// What: the buffer of a pipe: slots of at most a page; what one splice brings shares no slot with the next one, so that
// a pipe can be full of few bytes, as Linux's can.
class Pipe {
 public:
  static constexpr std::size_t page = 4096;

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t room() const { return (slots_ - std::min(slots_, chunks_.size())) * page; }
  [[nodiscard]] std::size_t capacity() const { return slots_ * page; }
  void push(std::string_view bytes);
  [[nodiscard]] std::string pop(std::size_t bytes_max);
  // The size that it got, or -EBUSY when more is in use.
  [[nodiscard]] int resize(int bytes);

  bool has_reader = true;
  bool has_writer = true;

 private:
  std::size_t slots_ = 16;
  std::deque<std::string> chunks_;
};

// What: one end of a pipe.
class PipeEnd final : public File {
 public:
  PipeEnd(std::shared_ptr<Pipe> pipe, bool is_reader) : pipe_(std::move(pipe)), is_reader_(is_reader) {}
  ~PipeEnd() override;

  void set_opposite(const std::shared_ptr<PipeEnd>& end) { opposite_ = end; }
  [[nodiscard]] Pipe& pipe() const { return *pipe_; }
  [[nodiscard]] bool is_reader() const { return is_reader_; }

  // Bytes written by the other end, 0 at the end, -EAGAIN.
  [[nodiscard]] long read(std::size_t bytes_max, std::string& out);
  [[nodiscard]] bool can_read() const { return pipe_->bytes() != 0 || !pipe_->has_writer; }
  // > 0, -EAGAIN, -EPIPE.
  [[nodiscard]] long write_room() const;
  void write(std::string_view bytes);

  [[nodiscard]] short poll() const override;
  [[nodiscard]] std::string describe() const override { return is_reader_ ? "pipe, read end" : "pipe, write end"; }
  [[nodiscard]] std::size_t pending_bytes() const override { return is_reader_ ? pipe_->bytes() : 0; }

 private:
  void wake_opposite();

  std::shared_ptr<Pipe> pipe_;
  std::weak_ptr<PipeEnd> opposite_;
  bool is_reader_;
};

// What: an eventfd.
class EventCounter final : public File {
 public:
  void add(std::uint64_t count) {
    count_ += count;
    wake();
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  std::uint64_t take() { return std::exchange(count_, 0); }

  [[nodiscard]] short poll() const override;
  [[nodiscard]] std::string describe() const override { return "eventfd"; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace sluice::fault
