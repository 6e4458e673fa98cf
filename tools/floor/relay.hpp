#pragma once

#include <liburing.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/list.hpp"
#include "buffers.hpp"
#include "options.hpp"

namespace sluice::floor {

enum class Receive : std::uint8_t {
  off,       // not armed: before the connect, or paused because the sink is slow
  armed,     // a multishot receive is in flight
  stopping,  // and its cancel too
  starved,   // ended for want of buffers; goes on when the flow's own send is done
  alone,     // a single receive into the flow's own buffer is in flight, because there was none in the ring
  ended,     // the source has sent its FIN
};

enum class Send : std::uint8_t {
  idle,
  tried,     // in flight, completes during its submission whatever happens
  waiting,   // in flight until the sink takes bytes
  finished,  // the source's FIN was passed on
};

enum class Phase : std::uint8_t { free, connecting, relaying, closing };

[[nodiscard]] const char* to_string(Receive state) noexcept;
[[nodiscard]] const char* to_string(Send state) noexcept;
[[nodiscard]] const char* to_string(Phase phase) noexcept;

// One direction of a pair. Buffers from `head` to `tail` are linked through Relay::slots_; `head` is the one being
// sent.
struct Flow {
  int source = -1;
  int sink = -1;
  std::uint32_t head_sent = 0;  // bytes of the head buffer that are gone
  std::uint32_t head = 0;       // head, tail: valid while queued > 0
  std::uint32_t tail = 0;
  std::uint32_t queued = 0;
  std::uint32_t own_buffer = 0;  // used while the ring has none, so that no flow can stop all others for good
  Receive receive = Receive::off;
  Send send = Send::idle;
};

enum Direction : std::uint8_t { upwards, downwards };

struct Pair {
  std::array<Flow, 2> flows;    // by Direction; upwards.source is the client's socket, upwards.sink the upstream's
  std::uint32_t in_flight = 0;  // operations whose final completion has not been seen
  Phase phase = Phase::free;
  bool must_reset = false;  // close with RST, because one side failed
  ListHook hook;            // linked while free
};

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // clients closed at once, for want of a pair or a descriptor
  std::uint64_t failed = 0;   // pairs that ended by an error
  std::uint64_t bytes = 0;
  std::uint64_t receives = 0;
  std::uint64_t starved = 0;  // receives that found no buffer in the ring
  std::uint64_t short_sends = 0;
  std::uint64_t turns = 0;
};

// What: the whole program: accepts, connects, copies, closes.
// Shard: the thread that called open(), because the ring is SINGLE_ISSUER.
// Lifetime: open(), run() once, destroy.
// Invariants: a pair's descriptors are closed and its slot reused only when in_flight is zero; after run() every pair
// is free and every buffer given back, or run() says otherwise.
class Relay {
 public:
  explicit Relay(const Options& options) : options_(options) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

  // Returns null, or which step failed, with errno set.
  [[nodiscard]] const char* open() noexcept;
  // In network order; the port is the real one.
  [[nodiscard]] const sockaddr_in& local_address() const noexcept { return options_.listen; }

  // Returns after SIGTERM or SIGINT: 0, or the number of things leaked, or a negative errno when the ring broke.
  [[nodiscard]] int run() noexcept;
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  enum class Operation : std::uint8_t;
  struct Slot {
    std::uint32_t bytes = 0;  // filled by the receive
    std::uint32_t next = 0;
  };

  [[nodiscard]] const char* open_ring() noexcept;
  [[nodiscard]] const char* open_listener() noexcept;
  [[nodiscard]] const char* open_signals() noexcept;

  [[nodiscard]] int wait() noexcept;
  void handle(const io_uring_cqe& completion) noexcept;
  void handle_loose(Operation operation, const io_uring_cqe& completion) noexcept;
  void handle_pair(Pair& pair, Operation operation, const io_uring_cqe& completion) noexcept;
  io_uring_sqe& new_entry(Operation operation, const Pair* pair) noexcept;
  [[nodiscard]] std::uint64_t name_of(Operation operation, const Pair* pair) const noexcept;
  [[nodiscard]] static Operation receive_of(const Pair& pair, const Flow& flow) noexcept;

  void on_accept(const io_uring_cqe& completion) noexcept;
  void on_connect(Pair& pair, int result) noexcept;
  void on_receive(Pair& pair, Flow& flow, const io_uring_cqe& completion) noexcept;
  void on_receive_end(Pair& pair, Flow& flow, int result) noexcept;
  void on_send(Pair& pair, Flow& flow, int result) noexcept;

  void start_accept() noexcept;
  void pause_accept() noexcept;
  void rest_accept() noexcept;
  void start_pair(int client) noexcept;
  void start_receive(Pair& pair, Flow& flow) noexcept;
  void start_receive_alone(Pair& pair, Flow& flow) noexcept;
  void stop_receive(Pair& pair, Flow& flow) noexcept;
  void start_send(Pair& pair, Flow& flow, Send mode) noexcept;
  void advance(Pair& pair, Flow& flow) noexcept;
  void pass_end_on(Pair& pair, Flow& flow) noexcept;
  void fail(Pair& pair) noexcept;
  void abort(Pair& pair) noexcept;
  void release(Pair& pair) noexcept;
  void stop() noexcept;

  void push(Flow& flow, std::uint32_t buffer, std::uint32_t bytes) noexcept;
  void pop(Flow& flow) noexcept;
  enum class Accept : std::uint8_t { off, armed, stopping, resting };

  Options options_;
  io_uring ring_{};
  bool ring_open_ = false;
  bool buffers_open_ = false;
  bool stopping_ = false;
  Accept accept_ = Accept::off;
  int listener_ = -1;
  int signals_ = -1;
  unsigned pairs_used_ = 0;
  unsigned flow_buffers_max_ = 0;  // a flow that holds this many stops to receive
  unsigned loose_ = 0;             // operations in flight that belong to no pair
  unsigned tried_ = 0;             // sends in Send::tried
  bool more_to_do_ = false;        // there is something to do when the sends that were just tried are over
  Buffers buffers_;
  std::unique_ptr<Pair[]> pairs_;
  std::vector<Slot> slots_;  // by buffer
  List<Pair, &Pair::hook> free_;
  Counts counts_;
};

}  // namespace sluice::floor
