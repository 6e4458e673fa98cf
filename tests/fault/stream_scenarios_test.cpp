#include <chrono>
#include <memory>
#include <string>

#include "memory/frame_pool.hpp"
#include "net/listener.hpp"
#include "net/pipe_pool.hpp"
#include "net/splice.hpp"
#include "net/stream.hpp"
#include "runtime/kernel.hpp"
#include "runtime/loop.hpp"
#include "runtime/operation.hpp"
#include "runtime/scope.hpp"
#include "runtime/sync.hpp"
#include "torture.hpp"
#include "world.hpp"

// The runtime and the streams under every fault: nothing may leak, hang, be written to after it was freed, or be wrong.
namespace sluice::fault {

namespace {

using runtime::Loop;
using runtime::Task;

constexpr Duration patience = std::chrono::seconds(20);

std::string pattern(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>('a' + i * 7 % 26));
  return text;
}

void expect_nothing_left(World& world, std::size_t frames_before) {
  world.expect_zero("coroutine frames", memory::FramePool::of_this_thread().outstanding() - frames_before);
}

// What: a loop with what streams need, or nothing where the kernel refused.
class Bench {
 public:
  explicit Bench(unsigned buffer_bytes, unsigned buffer_count) {
    runtime::LoopSettings settings;
    settings.submission_entries = 8;
    settings.completion_entries = 64;
    settings.mailbox_entries = 4;
    auto opened = Loop::open(settings);
    if (!opened) return;
    auto ring = runtime::BufferRing::open(**opened, buffer_bytes, buffer_count);
    if (!ring) return;
    loop = std::move(*opened);
    buffers = std::move(*ring);
  }
  ~Bench() {
    buffers.reset();
    loop.reset();
  }
  [[nodiscard]] bool is_usable() const { return loop != nullptr; }

  std::unique_ptr<Loop> loop;
  std::unique_ptr<runtime::BufferRing> buffers;
};

net::Address here(std::uint16_t port) { return *net::Address::parse("127.0.0.1:" + std::to_string(port)); }

// ---- echo: accept, multishot receive with few small buffers, send, close ----

class Echo final : public net::Listener::Acceptor {
 public:
  Echo(Bench& bench, int fd) : bench_(bench), listener_(*bench.loop, fd, *this) {}

  void run() {
    bench_.loop->spawn("echo", serve());
    bench_.loop->run();
  }
  [[nodiscard]] bool is_closing() const { return closing_; }

 private:
  Task<void> serve() {
    listener_.start();
    (void)co_await done_.wait(bench_.loop->now() + patience);
    closing_ = true;
    co_await listener_.close();
    bench_.loop->stop();
  }
  void on_connection(int fd) override { bench_.loop->spawn("connection", echo(fd)); }

  Task<void> echo(int fd) {
    net::Stream stream(*bench_.loop, *bench_.buffers, fd, /*share_max=*/2);
    for (;;) {
      Result<runtime::Slice> slice = co_await stream.read(bench_.loop->now() + patience);
      if (!slice || slice->is_empty()) break;
      if (!co_await stream.write(slice->bytes(), patience)) break;
    }
    stream.shut_down_writing();
    co_await stream.close();
    done_.set();
  }

  Bench& bench_;
  net::Listener listener_;
  runtime::Event done_;
  bool closing_ = false;
};

void run_echo(World& world) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  {
    Bench bench(64, 4);
    if (!bench.is_usable()) return;
    Result<int> fd = net::Listener::open_socket(here(80), 8);
    if (!fd) return;
    const std::string sent = pattern(700);
    std::string received;
    Peer client;
    std::size_t written = 0;
    bool has_shut = false;
    bool has_connected = false;
    auto script = world.on_idle([&] {
      if (!has_connected) {
        has_connected = true;
        client = world.connect(Address::loopback(80));
        return true;
      }
      std::string got = client.read();
      received += got;
      std::size_t took = client.write(std::string_view(sent).substr(written));
      written += took;
      if (written == sent.size() && !has_shut) {
        has_shut = true;
        client.shutdown();
        return true;
      }
      return took > 0 || !got.empty();
    });
    Echo echo(bench, *fd);
    echo.run();
    received += client.read();
    world.expect(sent.starts_with(received), "the echo is a prefix of what was sent");
    if (world.injected().empty()) world.expect(received == sent, "without faults the echo is whole");
  }
  expect_nothing_left(world, frames);
}

