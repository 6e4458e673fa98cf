#include "proxy_story.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "memory/frame_pool.hpp"
#include "net/listener.hpp"
#include "proxy/compile.hpp"
#include "proxy/reason.hpp"
#include "runtime/kernel.hpp"

namespace sluice::fault {

namespace {

struct Chunks {
  std::string body;
  std::string trailers;
};

// Takes a chunked body off the front, once it is whole.
std::optional<Chunks> take_chunks(std::string_view& rest) {
  Chunks chunks;
  std::string_view at = rest;
  for (;;) {
    std::size_t line = at.find("\r\n");
    if (line == std::string_view::npos) return std::nullopt;
    std::size_t size = std::stoul(std::string(at.substr(0, line)), nullptr, 16);
    if (size == 0) {
      std::size_t end = at.find("\r\n\r\n", line);
      if (end == std::string_view::npos) return std::nullopt;
      if (end != line) chunks.trailers = at.substr(line + 2, end - line - 2);
      rest = at.substr(end + 4);
      return chunks;
    }
    if (at.size() < line + 2 + size + 2) return std::nullopt;
    chunks.body += at.substr(line + 2, size);
    at.remove_prefix(line + 2 + size + 2);
  }
}

// Takes a body off the front that the head says the length of, once it is whole.
std::optional<std::string> take_length(std::string_view head, std::string_view& rest) {
  std::size_t at = head.find("Content-Length: ");
  if (at == std::string_view::npos) return std::string();
  std::size_t length = std::stoul(std::string(head.substr(at + 16, 10)));
  if (rest.size() < length) return std::nullopt;
  std::string body(rest.substr(0, length));
  rest.remove_prefix(length);
  return body;
}

// The origin gets to see the trailers: behind the body.
std::optional<std::string> take_body(std::string_view head, std::string_view& rest) {
  if (!head.contains("Transfer-Encoding: chunked")) return take_length(head, rest);
  std::optional<Chunks> chunks = take_chunks(rest);
  if (!chunks) return std::nullopt;
  return chunks->body + (chunks->trailers.empty() ? "" : "|" + chunks->trailers);
}

std::string with_length(std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

bool is_reply_of_ours(std::string_view body) { return body.starts_with("5") || body.starts_with("4"); }

std::unique_ptr<proxy::Snapshot> make_snapshot(const Story& story, const std::string& endpoints,
                                               const std::string& upstream, const proxy::Snapshot* previous) {
  auto configuration = proxy::parse_configuration("test.toml", R"(
[[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.)" + upstream + R"(]
endpoints = [)" + endpoints + R"(]
)" + story.upstream + R"(
timeouts = { connect = "2s", idle = "10s", tunnel = "15s" }
[limits]
)" + story.limits + R"(
[[route]]
upstream = ")" + upstream + R"("
timeouts = { connect = "2s", first_byte = "10s", idle = "10s", tunnel = "15s" }
)");
  return proxy::compile(*configuration, {.shards = 1, .max_connections = 100}, previous);
}

// What: brings the story's reloads to the shard, each when the one before is over.
class Reloader {
 public:
  Reloader(World& world, proxy::Shard& shard, proxy::SnapshotPublisher& publisher, const Story& story)
      : world_(world), shard_(shard), publisher_(publisher), story_(story) {}

  // True when it did something. Once for each round of the clients; at once where they do nothing.
  bool act(bool is_quiet) {
    if (!has_more() || !is_idle() || (++rounds_ <= story_.rounds_between_reloads && !is_quiet)) return false;
    rounds_ = 0;
    begin(story_.reloads[next_++]);
    return true;
  }
  [[nodiscard]] bool is_idle() const { return changes_.empty() || changes_.back()->is_done.load(); }
  [[nodiscard]] bool has_more() const { return next_ != story_.reloads.size(); }
  [[nodiscard]] std::size_t over() const { return is_idle() ? next_ : next_ - 1; }

 private:
  void begin(const Reload& reload) {
    auto change = std::make_unique<proxy::ShardChange>();
    if (reload.adds_second_listener) {
      Result<int> listening = net::Listener::open_socket(*net::Address::parse("127.0.0.1:8081"), 16);
      if (!listening) return;  // a bad file changes nothing
      change->added.push_back({2, "second", *listening, {}});
    }
    if (reload.removes_first_listener) {
      change->removed.push_back(1);
    } else if (story_.listener.protocol == net::ListenerProtocol::tcp) {
      proxy::ListenerUpdate& update =
          change->updated.emplace_back(1U, "public", metrics::Slot{}, 16, std::string(), story_.listener);
      update.terms.upstream = reload.upstream;
    }
    change->on_done = [] {};
    publisher_.publish(make_snapshot(story_, reload.endpoints, reload.upstream, &publisher_.latest()));
    auto apply = [](runtime::Loop&, std::uintptr_t shard, std::uintptr_t what) {
      reinterpret_cast<proxy::Shard*>(shard)->apply(*reinterpret_cast<proxy::ShardChange*>(what));
    };
    changes_.push_back(std::move(change));
    world_.expect(shard_.loop().mailbox().post({apply, reinterpret_cast<std::uintptr_t>(&shard_),
                                                reinterpret_cast<std::uintptr_t>(changes_.back().get())}),
                  "the mailbox has room");
  }

  World& world_;
  proxy::Shard& shard_;
  proxy::SnapshotPublisher& publisher_;
  const Story& story_;
  std::vector<std::unique_ptr<proxy::ShardChange>> changes_;
  std::size_t next_ = 0;
  unsigned rounds_ = 0;
};

Result<int> open_listener(const Address& address) {
  namespace kernel = runtime::kernel;
  constexpr int backlog = 16;
  if (!address.is_unix()) {
    return net::Listener::open_socket(net::Address::from_sockaddr(address.data(), address.size()), backlog,
                                      net::CongestionControl::system);
  }
  const int fd = kernel::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return std::unexpected(error_from_errno(-fd));
  int result = kernel::bind(fd, address.data(), address.size());
  if (result == 0) result = kernel::listen(fd, backlog);
  if (result == 0) return fd;
  kernel::close(fd);
  return std::unexpected(error_from_errno(-result));
}

// What: lets the story look at the shard after each turn.
class Watch final : private runtime::Loop::TurnEnd {
 public:
  Watch(proxy::Shard& shard, const Story& story) : shard_(shard), story_(story) { shard_.loop().add_turn_end(*this); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { shard_.loop().remove_turn_end(*this); }

 private:
  void on_turn_end() override {
    if (story_.watch) story_.watch(shard_);
  }
  proxy::Shard& shard_;
  const Story& story_;
};

bool post_end(proxy::Shard& shard, const Story& story) {
  auto drain = [](runtime::Loop&, std::uintptr_t target, std::uintptr_t nanoseconds) {
    reinterpret_cast<proxy::Shard*>(target)->begin_drain(Duration(static_cast<std::int64_t>(nanoseconds)));
  };
  auto cut_off = [](runtime::Loop&, std::uintptr_t target, std::uintptr_t) {
    reinterpret_cast<proxy::Shard*>(target)->cut_off();
  };
  const auto target = reinterpret_cast<std::uintptr_t>(&shard);
  if (story.cuts_off) return shard.loop().mailbox().post({cut_off, target, 0});
  return shard.loop().mailbox().post({drain, target, static_cast<std::uintptr_t>(story.drain.count())});
}

void check_shard(World& world, proxy::Shard& shard, const proxy::ShardCounters& counters, const Story& story) {
  world.expect_zero("open connections", counters.connections_open.value());
  world.expect_zero("receive buffers", shard.buffers().outstanding());
  world.expect_zero("message buffers", shard.gather_blocks().outstanding());
  world.expect_zero("send buffers", shard.send_blocks().outstanding());
  world.expect_zero("pipes in use", shard.pipes().outstanding());
  world.expect_zero("retired upstreams", shard.upstreams().retired());
  world.expect_zero("remnants", shard.remnants().size());
  world.expect_zero("old snapshots", shard.snapshots().held() - 1);
  const std::uint64_t refused = counters.reasons[static_cast<std::size_t>(proxy::Reason::upstream_refused)].value();
  world.expect(refused <= counters.connect_failures.value(), "a connection that stood is never called refused");
  if (!world.injected().empty()) return;
  world.expect(shard.has_broken_off() == story.breaks_off, "exchanges are broken off only where they never end");
  if (story.check) story.check(counters);
}

}  // namespace

bool Client::act(World& world) {
  if (is_done_) return false;
  if (!was_connected_) {
    was_connected_ = true;
    peer_ = world.connect(script_.port == 0 ? Address::unix_socket("@public") : Address::loopback(script_.port));
    return true;
  }
  bool did = send_more() || end_sending();
  std::string got = script_.reads == 0 ? std::string() : peer_.read(script_.reads);
  received_ += got;
  did = did || !got.empty();
  const bool has_sent_all = script_.vanishes_when_sent && written_ == script_.sends.size();
  if (received_.size() >= script_.vanish_after || has_sent_all) {
    peer_.reset();
    return finish();
  }
  if (count_responses() == script_.expects.size() || peer_.at_end() || peer_.was_reset() || !peer_.is_connected()) {
    return finish();
  }
  return did;
}

bool Client::send_more() {
  std::string_view sends = script_.sends;
  if (!received_.starts_with("HTTP/1.1 10")) sends = sends.substr(0, script_.continue_after);
  if (written_ >= sends.size()) return false;
  std::size_t took = peer_.write(sends.substr(written_, script_.piece));
  written_ += took;
  return took > 0;
}

bool Client::end_sending() {
  if (!(script_.is_tunnel || script_.is_raw) || has_ended_sending_ || written_ != script_.sends.size()) return false;
  has_ended_sending_ = true;
  peer_.shutdown();
  return true;
}

bool Client::finish() {
  is_done_ = true;
  peer_.close();
  return true;
}

// What came through it is what was sent, from the beginning; all of it where nothing went wrong.
void Client::check_tunnel(World& world) const {
  const std::size_t head_end = received_.find("\r\n\r\n");
  const std::string_view sent = std::string_view(script_.sends).substr(script_.continue_after);
  if (!received_.starts_with("HTTP/1.1 101") || head_end == std::string::npos) {
    return world.expect(!world.injected().empty(), "without faults the tunnel is there: " + received_.substr(0, 200));
  }
  check_echo(world, sent, std::string_view(received_).substr(head_end + 4));
}

void Client::check_echo(World& world, std::string_view sent, std::string_view came) const {
  world.expect(sent.starts_with(came), "what comes out of a tunnel went in: " + std::string(came.substr(0, 100)));
  if (!world.injected().empty() || script_.vanish_after != SIZE_MAX || script_.is_stuck) return;
  world.expect(came == sent, "without faults all of it comes: " + std::to_string(came.size()) + " bytes");
}

void Client::check(World& world) {
  if (script_.is_tunnel) return check_tunnel(world);
  if (script_.is_raw && script_.may_be_refused && received_.empty()) return;
  if (script_.is_raw) return check_echo(world, script_.sends, received_);
  std::size_t complete = count_responses();
  for (std::size_t i = 0; i < complete; ++i) {
    // Our own error replies are recognised by their status.
    if (is_reply_of_ours(bodies_[i])) continue;
    world.expect(bodies_[i] == script_.expects[i], "a complete response is the right one: " + bodies_[i].substr(0, 40));
  }
  if (!world.injected().empty() || script_.may_be_refused) return;
  if (script_.vanish_after != SIZE_MAX || script_.vanishes_when_sent) return;
  if (script_.is_stuck) return world.expect_zero("responses to what never ends", complete);
  world.expect(complete == script_.expects.size(), "without faults every response comes: " + received_.substr(0, 200));
  for (std::size_t i = 0; i < complete; ++i) {
    world.expect(bodies_[i] == script_.expects[i],
                 "without faults every body is the origin's: " + received_.substr(0, 300));
  }
}

std::size_t Client::count_responses() {
  bodies_.clear();
  std::string_view rest = received_;
  while (bodies_.size() < script_.expects.size()) {
    std::size_t head_end = rest.find("\r\n\r\n");
    if (head_end == std::string_view::npos) break;
    std::string_view head = rest.substr(0, head_end);
    rest.remove_prefix(head_end + 4);
    if (head.starts_with("HTTP/1.1 1")) continue;
    std::optional<std::string> body;
    if (!head.contains("Transfer-Encoding: chunked")) {
      body = take_length(head, rest);
    } else if (std::optional<Chunks> chunks = take_chunks(rest)) {
      body = std::move(chunks->body);
    }
    if (!body) break;
    bodies_.push_back(std::move(*body));
  }
  return bodies_.size();
}

Origin::Origin(World& world, const Address& address, std::size_t piece, bool is_raw)
    : listener_(world.listen(address)), piece_(piece), is_raw_(is_raw) {}

bool Origin::act() {
  bool did = false;
  while (listener_.has_waiting()) {
    connections_.push_back({.peer = listener_.accept(),
                            .received = {},
                            .to_send = {},
                            .manner = is_raw_ ? Manner::echoes : Manner::stays});
    did = true;
  }
  for (Connection& connection : connections_) did = serve(connection) || did;
  std::erase_if(connections_, [](const Connection& one) { return one.is_over; });
  return did;
}

std::string Origin::big_body(std::size_t bytes) {
  std::string body;
  for (std::size_t i = 0; i < bytes; ++i) body.push_back(static_cast<char>('a' + i * 11 % 26));
  return body;
}

bool Origin::serve(Connection& connection) const {
  bool did = receive(connection);
  if (connection.is_over) return true;
  if (!connection.to_send.empty()) {
    std::size_t took = connection.peer.write(std::string_view(connection.to_send).substr(0, piece_));
    connection.to_send.erase(0, took);
    did = did || took > 0;
  }
  return part(connection) || did;
}

bool Origin::receive(Connection& connection) {
  const bool is_trap = connection.manner == Manner::resets || connection.manner == Manner::hangs_up;
  if (connection.manner == Manner::is_deaf) return false;
  if (is_trap && connection.to_send.empty() && connection.peer.readable() > 0) {
    if (connection.manner == Manner::hangs_up) (void)connection.peer.read();
    connection.is_over = true;
    return true;
  }
  if (is_trap) return false;
  std::string got = connection.peer.read();
  connection.received += got;
  bool did = !got.empty();
  if (connection.manner == Manner::echoes) {
    connection.to_send += std::exchange(connection.received, {});
    return did;
  }
  if (connection.manner != Manner::stays && connection.manner != Manner::closes) return did;
  while (take_request(connection)) did = true;
  return did;
}

// Whatever ends the connection.
bool Origin::part(Connection& connection) {
  if (connection.peer.was_reset()) {
    connection.is_over = true;
    return true;
  }
  if (!connection.to_send.empty()) return false;
  if (connection.manner == Manner::ends && !connection.has_ended) {
    connection.has_ended = true;
    connection.peer.shutdown();
    return true;
  }
  connection.is_over = connection.manner == Manner::closes || connection.peer.at_end();
  return connection.is_over;
}

bool Origin::take_request(Connection& connection) {
  if (connection.manner != Manner::stays) return false;
  std::string_view rest = connection.received;
  std::size_t head_end = rest.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return false;
  std::string head(rest.substr(0, head_end));
  if (answer_early(connection, head)) return true;
  rest.remove_prefix(head_end + 4);
  std::optional<std::string> body = take_body(head, rest);
  if (!body) return false;
  connection.received = std::string(rest);
  connection.to_send += answer(connection, head, *body);
  return true;
}

// What does not wait for the end of the request's body.
bool Origin::answer_early(Connection& connection, std::string_view head) {
  if (head.contains(" /never ")) {
    connection.manner = Manner::is_mute;
  } else if (head.contains(" /deaf ")) {
    connection.manner = Manner::is_deaf;
  } else if (head.contains(" /early ")) {
    connection.manner = Manner::ends;
    connection.to_send += with_length("early", "Connection: close\r\n");
  } else if (head.contains(" /early-close ")) {
    connection.manner = Manner::closes;
    connection.to_send += with_length("early", "Connection: close\r\n");
  } else if (head.contains("100-continue") && !connection.has_continued) {
    // Said once, before the body is looked at.
    connection.has_continued = true;
    connection.to_send += "HTTP/1.1 100 Continue\r\n\r\n";
    return false;
  } else {
    return false;
  }
  return true;
}

std::string Origin::answer(Connection& connection, std::string_view head, const std::string& body) {
  if (head.contains(" /echo ")) return with_length(body);
  if (head.contains(" /big ")) return with_length(big_body());
  if (head.contains(" /huge ")) return with_length(big_body(70'000));
  if (head.contains(" /chunked ")) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n";
  }
  if (head.contains(" /close ")) {
    connection.manner = Manner::closes;
    return "HTTP/1.1 200 OK\r\n\r\nuntil the end";
  }
  if (head.contains(" /tunnel ")) {
    connection.manner = Manner::echoes;
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  }
  if (head.contains(" /last ")) connection.manner = Manner::closes;
  if (head.contains(" /resets ")) connection.manner = Manner::resets;
  if (head.contains(" /hangs-up ")) connection.manner = Manner::hangs_up;
  return with_length("small");
}

void run_shard(World& world, std::vector<Client> clients, const Story& story) {
  const std::size_t frames = memory::FramePool::of_this_thread().outstanding();
  std::size_t snapshots_alive = 0;
  {
    proxy::SnapshotPublisher publisher(make_snapshot(story, story.endpoints, "api", nullptr), 1);
    Result<int> listening = open_listener(story.is_unix ? Address::unix_socket("@public") : Address::loopback(8080));
    if (!listening) return;
    proxy::ShardCounters counters;
    proxy::ShardPlan plan;
    plan.settings = story.settings;
    plan.listeners = {{1, "public", *listening, {}, story.listener}};
    plan.first_snapshot = publisher.newest();
    auto shard = proxy::Shard::open(std::move(plan), counters);
    if (!shard) {
      runtime::kernel::close(*listening);
      return;
    }
    const Address origin_address = story.is_unix ? Address::unix_socket("@origin") : Address::loopback(Origin::port);
    const bool is_raw = story.listener.protocol == net::ListenerProtocol::tcp;
    Origin origin(world, origin_address, story.origin_piece, is_raw);
    bool is_ending = false;
    Reloader reloader(world, **shard, publisher, story);
    auto script = world.on_idle([&] {
      bool did = origin.act();
      bool all_done = true;
      for (Client& client : clients) {
        if (client.starts_after_reloads() <= reloader.over()) did = client.act(world) || did;
        all_done = all_done && (client.is_done() || client.is_stuck());
      }
      did = reloader.act(!did) || did;
      all_done = all_done && !reloader.has_more() && (reloader.is_idle() || story.ends_in_reload);
      if (all_done && (!did || story.ends_in_reload) && !is_ending) {
        is_ending = true;
        world.expect(post_end(**shard, story), "the mailbox has room");
        return true;
      }
      return did;
    });
    {
      Watch watch(**shard, story);
      (*shard)->run();
    }
    for (Client& client : clients) client.check(world);
    check_shard(world, **shard, counters, story);
    world.expect(reloader.is_idle(), "every reload comes to its end");
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

}  // namespace sluice::fault
