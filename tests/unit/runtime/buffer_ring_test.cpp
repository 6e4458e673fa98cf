#include "runtime/buffer_ring.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/death.hpp"
#include "memory/poison.hpp"
#include "runtime/loop_fixture.hpp"

namespace sluice::runtime {
namespace {

using test::LoopFixture;

// What: one end of a socket pair with a multishot receive, as a stream has it, and everything that it was told.
class Receiver final : private Operation, private BufferRing::Starved {
 public:
  Receiver(Loop& loop, BufferRing& buffers) : loop_(loop), buffers_(buffers), queue_(buffers) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_) == 0);
    arm();
  }
  ~Receiver() {
    queue_.clear();
    if (is_starved()) buffers_.stop_waiting(*this);
    for (int end : ends_) ::close(end);
  }
  void send(std::string_view packet) {
    CHECK(::send(ends_[1], packet.data(), packet.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size()));
  }
  void stop() {
    stopping_ = true;
    loop_.cancel(*this);
  }
  [[nodiscard]] SliceQueue& queue() { return queue_; }
  [[nodiscard]] bool is_waiting_for_buffers() const { return is_starved(); }
  [[nodiscard]] bool is_receiving() const { return in_flight(); }
  [[nodiscard]] int told() const { return told_; }

 private:
  void arm() {
    io_uring_sqe* sqe = loop_.next_sqe();
    if (sqe == nullptr) return;
    io_uring_prep_recv_multishot(sqe, ends_[0], nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = static_cast<std::uint16_t>(buffers_.group());
    loop_.start(*this, sqe);
  }
  void on_completion(int result, unsigned flags) override {
    if (result > 0) queue_.push(flags, static_cast<std::size_t>(result));
    if (in_flight() || stopping_) return;
    if (result == -ENOBUFS) {
      buffers_.wait_for_buffers(*this);
    } else {
      arm();
    }
  }
  void on_joined() override {}
  void on_buffers() override {
    ++told_;
    arm();
  }

  Loop& loop_;
  BufferRing& buffers_;
  SliceQueue queue_;
  int ends_[2] = {-1, -1};
  int told_ = 0;
  bool stopping_ = false;
};

std::unique_ptr<BufferRing> open_buffers(Loop& loop, std::size_t bytes, unsigned count) {
  auto opened = BufferRing::open(loop, bytes, count);
  REQUIRE(opened.has_value());
  return std::move(*opened);
}

std::string drain(SliceQueue& queue) {
  std::string all;
  while (!queue.is_empty()) all += std::string(queue.pop().bytes()) + ".";
  return all;
}

void end(LoopFixture& fixture, Receiver& receiver) {
  receiver.stop();
  fixture.run_until([&] { return !receiver.is_receiving(); });
}

TEST_CASE("received bytes come in order, in buffers that go back") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 256, 8);
  CHECK(buffers->count() == 8);
  CHECK(buffers->buffer_bytes() == 256);
  Receiver receiver(fixture.loop(), *buffers);
  for (int round = 0; round < 20; ++round) {
    for (const char* packet : {"one", "two", "three"}) receiver.send(packet);
    fixture.run_until([&] { return receiver.queue().count() == 3; });
    CHECK(buffers->outstanding() == 3);
    CHECK(drain(receiver.queue()) == "one.two.three.");
    CHECK(buffers->outstanding() == 0);
  }
  CHECK(buffers->shortages() == 0);
  end(fixture, receiver);
}

TEST_CASE("a slice is consumed from its front, moves, and goes back once") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 256, 4);
  Receiver receiver(fixture.loop(), *buffers);
  receiver.send("slice");
  receiver.send("other");
  fixture.run_until([&] { return receiver.queue().count() == 2; });
  Slice slice = receiver.queue().pop();
  slice.consume(2);
  CHECK(slice.bytes() == "ice");
  Slice moved = std::move(slice);
  CHECK(slice.is_empty());  // NOLINT(bugprone-use-after-move): what is promised of it
  CHECK(moved.bytes() == "ice");
  moved.consume(3);
  CHECK(moved.is_empty());
  CHECK(buffers->outstanding() == 2);  // empty, and still holding its buffer
  moved = receiver.queue().pop();
  CHECK(buffers->outstanding() == 1);
  CHECK(moved.bytes() == "other");
  moved.reset();
  moved.reset();
  CHECK(buffers->outstanding() == 0);
  end(fixture, receiver);
}

TEST_CASE("a receive that found no buffer is served when one comes back, the longest waiting first") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 64, 4);
  // Takes every buffer, and the kernel ends its receive with ENOBUFS although nothing more has come for it.
  Receiver greedy(fixture.loop(), *buffers);
  for (int i = 0; i < 4; ++i) greedy.send("x");
  fixture.run_until([&] { return greedy.is_waiting_for_buffers(); });
  CHECK(buffers->outstanding() == buffers->count());

  Receiver second(fixture.loop(), *buffers);
  Receiver third(fixture.loop(), *buffers);
  second.send("second");
  fixture.run_until([&] { return second.is_waiting_for_buffers(); });
  third.send("third");
  fixture.run_until([&] { return third.is_waiting_for_buffers(); });
  CHECK(buffers->shortages() == 3);
  fixture.settle();
  CHECK(greedy.told() + second.told() + third.told() == 0);

  (void)greedy.queue().pop();
  CHECK(greedy.told() == 1);
  CHECK(second.told() == 0);
  // The one who was told first has no use for the buffer: it must not be lost to the others.
  fixture.run_until([&] { return second.queue().count() == 1; });
  CHECK(third.queue().is_empty());
  CHECK(third.is_waiting_for_buffers());
  CHECK(drain(second.queue()) == "second.");
  fixture.run_until([&] { return third.queue().count() == 1; });
  CHECK(drain(third.queue()) == "third.");
  CHECK(drain(greedy.queue()) == "x.x.x.");
  CHECK(buffers->outstanding() == 0);
  for (Receiver* receiver : {&greedy, &second, &third}) end(fixture, *receiver);
}

