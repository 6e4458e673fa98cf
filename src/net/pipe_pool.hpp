#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sluice::net {

class PipePool;

// What: a pipe that splice fills and drains. Given back to its pool when the handle ends: kept if it is empty, else
// closed,
//       since what is left in it belongs to a transfer that failed.
class Pipe {
 public:
  Pipe() = default;
  Pipe(Pipe&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        read_end_(other.read_end_),
        write_end_(other.write_end_),
        capacity_(other.capacity_),
        filled_(std::exchange(other.filled_, 0)) {}
  Pipe& operator=(Pipe&&) = delete;
  ~Pipe();

  explicit operator bool() const { return pool_ != nullptr; }
  [[nodiscard]] std::size_t filled() const { return filled_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  // Moves up to `bytes` from a socket into the pipe, or out of it into one. Gives the count, 0 at the socket's eof, or
  // -errno (-EAGAIN: the socket is not ready, or the pipe is full).
  [[nodiscard]] long fill_from(int socket, std::size_t bytes);
  [[nodiscard]] long drain_to(int socket);

  // What all transfers of the shard together may still move in this turn of its loop. turn: Loop::turn_number().
  [[nodiscard]] std::uint64_t& left_this_turn(std::uint64_t turn);

 private:
  friend class PipePool;
  Pipe(PipePool& pool, int read_end, int write_end, std::size_t capacity)
      : pool_(&pool), read_end_(read_end), write_end_(write_end), capacity_(capacity) {}
  PipePool* pool_ = nullptr;
  int read_end_ = -1;
  int write_end_ = -1;
  std::size_t capacity_ = 0;
  std::size_t filled_ = 0;
};

struct PipePoolSettings {
  std::size_t pipe_bytes = 1024 * 1024;   // asked for; the kernel may give less (pipe-user-pages-soft)
  std::size_t count_max = 64;             // open at once
  std::uint64_t turn_bytes = 256 * 1024;  // moved in one turn of the loop, by all transfers together
};

// What: the shard's pipes, last in first out.
// Shard: one.
// Lifetime: outlives every Pipe.
// Invariants: at most count_max pipes are open; every kept pipe is empty.
class PipePool {
 public:
  explicit PipePool(const PipePoolSettings& settings);
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;
  ~PipePool();

  // An empty handle where none is to be had: the caller copies instead.
  [[nodiscard]] Pipe take();

  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }
  [[nodiscard]] std::size_t open() const { return outstanding_ + kept_.size(); }
  [[nodiscard]] std::size_t count_max() const { return settings_.count_max; }
  // How often take() had none.
  [[nodiscard]] std::uint64_t shortages() const { return shortages_.load(std::memory_order_relaxed); }

 private:
  friend class Pipe;
  struct Ends {
    int read_end;
    int write_end;
    std::size_t capacity;
  };
  void give_back(Pipe& pipe);
  [[nodiscard]] Pipe shortage();

  PipePoolSettings settings_;
  std::vector<Ends> kept_;
  std::size_t outstanding_ = 0;
  std::uint64_t turn_ = 0;
  std::uint64_t left_this_turn_ = 0;  // of turn_
  std::atomic<std::uint64_t> shortages_{0};
};

}  // namespace sluice::net