// ---- relay: connect, splice in one direction, copy in the other, cancel what is left ----

class Relay {
 public:
  Relay(Bench& bench, std::size_t bytes)
      : bench_(bench), pipes_({.pipe_bytes = 65536, .count_max = 2}), bytes_(bytes) {}

  void run() {
    bench_.loop->spawn("relay", relay());
    bench_.loop->run();
  }

 private:
  Task<int> dial(std::uint16_t port) {
    int fd = runtime::kernel::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) co_return -1;
    net::Address address = here(port);
    Result<int> reached =
        co_await runtime::connect(fd, address.data(), address.size(), bench_.loop->now() + std::chrono::seconds(5));
    if (reached) co_return fd;
    runtime::kernel::close(fd);
    co_return -1;
  }

  Task<void> relay() {
    int from = co_await dial(81);
    int to = co_await dial(82);
    if (from >= 0 && to >= 0) {
      net::Stream source(*bench_.loop, *bench_.buffers, from, 4);
      net::Stream sink(*bench_.loop, *bench_.buffers, to, 4);
      co_await move(source, sink);
      co_await source.close();
      co_await sink.close();
    } else {
      if (from >= 0) runtime::kernel::close(from);
      if (to >= 0) runtime::kernel::close(to);
    }
    bench_.loop->stop();
  }

  Task<void> move(net::Stream& source, net::Stream& sink) {
    runtime::Scope scope(co_await runtime::this_strand());
    sink.start_receiving();
    scope.spawn("watch", watch(sink));
    // The first bytes come into buffers, as a head does; the rest past them.
    Result<runtime::Slice> first = co_await source.read(bench_.loop->now() + patience);
    std::size_t left = bytes_;
    if (first && !first->is_empty()) {
      left -= first->bytes().size();
      bool sent = (co_await sink.write(first->bytes(), patience)).has_value();
      first = runtime::Slice();
      co_await source.stop_receiving();
      while (std::optional<runtime::Slice> more = source.try_read()) {
        left -= more->bytes().size();
        sent = sent && co_await sink.write(more->bytes(), patience);
      }
      net::Pipe pipe = pipes_.take();
      if (sent && pipe && left > 0) (void)co_await net::splice(source, sink, left, pipe, patience);
    }
    sink.shut_down_writing();
    scope.cancel();
    co_await scope.join();
  }

  // A reader that nothing ever reaches: it ends by being cancelled.
  Task<void> watch(net::Stream& stream) { (void)co_await stream.read(Instant::never()); }

  Bench& bench_;
  net::PipePool pipes_;
  std::size_t bytes_;
};

void run_relay(World& world) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  {
    Bench bench(256, 4);
    if (!bench.is_usable()) return;
    const std::string sent = pattern(3000);
    std::string received;
    PeerListener source_listener = world.listen(Address::loopback(81));
    PeerListener sink_listener = world.listen(Address::loopback(82));
    Peer source;
    Peer sink;
    std::size_t written = 0;
    auto script = world.on_idle([&] {
      bool did = false;
      if (source_listener.has_waiting()) {
        source = source_listener.accept();
        did = true;
      }
      if (sink_listener.has_waiting()) {
        sink = sink_listener.accept();
        did = true;
      }
      if (source.is_connected() && written < sent.size()) {
        std::size_t took = source.write(std::string_view(sent).substr(written, 400));
        written += took;
        did = did || took > 0;
      }
      std::string got = sink.read(300);
      received += got;
      return did || !got.empty();
    });
    Relay relay(bench, sent.size());
    relay.run();
    received += sink.read();
    world.expect(sent.starts_with(received), "what was relayed is a prefix of what was sent");
    if (world.injected().empty()) world.expect(received == sent, "without faults it is whole");
  }
  expect_nothing_left(world, frames);
}

// ---- calls between two shards, one of them slow to answer; sleeps, a race of two ----

std::uintptr_t doubled(Loop& /*callee*/, std::uintptr_t argument) { return argument * 2; }

