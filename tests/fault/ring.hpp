#pragma once

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "address.hpp"
#include "base/clock.hpp"
#include "descriptors.hpp"
#include "faults.hpp"

namespace sluice::fault {

class Socket;
class World;

// What: some bytes of the program's memory.
struct Piece {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
};

// What: one submitted operation until its last completion.
struct Operation {
  io_uring_sqe sqe{};          // as it was when submitted
  Call call = Call::op_nop;    //
  std::shared_ptr<File> file;  // null for timeouts
  Address address;             // op_connect
  std::vector<Piece> pieces;   // op_send and op_write: what to send
  std::size_t done = 0;        // bytes moved by earlier attempts (MSG_WAITALL)
  std::uint64_t wakes = 0;     // of the file, when a multishot poll last looked
  Instant due;                 // op_timeout
  Instant not_before;          // a fault makes it late
  bool is_multishot = false;
  bool is_cancelled = false;
  bool is_armed = false;                 // was issued, and waits for its file
  bool is_held = false;                  // too late for a cancel
  bool is_decided = false;               // the fault of its next completion has been chosen
  bool is_over = false;                  // has posted its last completion
  [[nodiscard]] Socket* socket() const;  // null when the file is something else
  [[nodiscard]] bool selects_buffer() const { return (sqe.flags & IOSQE_BUFFER_SELECT) != 0; }

  FaultKind shot = FaultKind::fail;  // short_one, short_half or last_shot for the next completion, else fail: nothing
};

// What: an io_uring in memory, its queues laid out as liburing's inline functions expect them. DEFER_TASKRUN: an
// operation
//   that has to wait completes only inside enter.
// Invariants: completions keep their order; while some overflow, all later ones do.
class Ring final : public File {
 public:
  Ring(World& world, unsigned submission_entries, unsigned completion_entries);
  ~Ring() override;

  void map(io_uring& user, int fd);
  [[nodiscard]] int enter(io_uring& user, unsigned wait_count, Duration timeout);

  [[nodiscard]] int add_buffers(unsigned entries, int group, io_uring_buf_ring*& out);
  [[nodiscard]] bool remove_buffers(int group, const io_uring_buf_ring* buffers);

  [[nodiscard]] std::size_t operations_in_flight() const { return operations_.size(); }
  // The earliest time at which an operation becomes due by itself.
  [[nodiscard]] Instant next_event() const;

  // False when there is no room and it may not overflow.
  bool post(std::uint64_t user_data, int result, unsigned flags, bool may_overflow = true);

  [[nodiscard]] short poll() const override;
  [[nodiscard]] std::string describe() const override { return "io_uring"; }

  // For World::should_yield and World::pass_time: what this ring last waited for.
  std::uint64_t waited_at_progress = UINT64_MAX;
  Instant waiting_until = Instant::never();

 private:
  struct Buffers {
    io_uring_buf_ring* ring;
    unsigned entries;
    std::uint16_t head;
  };
  struct Delayed {
    Instant at;
    std::uint64_t user_data;
    int result;
  };

  // ring.cpp
  void submit(const io_uring_sqe& sqe);
  int submit_all(io_uring& user, unsigned count);
  void flush_backlog();
  void run_task_work();
  [[nodiscard]] int wait(unsigned submitted, unsigned wait_count, Duration timeout);
  [[nodiscard]] unsigned ready_count() const { return *tail_ - *head_; }
  [[nodiscard]] bool is_full() const { return pretends_full_ || ready_count() >= completions_.size(); }

  // prepare.cpp
  [[nodiscard]] int prepare(Operation& operation);

  // operations.cpp
  void issue(std::list<Operation>::iterator operation);
  void advance(Operation& operation);
  [[nodiscard]] bool decide(Operation& operation);
  [[nodiscard]] bool is_ready(const Operation& operation) const;
  [[nodiscard]] Circumstance circumstance_of(const Operation& operation) const;
  void perform(Operation& operation);
  void perform_accept(Operation& operation);
  void perform_receive(Operation& operation);
  void perform_send(Operation& operation);
  void perform_poll(Operation& operation);
  void perform_read(Operation& operation);
  [[nodiscard]] int perform_at_once(Operation& operation);
  [[nodiscard]] int send_message(const Operation& operation);
  void shoot(Operation& operation, int result, unsigned flags);
  void fail(Operation& operation, int error);
  void give_up(Operation& operation, int result, unsigned flags = 0);
  void finish(Operation& operation, int result, unsigned flags = 0);
  [[nodiscard]] io_uring_buf* pick_buffer(const Operation& operation) const;
  [[nodiscard]] std::size_t limit_of(const Operation& operation, std::size_t bytes) const;
  void check_memory(const Operation& operation, std::uint64_t address, std::size_t bytes, bool is_provided);

  // cancel.cpp
  void cancel(const io_uring_sqe& sqe);
  void cancel_target(const io_uring_sqe& sqe, Operation& target);
  void delay(std::uint64_t user_data, int result);
  bool race(Operation& target);

  World& world_;
  std::vector<io_uring_sqe> submissions_;
  std::vector<io_uring_cqe> completions_;
  std::vector<unsigned> array_;
  // Head and tail of both queues; the submission queue's flags.
  std::vector<unsigned> shared_;
  unsigned* head_;
  unsigned* tail_;
  unsigned* submission_flags_;
  std::deque<io_uring_cqe> backlog_;
  std::vector<Delayed> delayed_;
  std::list<Operation> operations_;
  std::map<int, Buffers> buffers_;
  bool pretends_full_ = false;
};

}  // namespace sluice::fault
