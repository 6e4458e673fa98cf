#include "upstream/upstream_set.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/stream_fixture.hpp"
#include "upstream/origin.hpp"

namespace sluice::upstream {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using test::NetFixture;
using test::Origin;

UpstreamSettings settings(std::string name, const std::vector<const Origin*>& origins,
                          KeepAliveSettings keep_alive = {}) {
  UpstreamSettings one;
  one.name.value = std::move(name);
  one.keep_alive = std::move(keep_alive);
  for (const Origin* origin : origins) {
    EndpointSettings endpoint;
    endpoint.address.value = origin->address().to_string();
    one.endpoints.push_back(endpoint);
  }
  return one;
}

// What: a shard's upstreams. Closes their idle connections at its end.
class Fixture : public NetFixture {
 public:
  Fixture() : set_(std::make_unique<UpstreamSet>(Resources{loop(), buffers(), blocks(), blocks(), 16, meters_}, 0)) {}
  ~Fixture() {
    set_->evict_idle();
    run_until([this] { return loop().is_idle(); });
    set_.reset();
  }
  UpstreamSet& set() { return *set_; }
  void reconcile(std::vector<UpstreamSettings> upstreams) {
    UpstreamList list;
    list.version = ++version_;
    list.upstreams = std::move(upstreams);
    set_->reconcile(list);
  }
  // A connection to the endpoint that is picked next; the Use must be held as an exchange holds it.
  Connection& connect(Endpoint& endpoint) {
    Connection* connection = nullptr;
    bool is_done = false;
    spawn([](Endpoint& to, Connection*& out, bool& done) -> Task<void> {
      Result<Connection*> connected = co_await to.connect(60s);
      if (connected) out = *connected;
      done = true;
    }(endpoint, connection, is_done));
    run_until([&] { return is_done; });
    REQUIRE(connection != nullptr);
    return *connection;
  }
  void discard(Connection& connection) {
    bool is_done = false;
    spawn([](Connection& one, bool& done) -> Task<void> {
      co_await one.endpoint().discard(one);
      done = true;
    }(connection, is_done));
    run_until([&] { return is_done; });
  }

 private:
  EndpointMeters meters_;
  std::unique_ptr<UpstreamSet> set_;
  std::uint64_t version_ = 0;
};

TEST_CASE("indices stand for the upstreams of the list, in its order") {
  Origin origin;
  Fixture fixture;
  fixture.reconcile({settings("b", {&origin}), settings("a", {&origin})});
  UpstreamSet::View first = fixture.set().view();
  CHECK(first.at(0).name() == "b");
  CHECK(first.at(1).name() == "a");
  const Upstream* a = &first.at(1);
  fixture.reconcile({settings("a", {&origin}), settings("c", {&origin}), settings("b", {&origin})});
  UpstreamSet::View second = fixture.set().view();
  CHECK(&second.at(0) == a);
  CHECK(second.at(1).name() == "c");
  CHECK(second.at(2).name() == "b");
  // Who has the first list goes by it.
  CHECK(first.at(0).name() == "b");
  CHECK(&first.at(1) == a);
  CHECK(fixture.set().size() == 3);
  CHECK(fixture.set().retired() == 0);
}

TEST_CASE("the same list changes nothing") {
  Origin origin;
  Fixture fixture;
  UpstreamList list;
  list.version = 7;
  list.upstreams = {settings("a", {&origin})};
  fixture.set().reconcile(list);
  const Upstream* before = &fixture.set().view().at(0);
  fixture.set().reconcile(list);
  CHECK(&fixture.set().view().at(0) == before);
  CHECK(fixture.set().size() == 1);
}

TEST_CASE("an upstream that stays keeps its connections") {
  Origin origin;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin})});
  Endpoint& endpoint = *fixture.set().view().at(0).pick();
  Connection& connection = fixture.connect(endpoint);
  endpoint.keep(connection);
  fixture.reconcile({settings("a", {&origin}), settings("b", {&origin})});
  CHECK(fixture.set().view().at(0).pick() == &endpoint);
  CHECK(endpoint.take_idle() == &connection);
  fixture.discard(connection);
}

TEST_CASE("endpoints that stay keep their connections, those that leave lose their idle ones") {
  Origin stays;
  Origin leaves;
  Origin comes;
  Fixture fixture;
  fixture.reconcile({settings("a", {&leaves, &stays})});
  Upstream& upstream = fixture.set().view().at(0);
  Use<Endpoint> first(*upstream.pick());
  Use<Endpoint> second(*upstream.pick());
  if (first->name() == stays.address().to_string()) std::swap(first, second);
  Connection& kept = fixture.connect(*second);
  second->keep(kept);
  Connection& lost = fixture.connect(*first);
  first->keep(lost);
  Connection& used = fixture.connect(*first);
  CHECK(upstream.idle_count() == 2);

  fixture.reconcile({settings("a", {&stays, &comes})});
  CHECK(&fixture.set().view().at(0) == &upstream);
  CHECK(upstream.size() == 2);
  CHECK(upstream.leaving() == 1);
  CHECK(upstream.idle_count() == 1);
  CHECK(upstream.index_of(*second) == 0);
  for (int i = 0; i < 10; ++i) CHECK(upstream.pick() != first.get());
  CHECK(second->take_idle() == &kept);
  fixture.discard(kept);
  fixture.run_until([&] { return first->open() == 1; });

  // The one in use comes back, and is closed: its endpoint is gone.
  first->keep(used);
  CHECK(upstream.idle_count() == 0);
  fixture.run_until([&] { return first->open() == 0; });
  fixture.set().sweep();
  CHECK(upstream.leaving() == 1);  // it has a user
  first.reset();
  fixture.set().sweep();
  CHECK(upstream.leaving() == 0);
}