class Callers {
 public:
  Callers(Loop& caller, Loop& callee) : caller_(caller), callee_(callee) {}

  void run(World& world) {
    caller_.spawn("caller", call_many());
    while (!is_done_ || !caller_.is_idle() || !callee_.is_idle()) {
      caller_.turn(world.now() + std::chrono::milliseconds(1));
      callee_.turn(world.now() + std::chrono::milliseconds(1));
    }
    world.expect(wrong_ == 0, "every answer is that of its call");
    if (world.injected().empty()) world.expect(answered_ == 8, "without faults all are answered");
  }

 private:
  Task<void> call_many() {
    runtime::Strand& strand = co_await runtime::this_strand();
    runtime::Scope scope(strand);
    for (std::uintptr_t i = 1; i <= 6; ++i) scope.spawn("call", call_one(i));
    co_await scope.join();
    // The loser of a race is cancelled and joined, whichever it is.
    scope.spawn("sleep", sleep_and_set());
    scope.spawn("call", call_one(7));
    (void)co_await woken_.wait(caller_.now() + std::chrono::seconds(1));
    scope.cancel();
    co_await scope.join();
    co_await call_one(8);
    is_done_ = true;
  }
  Task<void> call_one(std::uintptr_t value) {
    Result<std::uintptr_t> answer =
        co_await runtime::Call(callee_, &doubled, value, caller_.now() + std::chrono::seconds(2));
    // The mailbox holds four: whoever is refused waits for a turn.
    while (!answer && answer.error().code == ErrorCode::exhausted) {
      if (!co_await runtime::sleep_until(caller_.now() + std::chrono::milliseconds(2))) co_return;
      answer = co_await runtime::Call(callee_, &doubled, value, caller_.now() + std::chrono::seconds(2));
    }
    if (!answer) co_return;
    ++answered_;
    if (*answer != value * 2) ++wrong_;
  }
  Task<void> sleep_and_set() {
    if (co_await runtime::sleep_until(caller_.now() + std::chrono::milliseconds(50))) woken_.set();
  }

  Loop& caller_;
  Loop& callee_;
  runtime::Event woken_;
  int answered_ = 0;
  int wrong_ = 0;
  bool is_done_ = false;
};

void run_calls(World& world) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  {
    Bench first(64, 4);
    Bench second(64, 4);
    if (!first.is_usable() || !second.is_usable()) return;
    Callers(*first.loop, *second.loop).run(world);
  }
  expect_nothing_left(world, frames);
}

}  // namespace

TEST_CASE("transfers that never have to wait share the loop's turns with everybody else") {
  constexpr std::size_t bytes = std::size_t{8} << 20;
  World world(1, {.socket_bytes = 2 * bytes});
  {
    Bench bench(256, 4);
    REQUIRE(bench.is_usable());
    PeerListener source_listener = world.listen(Address::loopback(81));
    PeerListener sink_listener = world.listen(Address::loopback(82));
    Peer source;
    auto script = world.on_idle([&] {
      if (!source_listener.has_waiting()) return false;
      source = source_listener.accept();
      return source.write(pattern(bytes)) == bytes;
    });
    Relay relay(bench, bytes);
    const std::uint64_t before = bench.loop->turn_number();
    relay.run();
    // From the first byte on nobody was idle: the sink is accepted only now.
    Peer sink = sink_listener.accept();
    CHECK(sink.readable() == bytes);
    // A quarter of a MiB for each turn, and no more.
    CHECK(bench.loop->turn_number() - before >= bytes / (std::size_t{256} << 10));
    (void)sink.read();
  }
  CHECK(world.failure() == "");
}

TEST_CASE("an echo server survives every fault") {
  torture({.name = "echo", .run = run_echo, .check = {}, .plan = {}}, 1500);
}

TEST_CASE("a splicing relay survives every fault") {
  torture({.name = "relay", .run = run_relay, .check = {}, .plan = {.socket_bytes = 1000}}, 1500);
}

TEST_CASE("calls between shards survive every fault") {
  torture({.name = "calls", .run = run_calls, .check = {}, .plan = {}}, 1000);
}

}  // namespace sluice::fault
