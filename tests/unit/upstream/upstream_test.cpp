#include "upstream/upstream.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/outcome.hpp"
#include "net/stream_fixture.hpp"
#include "upstream/origin.hpp"

namespace sluice::upstream {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using test::NetFixture;
using test::Origin;
using test::outcome;

// What: an upstream with the given endpoints. Closes its idle connections at its end.
class Fixture : public NetFixture {
 public:
  explicit Fixture(KeepAliveSettings keep_alive = {}) {
    settings_.name.value = "api";
    settings_.keep_alive = std::move(keep_alive);
  }
  ~Fixture() {
    if (!upstream_) return;
    upstream_->evict_idle();
    run_until([this] { return loop().is_idle(); });
    upstream_.reset();
  }
  void add(const net::Address& address, std::uint32_t weight = 1) {
    EndpointSettings endpoint;
    endpoint.address.value = address.to_string();
    endpoint.weight = weight;
    settings_.endpoints.push_back(endpoint);
  }
  void announce(ProxyProtocol protocol) {
    settings_.proxy_protocol = protocol;
    if (upstream_) upstream_->update(settings_);
  }
  [[nodiscard]] Upstream& upstream() {
    if (!upstream_) {
      Resources resources{loop(), buffers(), blocks(), blocks(), 16, meters_};
      upstream_ = std::make_unique<Upstream>(settings_, resources, 0);
    }
    return *upstream_;
  }
  [[nodiscard]] Endpoint& endpoint() { return *upstream().pick(); }

  // A new connection; null with the reason in `how`.
  [[nodiscard]] Connection* connect(Endpoint& to, std::string& how, Duration timeout = 60s) {
    Connection* connection = nullptr;
    spawn([](Endpoint& target, Connection*& out, std::string& told, Duration limit) -> Task<void> {
      Result<Connection*> connected = co_await target.connect(limit);
      told = outcome(connected);
      if (connected) {
        out = *connected;
      } else {
        CHECK(connected.error().side == Side::upstream);
        CHECK(connected.error().retry == Retry::safe);
      }
    }(to, connection, how, timeout));
    run_until([&] { return !how.empty(); });
    return connection;
  }
  [[nodiscard]] Connection& connected(Endpoint& to) {
    std::string how;
    Connection* connection = connect(to, how);
    REQUIRE(how == "ok");
    return *connection;
  }
  void discard(Connection& connection) {
    Endpoint& endpoint = connection.endpoint();
    const std::size_t open = endpoint.open();
    spawn([](Endpoint& from, Connection& one) -> Task<void> { co_await from.discard(one); }(endpoint, connection));
    run_until([&] { return endpoint.open() == open - 1; });
  }