TEST_CASE("many who are starved and have nothing to receive do not stand in the way of one who has") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 64, 2);
  Receiver greedy(fixture.loop(), *buffers);
  for (int i = 0; i < 2; ++i) greedy.send("x");
  fixture.run_until([&] { return greedy.is_waiting_for_buffers(); });
  std::vector<std::unique_ptr<Receiver>> idle;
  idle.reserve(20);
  for (int i = 0; i < 20; ++i) idle.push_back(std::make_unique<Receiver>(fixture.loop(), *buffers));
  fixture.run_until([&] { return idle.back()->is_waiting_for_buffers(); });
  idle.back()->send("needy");
  (void)greedy.queue().pop();
  fixture.run_until([&] { return !idle.back()->queue().is_empty(); });
  CHECK(drain(idle.back()->queue()) == "needy.");
  greedy.queue().clear();
  for (auto& receiver : idle) end(fixture, *receiver);
  end(fixture, greedy);
}

TEST_CASE("the kernel gets a few buffers, and twice as many each time that somebody found none") {
  LoopFixture fixture;
  for (unsigned count : {1U, 2U, 64U}) {
    auto few = open_buffers(fixture.loop(), 64, count);
    CHECK(few->in_use() == count);
    CHECK_FALSE(few->grow());
    CHECK(few->in_use() == count);
  }
  auto buffers = open_buffers(fixture.loop(), 64, 256);
  CHECK(buffers->in_use() == 64);
  Receiver receiver(fixture.loop(), *buffers);
  const auto send = [&](unsigned packets) {
    for (unsigned i = 0; i < packets; ++i) receiver.send("x");
  };
  send(64);
  fixture.run_until([&] { return receiver.is_waiting_for_buffers(); });
  CHECK(buffers->outstanding() == 64);
  for (unsigned in_use : {128U, 256U}) {
    fixture.settle(1);
    CHECK(buffers->grow());
    CHECK(buffers->grow());  // not again in one turn
    CHECK(buffers->in_use() == in_use);
    send(in_use / 2);
    // Of those that are new, none that somebody holds: each packet lies in a buffer of its own.
    fixture.run_until([&] { return buffers->outstanding() == in_use; });
  }
  fixture.settle(1);
  CHECK_FALSE(buffers->grow());
  CHECK(drain(receiver.queue()).size() == std::size_t{256} * 2);
  CHECK(buffers->outstanding() == 0);
  end(fixture, receiver);
}

TEST_CASE("more packets than buffers: all of them arrive in the end") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 64, 4);
  Receiver receiver(fixture.loop(), *buffers);
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    receiver.send(std::to_string(i));
    expected += std::to_string(i) + ".";
  }
  std::string received;
  fixture.run_until([&] {
    received += drain(receiver.queue());
    return received.size() == expected.size();
  });
  CHECK(received == expected);
  CHECK(buffers->shortages() > 0);
  end(fixture, receiver);
}

TEST_CASE("who stops waiting is not told") {
  LoopFixture fixture;
  auto buffers = open_buffers(fixture.loop(), 64, 1);
  Receiver greedy(fixture.loop(), *buffers);
  greedy.send("x");
  fixture.run_until([&] { return greedy.queue().count() == 1; });
  {
    Receiver gone(fixture.loop(), *buffers);
    gone.send("y");
    fixture.run_until([&] { return gone.is_waiting_for_buffers(); });
  }
  CHECK(drain(greedy.queue()) == "x.");
  end(fixture, greedy);
}

TEST_CASE("a ring does not end before its slices") {
  test::Death death = test::death_of([] {
    LoopFixture fixture;
    static Slice slice;
    auto buffers = open_buffers(fixture.loop(), 64, 1);
    Receiver receiver(fixture.loop(), *buffers);
    receiver.send("x");
    fixture.run_until([&] { return receiver.queue().count() == 1; });
    slice = receiver.queue().pop();
    end(fixture, receiver);
    buffers.reset();
  });
  CHECK(death.died);
  CHECK(death.report.contains("outstanding_ == 0"));
}

#if SLUICE_POISONS_MEMORY
TEST_CASE("touching a buffer that is the kernel's is caught") {
  test::Death death = test::death_of([] {
    LoopFixture fixture;
    auto buffers = open_buffers(fixture.loop(), 64, 1);
    Receiver receiver(fixture.loop(), *buffers);
    receiver.send("x");
    fixture.run_until([&] { return receiver.queue().count() == 1; });
    Slice slice = receiver.queue().pop();
    const volatile char* bytes = slice.bytes().data();
    slice.reset();
    (void)*bytes;
  });
  CHECK(death.died);
  CHECK(death.report.contains("use-after-poison"));
}
#endif

}  // namespace
}  // namespace sluice::runtime