TEST_CASE("what nobody uses goes with the connection that ends last") {
  Origin origin;
  Origin other;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin, &other})});
  Upstream& upstream = fixture.set().view().at(0);
  Endpoint* endpoint = upstream.pick();
  if (endpoint->name() != origin.address().to_string()) endpoint = upstream.pick();
  endpoint->keep(fixture.connect(*endpoint));
  fixture.reconcile({settings("a", {&other})});
  fixture.set().sweep();
  CHECK(upstream.leaving() == 1);  // its idle connection is being closed
  fixture.run_until([&] { return fixture.loop().is_idle(); });
  fixture.set().sweep();
  CHECK(upstream.leaving() == 0);
}

TEST_CASE("an upstream that is gone serves who has found it, and is freed behind the last") {
  Origin origin;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin})});
  UpstreamSet::View old = fixture.set().view();
  fixture.reconcile({settings("b", {&origin})});
  CHECK(fixture.set().size() == 1);
  CHECK(fixture.set().retired() == 1);
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 1);

  Use<Upstream> upstream(old.at(0));
  old.reset();
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 1);
  Use<Endpoint> endpoint(*upstream->pick());
  Connection& connection = fixture.connect(*endpoint);
  endpoint->keep(connection);
  CHECK(upstream->idle_count() == 0);
  fixture.run_until([&] { return endpoint->open() == 0; });
  endpoint.reset();
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 1);
  upstream.reset();
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 0);
}

TEST_CASE("a name that comes back while the old one is in use is another upstream") {
  Origin origin;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin})});
  Use<Upstream> old(fixture.set().view().at(0));
  fixture.reconcile({settings("b", {&origin})});
  fixture.reconcile({settings("a", {&origin})});
  CHECK(&fixture.set().view().at(0) != old.get());
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 1);
  old.reset();
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 0);
  CHECK(fixture.set().size() == 1);
}

TEST_CASE("weights change the shares at once") {
  Origin first;
  Origin second;
  Fixture fixture;
  fixture.reconcile({settings("a", {&first, &second})});
  Upstream& upstream = fixture.set().view().at(0);
  UpstreamSettings heavy = settings("a", {&first, &second});
  heavy.endpoints[1].weight = 3;
  fixture.reconcile({heavy});
  std::size_t counts[2] = {};
  for (int i = 0; i < 40; ++i) ++counts[upstream.index_of(*upstream.pick())];
  CHECK(counts[0] == 10);
  CHECK(counts[1] == 30);
}

TEST_CASE("a smaller pool is trimmed, a shorter idle timeout holds for those that are idle") {
  Origin origin;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin}, {.max_idle = 8, .idle_timeout = 60s, .max_requests = {}})});
  Upstream& upstream = fixture.set().view().at(0);
  Endpoint& endpoint = *upstream.pick();
  std::vector<Connection*> connections;
  connections.reserve(4);
  for (int i = 0; i < 4; ++i) connections.push_back(&fixture.connect(endpoint));
  for (Connection* connection : connections) endpoint.keep(*connection);
  fixture.reconcile({settings("a", {&origin}, {.max_idle = 2, .idle_timeout = 60s, .max_requests = {}})});
  CHECK(upstream.idle_count() == 2);
  fixture.run_until([&] { return endpoint.open() == 2; });
  Connection* newest = endpoint.take_idle();
  CHECK(newest == connections[3]);
  endpoint.keep(*newest);
  fixture.reconcile({settings("a", {&origin}, {.max_idle = 2, .idle_timeout = 5ms, .max_requests = {}})});
  CHECK(upstream.idle_count() == 2);
  fixture.run_until([&] { return endpoint.open() == 0; });
}

TEST_CASE("many generations leave nothing behind") {
  Origin origin;
  Origin other;
  Fixture fixture;
  fixture.reconcile({settings("a", {&origin})});
  Use<Upstream> used(fixture.set().view().at(0));
  for (int i = 0; i < 1000; ++i) {
    fixture.reconcile({settings("u" + std::to_string(i), {i % 2 == 0 ? &origin : &other})});
    fixture.set().sweep();
    CHECK(fixture.set().size() == 1);
    CHECK(fixture.set().retired() == 1);  // the one in use
  }
  used.reset();
  fixture.set().sweep();
  CHECK(fixture.set().retired() == 0);
}

}  // namespace
}  // namespace sluice::upstream
