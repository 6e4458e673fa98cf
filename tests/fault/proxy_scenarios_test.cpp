#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/frame_pool.hpp"
#include "net/listener.hpp"
#include "proxy/configuration.hpp"
#include "proxy/shard.hpp"
#include "runtime/kernel.hpp"
#include "torture.hpp"
#include "world.hpp"

// A whole shard under every fault: clients and an origin made of scripts, the proxy in between made of the real thing.
// Whatever goes wrong, a response that looks complete is the right one, and in the end nothing is left.
namespace sluice::fault {

namespace {

constexpr std::uint16_t proxy_port = 8080;
constexpr std::uint16_t origin_port = 9001;

// What: one scripted client: sends its bytes in pieces, reads until the end, and may vanish on the way.
class Client {
 public:
  struct Script {
    std::string sends;
    std::size_t piece = SIZE_MAX;         // bytes at a time
    std::vector<std::string> expects;     // bodies of the responses, in order
    std::size_t vanish_after = SIZE_MAX;  // resets the connection once so many bytes have come
  };

  explicit Client(Script script) : script_(std::move(script)) {}

  // True when it did something.
  bool act(World& world) {
    if (is_done_) return false;
    if (!was_connected_) {
      was_connected_ = true;
      peer_ = world.connect(Address::loopback(proxy_port));
      return true;
    }
    bool did = false;
    if (written_ < script_.sends.size()) {
      std::size_t took = peer_.write(std::string_view(script_.sends).substr(written_, script_.piece));
      written_ += took;
      did = took > 0;
    }
    std::string got = peer_.read();
    received_ += got;
    did = did || !got.empty();
    if (received_.size() >= script_.vanish_after) {
      peer_.reset();
      return finish();
    }
    if (count_responses() == script_.expects.size() || peer_.at_end() || peer_.was_reset() || !peer_.is_connected()) {
      return finish();
    }
    return did;
  }
  [[nodiscard]] bool is_done() const { return is_done_; }

  void check(World& world) {
    std::size_t complete = count_responses();
    for (std::size_t i = 0; i < complete; ++i) {
      // Our own error replies are recognised by their status.
      if (bodies_[i].starts_with("5") || bodies_[i].starts_with("4")) continue;
      world.expect(bodies_[i] == script_.expects[i],
                   "a complete response is the right one: " + bodies_[i].substr(0, 40));
    }
    if (!world.injected().empty() || script_.vanish_after != SIZE_MAX) return;
    world.expect(complete == script_.expects.size(),
                 "without faults every response comes: " + received_.substr(0, 200));
    for (std::size_t i = 0; i < complete; ++i) {
      world.expect(bodies_[i] == script_.expects[i],
                   "without faults every body is the origin's: " + received_.substr(0, 300));
    }
  }

 private:
  bool finish() {
    is_done_ = true;
    peer_.close();
    return true;
  }

  // Responses with Content-Length or chunks, as far as they are complete.
  std::size_t count_responses() {
    bodies_.clear();
    std::string_view rest = received_;
    while (bodies_.size() < script_.expects.size()) {
      std::size_t head_end = rest.find("\r\n\r\n");
      if (head_end == std::string_view::npos) break;
      std::string_view head = rest.substr(0, head_end);
      rest.remove_prefix(head_end + 4);
      if (head.starts_with("HTTP/1.1 1")) continue;
      std::optional<std::string> body = head.contains("chunked") ? take_chunks(rest) : take_length(head, rest);
      if (!body) break;
      bodies_.push_back(std::move(*body));
    }
    return bodies_.size();
  }
  static std::optional<std::string> take_length(std::string_view head, std::string_view& rest) {
    std::size_t at = head.find("Content-Length: ");
    if (at == std::string_view::npos) return std::string();
    std::size_t length = std::stoul(std::string(head.substr(at + 16, 10)));
    if (rest.size() < length) return std::nullopt;
    std::string body(rest.substr(0, length));
    rest.remove_prefix(length);
    return body;
  }
  static std::optional<std::string> take_chunks(std::string_view& rest) {
    std::string body;
    std::string_view at = rest;
    for (;;) {
      std::size_t line = at.find("\r\n");
      if (line == std::string_view::npos) return std::nullopt;
      std::size_t size = std::stoul(std::string(at.substr(0, line)), nullptr, 16);
      if (at.size() < line + 2 + size + 2) return std::nullopt;
      if (size == 0) break;
      body += at.substr(line + 2, size);
      at.remove_prefix(line + 2 + size + 2);
    }
    std::size_t end = at.find("\r\n\r\n");
    if (end == std::string_view::npos && !at.substr(0, 5).starts_with("0\r\n\r\n")) return std::nullopt;
    rest = at.substr(at.find("\r\n\r\n") + 4);
    return body;
  }

