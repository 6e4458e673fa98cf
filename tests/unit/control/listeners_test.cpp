#include "control/listeners.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace sluice::control {
namespace {

net::ListenerSettings settings(std::string name, std::string address, std::uint32_t backlog = 128) {
  net::ListenerSettings one;
  one.name.value = std::move(name);
  one.address.value = std::move(address);
  one.backlog = backlog;
  return one;
}

OpenListener open_listener(std::uint32_t id, std::string name, std::string address) {
  OpenListener one;
  one.id = id;
  one.settings = settings(std::move(name), std::move(address));
  return one;
}

std::string names(const std::vector<net::ListenerSettings>& listeners) {
  std::string text;
  for (const net::ListenerSettings& one : listeners) text += one.name.value + " ";
  return text;
}
std::string ids(const std::vector<OpenListener>& listeners) {
  std::string text;
  for (const OpenListener& one : listeners) text += std::to_string(one.id) + " ";
  return text;
}
TEST_CASE("what becomes of the listeners") {
  const std::vector<OpenListener> open = {open_listener(1, "a", "127.0.0.1:1"), open_listener(2, "b", "127.0.0.1:2"),
                                          open_listener(3, "any", "127.0.0.1:0")};
  struct Row {
    std::string_view what;
    std::vector<net::ListenerSettings> wanted;
    std::string_view added, kept, updated, removed;
  };
  const Row rows[] = {
      {"the same",
       {settings("a", "127.0.0.1:1"), settings("b", "127.0.0.1:2"), settings("any", "127.0.0.1:0")},
       "",
       "1 2 3 ",
       "",
       ""},
      {"another order",
       {settings("any", "127.0.0.1:0"), settings("b", "127.0.0.1:2"), settings("a", "127.0.0.1:1")},
       "",
       "3 2 1 ",
       "",
       ""},
      {"one more",
       {settings("a", "127.0.0.1:1"), settings("b", "127.0.0.1:2"), settings("any", "127.0.0.1:0"),
        settings("c", "127.0.0.1:3")},
       "c ",
       "1 2 3 ",
       "",
       ""},
      {"one less", {settings("a", "127.0.0.1:1"), settings("any", "127.0.0.1:0")}, "", "1 3 ", "", "2 "},
      {"other names keep their sockets",
       {settings("b", "127.0.0.1:1"), settings("a", "127.0.0.1:2"), settings("any", "127.0.0.1:0")},
       "",
       "1 2 3 ",
       "1 2 ",
       ""},
      {"another backlog", {settings("a", "127.0.0.1:1", 7)}, "", "1 ", "1 ", "2 3 "},
      {"a name that moves is another listener", {settings("a", "127.0.0.1:9")}, "a ", "", "", "1 2 3 "},
      {"all of them others", {settings("x", "[::1]:1"), settings("y", "[::1]:2")}, "x y ", "", "", "1 2 3 "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const ListenerDiff diff = diff_listeners(open, row.wanted);
    CHECK(names(diff.added) == row.added);
    CHECK(ids(diff.kept) == row.kept);
    CHECK(ids(diff.updated) == row.updated);
    CHECK(ids(diff.removed) == row.removed);
  }
  const ListenerDiff renamed = diff_listeners(open, std::vector{settings("new", "127.0.0.1:1")});
  CHECK(renamed.kept.front().settings.name.value == "new");
  CHECK(diff_listeners({}, std::vector{settings("a", "127.0.0.1:1")}).added.size() == 1);
  CHECK(diff_listeners(open, {}).removed.size() == 3);
}

TEST_CASE("what the shards are told of a listener that goes on with other settings") {
  OpenListener before = open_listener(4, "a", "127.0.0.1:1");
  before.bound = *net::Address::parse("127.0.0.1:1");
  net::ListenerSettings after = settings("b", "127.0.0.1:1", 9);
  auto update = update_of(before, after);
  REQUIRE(update.has_value());
  CHECK(update->id == 4);
  CHECK(update->name == "b");
  CHECK(update->backlog == 9);
  CHECK(update->congestion_control.empty());
  after.congestion_control.value = "reno";
  update = update_of(before, after);
  REQUIRE(update.has_value());
  CHECK(update->congestion_control == "reno");
  // Back to what the host is set to: that has a name of its own.
  before.settings.congestion_control.value = "reno";
  after.congestion_control.value = "system";
  update = update_of(before, after);
  REQUIRE(update.has_value());
  CHECK_FALSE(update->congestion_control.empty());
  CHECK(update->congestion_control != "system");
  after.congestion_control.value = "no-such";
  after.given = config::Given({7, 1}, false);
  update = update_of(before, after);
  REQUIRE_FALSE(update.has_value());
  CHECK(update.error().message.contains("listener \"b\""));
  CHECK(update.error().place == config::Place{7, 1});
  after.given.add("congestion_control", {9, 22}, true);
  CHECK(update_of(before, after).error().place == config::Place{9, 22});
}

TEST_CASE("which addresses share connections") {
  struct Row {
    std::string_view a, b;
    bool overlaps;
  };
  const Row rows[] = {
      {"127.0.0.1:80", "127.0.0.1:80", true},  {"127.0.0.1:80", "0.0.0.0:80", true},
      {"[::1]:80", "[::]:80", true},           {"127.0.0.1:80", "127.0.0.1:81", false},
      {"127.0.0.1:80", "127.0.0.2:80", false}, {"127.0.0.1:80", "0.0.0.0:81", false},
      {"0.0.0.0:80", "[::]:80", false},  // ours have IPV6_V6ONLY
      {"[::1]:80", "0.0.0.0:80", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    const net::Address a = *net::Address::parse(row.a);
    const net::Address b = *net::Address::parse(row.b);
    CHECK(overlaps(a, b) == row.overlaps);
    CHECK(overlaps(b, a) == row.overlaps);
  }
}

TEST_CASE("a new listener has a socket for each shard, all on the port that was found") {
  auto opened = NewListener::open(settings("a", "127.0.0.1:0"), 5, 3, {});
  REQUIRE(opened.has_value());
  CHECK(opened->listener().id == 5);
  CHECK(opened->listener().settings.address.value == "127.0.0.1:0");
  CHECK(opened->listener().bound.port() != 0);
  std::vector<int> taken = {opened->take(0), opened->take(2)};
  for (int fd : taken) {
    int is_listening = 0;
    socklen_t size = sizeof is_listening;
    CHECK(::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0);
    CHECK(is_listening == 1);
  }

  SUBCASE("the address is taken") {
    auto second = NewListener::open(settings("b", opened->listener().bound.to_string()), 6, 1, {});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().message ==
          "cannot listen on " + opened->listener().bound.to_string() + " (listener \"b\"): Address already in use");
  }
  SUBCASE("by ourselves, and we are about to leave it") {
    const std::string wildcard = "0.0.0.0:" + std::to_string(opened->listener().bound.port());
    CHECK_FALSE(NewListener::open(settings("b", wildcard), 6, 1, {}).has_value());
    const std::vector<OpenListener> leaving = {opened->listener()};
    auto second = NewListener::open(settings("b", wildcard), 6, 2, leaving);
    REQUIRE(second.has_value());
    CHECK(second->listen().has_value());
    CHECK(second->listen().has_value());
  }
  SUBCASE("by ourselves, and another program is faster") {
    const std::string port = std::to_string(opened->listener().bound.port());
    net::ListenerSettings wanted = settings("b", "0.0.0.0:" + port);
    wanted.address.place = {3, 11};
    const std::vector<OpenListener> leaving = {opened->listener()};
    auto second = NewListener::open(wanted, 6, 1, leaving);
    REQUIRE(second.has_value());
    const net::Address other = *net::Address::parse("127.0.0.2:" + port);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    taken.push_back(fd);
    const int on = 1;
    CHECK(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK(::bind(fd, other.data(), other.size()) == 0);
    CHECK(::listen(fd, 1) == 0);
    auto begun = second->listen();
    REQUIRE_FALSE(begun.has_value());
    CHECK(begun.error().place == config::Place{3, 11});
    CHECK(begun.error().message == "cannot listen on 0.0.0.0:" + port + " (listener \"b\"): Address already in use");
  }
  SUBCASE("an address that is not ours") {
    auto second = NewListener::open(settings("b", "192.0.2.1:80"), 6, 1, {});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().message.contains("192.0.2.1:80"));
  }
  for (int fd : taken) ::close(fd);
}

TEST_CASE("a listener that takes another one's place takes no connection of it before it is asked to") {
  auto wildcard = NewListener::open(settings("all", "0.0.0.0:0"), 1, 1, {});
  REQUIRE(wildcard.has_value());
  const net::Address address = *net::Address::parse("127.0.0.1:" + std::to_string(wildcard->listener().bound.port()));
  const std::vector<OpenListener> leaving = {wildcard->listener()};
  auto connect = [&address] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::connect(fd, address.data(), address.size()) == 0);
    return fd;
  };
  auto has_waiting = [](int listening) {
    pollfd waiting{listening, POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  };
  const int before = wildcard->take(0);
  {
    auto refused = NewListener::open(settings("one", address.to_string()), 2, 1, leaving);
    REQUIRE(refused.has_value());
    const int client = connect();
    CHECK(has_waiting(before));
    ::close(::accept(before, nullptr, nullptr));
    ::close(client);
  }
  auto taken = NewListener::open(settings("one", address.to_string()), 3, 1, leaving);
  REQUIRE(taken.has_value());
  CHECK(taken->listen().has_value());
  const int client = connect();
  const int after = taken->take(0);
  CHECK_FALSE(has_waiting(before));
  CHECK(has_waiting(after));
  for (int fd : {client, before, after}) ::close(fd);
}

TEST_CASE("sockets that nobody took are closed") {
  net::Address bound;
  {
    auto opened = NewListener::open(settings("a", "127.0.0.1:0"), 1, 2, {});
    REQUIRE(opened.has_value());
    bound = opened->listener().bound;
  }
  CHECK(NewListener::open(settings("a", bound.to_string()), 2, 1, {}).has_value());
}

}  // namespace
}  // namespace sluice::control