 private:
  EndpointMeters meters_;
  UpstreamSettings settings_;
  std::unique_ptr<Upstream> upstream_;
};

// What: a unix socket in the abstract namespace that listens.
class UnixOrigin {
 public:
  explicit UnixOrigin(int backlog) : address_(*net::Address::parse(fresh_name())) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(::bind(fd_, address_.data(), address_.size()) == 0);
    REQUIRE(::listen(fd_, backlog) == 0);
  }
  UnixOrigin(const UnixOrigin&) = delete;
  UnixOrigin& operator=(const UnixOrigin&) = delete;
  ~UnixOrigin() { ::close(fd_); }
  [[nodiscard]] const net::Address& address() const { return address_; }
  [[nodiscard]] test::Peer accept() const { return test::Peer(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  static std::string fresh_name() {
    static int count = 0;
    return "unix:@sluice-upstream-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  }
  net::Address address_;
  int fd_ = -1;
};

TEST_CASE("a connection to a unix socket") {
  UnixOrigin origin(16);
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  CHECK(endpoint.name() == origin.address().to_string());
  CHECK(endpoint.host() == "localhost");
  Connection& connection = fixture.connected(endpoint);
  test::Peer peer = origin.accept();
  peer.say("hello");
  connection.stream().start_receiving();
  fixture.run_until([&] { return connection.stream().has_unread(); });
  fixture.discard(connection);
}

TEST_CASE("a unix socket that cannot be connected to") {
  struct Row {
    std::string_view address;
    std::string_view outcome;
  };
  const Row rows[] = {
      {"unix:@sluice-nobody-is-there", "refused"},
      {"unix:/nonexistent/app.sock", "refused"},
      {"unix:/dev/null", "refused"},
      {"unix:/dev/null/app.sock", "unreachable"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.address);
    Fixture fixture;
    fixture.add(*net::Address::parse(row.address));
    std::string how;
    CHECK(fixture.connect(fixture.endpoint(), how) == nullptr);
    CHECK(how == row.outcome);
  }
}

TEST_CASE("a unix socket whose queue is full is waited for, as long as a connect may take") {
  UnixOrigin origin(0);
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  Connection& first = fixture.connected(endpoint);  // it fills the queue
  std::string how;
  CHECK(fixture.connect(endpoint, how, 20ms) == nullptr);
  CHECK(how == "timed_out");

  Connection* second = nullptr;
  how.clear();
  fixture.spawn([](Endpoint& to, Connection*& out, std::string& told) -> Task<void> {
    Result<Connection*> connected = co_await to.connect(60s);
    told = outcome(connected);
    if (connected) out = *connected;
  }(endpoint, second, how));
  fixture.settle();
  CHECK(how.empty());
  test::Peer peer = origin.accept();
  fixture.run_until([&] { return !how.empty(); });
  CHECK(how == "ok");
  REQUIRE(second != nullptr);
  fixture.discard(first);
  fixture.discard(*second);
}

TEST_CASE("the connection that was used last is used next") {
  Origin origin;
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  CHECK(endpoint.name() == origin.address().to_string());
  CHECK(endpoint.take_idle() == nullptr);
  Connection* connections[3];
  for (Connection*& connection : connections) {
    connection = &fixture.connected(endpoint);
    CHECK_FALSE(connection->is_reused());
    CHECK(&connection->endpoint() == &endpoint);
  }
  CHECK(endpoint.open() == 3);
  for (Connection* connection : connections) endpoint.keep(*connection);
  CHECK(fixture.upstream().idle_count() == 3);
  for (int i = 2; i >= 0; --i) {
    Connection* taken = endpoint.take_idle();
    CHECK(taken == connections[i]);
    CHECK(taken->is_reused());
  }
  CHECK(endpoint.take_idle() == nullptr);
  CHECK(fixture.upstream().idle_count() == 0);
  CHECK(endpoint.open() == 3);
  for (Connection* connection : connections) fixture.discard(*connection);
  CHECK(endpoint.open() == 0);
}

TEST_CASE("a connection that says whose it is serves nobody else") {
  Origin first;
  Origin second;
  Fixture fixture;
  fixture.announce(ProxyProtocol::v2);
  fixture.add(first.address());
  fixture.add(second.address());
  Endpoint& endpoint = fixture.endpoint();
  Endpoint& other = fixture.endpoint();
  REQUIRE(&endpoint != &other);
  OwnConnections mine;
  OwnConnections yours;
  Connection& connection = fixture.connected(endpoint);
  Connection& elsewhere = fixture.connected(other);
  CHECK(connection.is_private());
  CHECK(to_string(connection.proxy_protocol()) == "v2");
  endpoint.keep(connection, &mine);
  other.keep(elsewhere, &mine);
  CHECK(fixture.upstream().idle_count() == 2);
  CHECK(endpoint.take_idle() == nullptr);
  CHECK(endpoint.take_idle(&yours) == nullptr);
  CHECK(endpoint.take_idle(&mine) == &connection);
  CHECK(endpoint.take_idle(&mine) == nullptr);
  CHECK(other.take_idle(&mine) == &elsewhere);
  CHECK(fixture.upstream().idle_count() == 0);
  endpoint.keep(connection, &mine);
  other.keep(elsewhere, &yours);
  mine.close_all();
  CHECK(fixture.upstream().idle_count() == 1);
  fixture.run_until([&] { return endpoint.open() == 0; });
  CHECK(other.take_idle(&yours) == &elsewhere);
  fixture.discard(elsewhere);
}

TEST_CASE("connections do not outlive a change of what they begin with") {
  for (ProxyProtocol before : {ProxyProtocol::off, ProxyProtocol::v1, ProxyProtocol::v2}) {
    for (ProxyProtocol after : {ProxyProtocol::off, ProxyProtocol::v1, ProxyProtocol::v2}) {
      CAPTURE(to_string(before));
      CAPTURE(to_string(after));
      Origin origin;
      Fixture fixture;
      fixture.announce(before);
      fixture.add(origin.address());
      Endpoint& endpoint = fixture.endpoint();
      OwnConnections mine;
      OwnConnections* own = before == ProxyProtocol::off ? nullptr : &mine;
      Connection& busy = fixture.connected(endpoint);
      endpoint.keep(fixture.connected(endpoint), own);
      fixture.announce(after);
      CHECK(fixture.upstream().idle_count() == (before == after ? 1 : 0));
      endpoint.keep(busy, own);
      // The header has been sent: another version of it says the same.
      const bool is_kept = (before == ProxyProtocol::off) == (after == ProxyProtocol::off);
      CHECK(fixture.upstream().idle_count() == (before == after ? 2 : is_kept ? 1 : 0));
      mine.close_all();
      fixture.upstream().evict_idle();
      fixture.run_until([&] { return endpoint.open() == 0; });
    }
  }
}

TEST_CASE("no more connections are kept than are allowed, over all endpoints") {
  for (std::uint32_t max_idle : {0U, 1U, 3U}) {
    CAPTURE(max_idle);
    Origin first;
    Origin second;
    Fixture fixture({.max_idle = max_idle, .idle_timeout = 60s, .max_requests = {}});
    fixture.add(first.address());
    fixture.add(second.address());
    std::vector<Connection*> connections;
    connections.reserve(6);
    for (int i = 0; i < 6; ++i) connections.push_back(&fixture.connected(*fixture.upstream().pick()));
    for (Connection* connection : connections) {
      connection->endpoint().keep(*connection);
      CHECK(fixture.upstream().idle_count() <= max_idle);
    }
    CHECK(fixture.upstream().idle_count() == max_idle);
    fixture.run_until([&] { return fixture.loop().roots() == 0; });
    std::size_t open = 0;
    open += fixture.upstream().pick()->open();
    open += fixture.upstream().pick()->open();  // they take turns
    CHECK(open == max_idle);
  }
}

TEST_CASE("a connection that has served enough is not kept") {
  Origin origin;
  Fixture fixture({.max_idle = 10, .idle_timeout = 60s, .max_requests = 2});
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  endpoint.keep(fixture.connected(endpoint));
  CHECK(fixture.upstream().idle_count() == 1);
  Connection* taken = endpoint.take_idle();
  REQUIRE(taken != nullptr);
  endpoint.keep(*taken);
  CHECK(fixture.upstream().idle_count() == 0);
  fixture.run_until([&] { return endpoint.open() == 0; });
}

TEST_CASE("an idle connection goes when it has been idle for too long, or its peer has news") {
  struct Row {
    std::string_view what;
    void (*action)(test::Peer&);
  };
  const Row rows[] = {
      {"idle timeout", [](test::Peer&) {}},
      {"closed", [](test::Peer& peer) { peer.close(); }},
      {"reset", [](test::Peer& peer) { peer.reset(); }},
      {"bytes nobody asked for", [](test::Peer& peer) { peer.say("HTTP/1.1 408 Request Timeout\r\n\r\n"); }},
  };
  for (const Row& row : rows) {
    for (bool is_noticed_idle : {true, false}) {
      CAPTURE(row.what);
      CAPTURE(is_noticed_idle);
      Origin origin;
      Fixture fixture({.max_idle = 10,
                       .idle_timeout = row.what == "idle timeout" ? Duration(5ms) : Duration(60s),
                       .max_requests = {}});
      fixture.add(origin.address());
      Endpoint& endpoint = fixture.endpoint();
      Connection& connection = fixture.connected(endpoint);
      origin.accept_all();
      REQUIRE(origin.peers.size() == 1);
      if (is_noticed_idle) {
        endpoint.keep(connection);
        row.action(origin.peers[0]);
      } else {
        // The news is there before the connection comes back.
        connection.stream().start_receiving();
        row.action(origin.peers[0]);
        if (row.what != "idle timeout") {
          fixture.run_until(
              [&] { return connection.stream().has_unread() || connection.stream().will_receive_no_more(); });
        }
        endpoint.keep(connection);
        if (row.what != "idle timeout") CHECK(endpoint.take_idle() == nullptr);
      }
      fixture.run_until([&] { return endpoint.open() == 0; });
      CHECK(fixture.upstream().idle_count() == 0);
      CHECK(endpoint.take_idle() == nullptr);
    }
  }
}

TEST_CASE("evicting closes every idle connection, and none that is in use") {
  Origin origin;
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  Connection& used = fixture.connected(endpoint);
  Connection& first = fixture.connected(endpoint);
  Connection& second = fixture.connected(endpoint);
  endpoint.keep(first);
  endpoint.keep(second);
  fixture.upstream().evict_idle();
  CHECK(fixture.upstream().idle_count() == 0);
  fixture.run_until([&] { return endpoint.open() == 1; });
  fixture.discard(used);
}

TEST_CASE("a loop that is stopping keeps nothing") {
  Origin origin;
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  Connection& connection = fixture.connected(endpoint);
  fixture.loop().stop();
  endpoint.keep(connection);
  CHECK(fixture.upstream().idle_count() == 0);
  fixture.run_until([&] { return endpoint.open() == 0; });
}

TEST_CASE("discarding forgets what was not read or sent") {
  Origin origin;
  Fixture fixture;
  fixture.add(origin.address());
  Endpoint& endpoint = fixture.endpoint();
  Connection& connection = fixture.connected(endpoint);
  origin.accept_all();
  REQUIRE(origin.peers.size() == 1);
  connection.stream().start_receiving();
  origin.peers[0].say("unread");
  fixture.run_until([&] { return connection.stream().has_unread(); });
  CHECK(connection.input().take_received());
  CHECK(connection.output().append([](http::Writer& writer) { writer.append("unsent"); }).has_value());
  fixture.discard(connection);
  CHECK(endpoint.open() == 0);
  CHECK(fixture.blocks().outstanding() == 0);
  CHECK(fixture.buffers().outstanding() == 0);
}

TEST_CASE("why a connection cannot be made") {
  // A listener whose backlog is full takes no further connection: the handshake waits.
  Origin full(0);
  std::vector<test::Peer> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int result = ::connect(fillers.back().fd(), full.address().data(), full.address().size());
    CHECK((result == 0 || errno == EINPROGRESS));
  }
  Origin gone;
  gone.close();
  struct Row {
    std::string_view what;
    net::Address address;
    Duration timeout;
    bool is_cancelled;
    std::string_view outcome;
  };
  const Row rows[] = {
      {"nobody listens", gone.address(), 60s, false, "refused"},
      {"nobody answers", full.address(), 5ms, false, "timed_out"},
      {"a cancel", full.address(), 60s, true, "cancelled"},
      {"no way", *net::Address::parse("224.0.0.1:1"), 60s, false, "unreachable"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Fixture fixture;
    fixture.add(row.address);
    Endpoint& endpoint = fixture.endpoint();
    std::string how;
    if (row.is_cancelled) {
      fixture.spawn(
          [](Endpoint& to, std::string& out) -> Task<void> { out = outcome(co_await to.connect(60s)); }(endpoint, how));
      fixture.settle();
      fixture.loop().cancel_roots();
      fixture.run_until([&] { return !how.empty(); });
    } else {
      CHECK(fixture.connect(endpoint, how, row.timeout) == nullptr);
    }
    CHECK(how == row.outcome);
    CHECK(endpoint.open() == 0);
  }
}

TEST_CASE("picking goes by weight, and past those that are excluded") {
  Origin origin;
  Fixture fixture;
  fixture.add(origin.address(), 1);
  fixture.add(*net::Address::parse("127.0.0.1:1"), 2);
  fixture.add(*net::Address::parse("127.0.0.1:2"), 1);
  Upstream& upstream = fixture.upstream();
  CHECK(upstream.name() == "api");
  CHECK(upstream.size() == 3);
  std::size_t counts[3] = {};
  for (int i = 0; i < 40; ++i) ++counts[upstream.index_of(*upstream.pick())];
  CHECK(counts[0] == 10);
  CHECK(counts[1] == 20);
  CHECK(counts[2] == 10);
  std::vector<Use<Endpoint>> tried;
  for (std::size_t left = 3; left > 0; --left) {
    CHECK(tried.size() == 3 - left);
    for (int i = 0; i < 10; ++i) {
      Endpoint* picked = upstream.pick(tried);
      REQUIRE(picked != nullptr);
      for (const Use<Endpoint>& one : tried) CHECK(picked != one.get());
    }
    tried.emplace_back(*upstream.pick(tried));
  }
  CHECK(upstream.pick(tried) == nullptr);
}

}  // namespace
}  // namespace sluice::upstream