  Script script_;
  Peer peer_;
  std::string received_;
  std::vector<std::string> bodies_;
  std::size_t written_ = 0;
  bool was_connected_ = false;
  bool is_done_ = false;
};

// What: the scripted origin: keeps connections alive, answers by path, in pieces.
class Origin {
 public:
  explicit Origin(World& world) : listener_(world.listen(Address::loopback(origin_port))) {}

  bool act() {
    bool did = false;
    while (listener_.has_waiting()) {
      connections_.push_back({listener_.accept(), {}, {}});
      did = true;
    }
    for (Connection& connection : connections_) did = serve(connection) || did;
    std::erase_if(connections_, [](const Connection& one) { return one.is_over; });
    return did;
  }
  // Every connection is closed by the proxy in the end; what is left is ours to close.
  void close() { connections_.clear(); }

  static std::string big_body() {
    std::string body;
    for (std::size_t i = 0; i < 5000; ++i) body.push_back(static_cast<char>('a' + i * 11 % 26));
    return body;
  }

 private:
  struct Connection {
    Peer peer;
    std::string received;
    std::string to_send;
    bool closes = false;
    bool is_over = false;
  };

  static bool serve(Connection& connection) {
    std::string got = connection.peer.read();
    connection.received += got;
    bool did = !got.empty();
    while (take_request(connection)) did = true;
    if (!connection.to_send.empty()) {
      std::size_t took = connection.peer.write(std::string_view(connection.to_send).substr(0, 700));
      connection.to_send.erase(0, took);
      did = did || took > 0;
    }
    if ((connection.peer.at_end() && connection.to_send.empty()) || connection.peer.was_reset() ||
        (connection.closes && connection.to_send.empty())) {
      connection.is_over = true;
      did = true;
    }
    return did;
  }

  static bool take_request(Connection& connection) {
    std::size_t head_end = connection.received.find("\r\n\r\n");
    if (head_end == std::string::npos) return false;
    std::string head = connection.received.substr(0, head_end);
    std::size_t body_bytes = 0;
    if (std::size_t at = head.find("Content-Length: "); at != std::string::npos) {
      body_bytes = std::stoul(head.substr(at + 16, 10));
    }
    if (connection.received.size() < head_end + 4 + body_bytes) return false;
    std::string body = connection.received.substr(head_end + 4, body_bytes);
    connection.received.erase(0, head_end + 4 + body_bytes);
    connection.to_send += answer(head, body, connection.closes);
    return true;
  }

  static std::string answer(const std::string& head, const std::string& body, bool& closes) {
    if (head.contains(" /echo ")) return with_length(body);
    if (head.contains(" /big ")) return with_length(big_body());
    if (head.contains(" /chunked ")) {
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n";
    }
    if (head.contains(" /close ")) {
      closes = true;
      return "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    }
    return with_length("small");
  }
  static std::string with_length(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  PeerListener listener_;
  std::deque<Connection> connections_;
};

std::unique_ptr<proxy::Snapshot> make_snapshot() {
  auto configuration = proxy::parse_configuration("test.toml", R"(
[[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.api]
endpoints = ["127.0.0.1:9001"]
[[route]]
upstream = "api"
timeouts = { connect = "2s", first_byte = "10s", idle = "10s" }
)");
  auto snapshot = std::make_unique<proxy::Snapshot>();
  snapshot->routes = configuration->route_table();
  snapshot->limits = configuration->limits;
  snapshot->timeouts = configuration->timeouts;
  snapshot->max_connections = 100;
  return snapshot;
}

upstream::UpstreamSettings api_upstream() {
  auto configuration = proxy::parse_configuration("test.toml", R"(
[[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.api]
endpoints = ["127.0.0.1:9001"]
[[route]]
upstream = "api"
)");
  return configuration->upstreams.front();
}

// Runs a shard between the clients and the origin until all clients are done, drains it, and looks at what is left.
void run_shard(World& world, std::vector<Client> clients, std::uint64_t splice_threshold) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  std::size_t snapshots_alive = 0;
  {
    proxy::SnapshotPublisher publisher(make_snapshot(), 1);
    Result<int> listening = net::Listener::open_socket(*net::Address::parse("127.0.0.1:8080"), 16);
    if (!listening) return;
    proxy::ShardCounters counters;
    proxy::ShardPlan plan;
    plan.settings = {.ring_entries = 64,
                     .receive_buffers = 8,
                     .receive_buffer = 512,
                     .message_buffers = 64,
                     .splice_threshold = splice_threshold,
                     .pipes = 2,
                     .pipe_size = 65536};
    plan.listeners = {{"public", *listening}};
    plan.upstreams = {api_upstream()};
    plan.first_snapshot = publisher.newest();
    auto shard = proxy::Shard::open(std::move(plan), counters);
    if (!shard) {
      runtime::kernel::close(*listening);
      return;
    }
    Origin origin(world);
    bool is_draining = false;
    bool has_published = false;
    auto script = world.on_idle([&] {
      bool did = origin.act();
      bool all_done = true;
      for (Client& client : clients) {
        did = client.act(world) || did;
        all_done = all_done && client.is_done();
      }
      if (!has_published && clients.front().is_done()) {
        // A new snapshot in the middle of it all: what the others hold stays valid.
        has_published = true;
        publisher.publish(make_snapshot());
        (*shard)->loop().wake();
        return true;
      }
      if (all_done && !is_draining) {
        is_draining = true;
        auto drain = [](runtime::Loop&, std::uintptr_t target, std::uintptr_t) {
          reinterpret_cast<proxy::Shard*>(target)->begin_drain(std::chrono::seconds(20));
        };
        world.expect((*shard)->loop().mailbox().post({drain, reinterpret_cast<std::uintptr_t>(shard->get()), 0}),
                     "the mailbox has room");
        return true;
      }
      return did;
    });
    (*shard)->run();
    for (Client& client : clients) client.check(world);
    world.expect_zero("open connections", counters.connections_open.value());
    world.expect_zero("receive buffers", (*shard)->buffers().outstanding());
    world.expect_zero("message buffers", (*shard)->gather_blocks().outstanding());
    world.expect_zero("send buffers", (*shard)->send_blocks().outstanding());
    world.expect_zero("pipes in use", (*shard)->pipes().outstanding());
    origin.close();
    shard->reset();
    snapshots_alive = publisher.reclaim();
  }
  world.expect(snapshots_alive == 1, "old snapshots are freed");
  world.expect_zero("coroutine frames", memory::FramePool::of_this_thread().outstanding() - frames);
}

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

void run_small(World& world) {
  std::vector<Client> clients;
  clients.emplace_back(
      Client::Script{.sends = get("/a") + get("/chunked") + get("/b"), .expects = {"small", "hello world", "small"}});
  clients.emplace_back(
      Client::Script{.sends = get("/close") + get("/c"), .piece = 9, .expects = {"until the end", "small"}});
  run_shard(world, std::move(clients), 0);
}

void run_bodies(World& world) {
  std::string upload(3000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = post("/echo", upload), .piece = 700, .expects = {upload}});
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}});
  run_shard(world, std::move(clients), 0);
}

void run_spliced(World& world) {
  std::string upload(3000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{
      .sends = post("/echo", upload) + get("/big"), .piece = 700, .expects = {upload, Origin::big_body()}});
  run_shard(world, std::move(clients), 1000);
}

void run_vanishing(World& world) {
  std::string upload(2000, 'u');
  std::vector<Client> clients;
  clients.emplace_back(Client::Script{.sends = get("/big"), .expects = {Origin::big_body()}, .vanish_after = 600});
  clients.emplace_back(
      Client::Script{.sends = post("/echo", upload), .piece = 300, .expects = {upload}, .vanish_after = 1});
  clients.emplace_back(Client::Script{.sends = get("/a"), .expects = {"small"}});
  run_shard(world, std::move(clients), 1000);
}

}  // namespace

TEST_CASE("small exchanges survive every fault") {
  torture({.name = "small", .run = run_small, .check = {}, .plan = {}}, 3000);
}

TEST_CASE("copied bodies survive every fault") {
  torture({.name = "bodies", .run = run_bodies, .check = {}, .plan = {.socket_bytes = 1500}}, 3000);
}

TEST_CASE("spliced bodies survive every fault") {
  torture({.name = "spliced", .run = run_spliced, .check = {}, .plan = {.socket_bytes = 1500}}, 3000);
}

TEST_CASE("vanishing clients survive every fault") {
  torture({.name = "vanishing", .run = run_vanishing, .check = {}, .plan = {.socket_bytes = 1500}}, 3000);
}

}  // namespace sluice::fault
