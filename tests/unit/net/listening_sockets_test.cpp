#include "net/listening_sockets.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

namespace sluice::net {
namespace {

namespace fs = std::filesystem;

// What: an empty folder for sockets.
class Folder {
 public:
  Folder() {
    std::string text = (fs::temp_directory_path() / "sluice-XXXXXX").string();
    REQUIRE(::mkdtemp(text.data()) != nullptr);
    path_ = text;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string path(std::string_view name = "web.sock") const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

ListenerSettings at(const std::string& address) {
  ListenerSettings settings;
  settings.name.value = "local";
  settings.address.value = address;
  settings.backlog = 16;
  return settings;
}

ListeningSockets opened(const ListenerSettings& settings, unsigned shards = 1) {
  auto sockets = open_listening_sockets(settings, shards);
  if (!sockets) FAIL(sockets.error());
  CHECK(sockets->fds.size() == shards);
  return std::move(*sockets);
}

std::string refusal(const ListenerSettings& settings) {
  auto sockets = open_listening_sockets(settings, 1);
  if (!sockets) return sockets.error();
  sockets->close();
  return {};
}

// 0, or what connect(2) says.
int connect_error(const std::string& text) {
  const Address address = *Address::parse(text);
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int error = ::connect(fd, address.data(), address.size()) < 0 ? errno : 0;
  ::close(fd);
  return error;
}

unsigned mode_of(const std::string& path) {
  struct stat found{};
  REQUIRE(::lstat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

TEST_CASE("TCP: a socket for each shard, on one port") {
  ListeningSockets sockets = opened(at("127.0.0.1:0"), 3);
  CHECK(sockets.address.port() != 0);
  CHECK(std::set<int>(sockets.fds.begin(), sockets.fds.end()).size() == 3);
  CHECK(connect_error(sockets.address.to_string()) == 0);
  CHECK(refusal(at(sockets.address.to_string())) == "Address already in use");
  sockets.close();
  CHECK(connect_error(sockets.address.to_string()) == ECONNREFUSED);
}

TEST_CASE("a unix socket: one for all shards, with the mode that was asked for, removed at the end") {
  for (unsigned mode : {0600U, 0660U, 0666U, 0777U}) {
    CAPTURE(mode);
    Folder folder;
    ListenerSettings settings = at("unix:" + folder.path());
    settings.mode.value = FileMode{mode};
    const mode_t before = ::umask(0077);
    ListeningSockets sockets = opened(settings, 3);
    ::umask(before);
    CHECK(sockets.address.to_string() == settings.address.value);
    CHECK(mode_of(folder.path()) == mode);
    for (int fd : sockets.fds) CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    for (int fd : {sockets.fds[0], sockets.fds[1]}) ::close(fd);
    sockets.fds.erase(sockets.fds.begin(), sockets.fds.begin() + 2);
    CHECK(connect_error(settings.address.value) == 0);  // the third still listens
    sockets.close();
    CHECK_FALSE(fs::exists(folder.path()));
  }
}

TEST_CASE("what a dead process left is replaced") {
  Folder folder;
  const ListenerSettings settings = at("unix:" + folder.path());
  ListeningSockets dead = opened(settings);
  ::close(dead.fds[0]);
  REQUIRE(fs::exists(folder.path()));
  CHECK(connect_error(settings.address.value) == ECONNREFUSED);
  fs::create_hard_link(folder.path(), folder.path("kept"));  // the next file gets another inode
  ListeningSockets alive = opened(settings);
  CHECK(connect_error(settings.address.value) == 0);
  // The first one's file is not there any more: nothing of the second one's is removed.
  dead.file.remove();
  CHECK(connect_error(settings.address.value) == 0);
  alive.close();
  CHECK_FALSE(fs::exists(folder.path()));
}

TEST_CASE("what is in use, or is no socket, stays as it is") {
  struct Row {
    std::string_view what;
    void (*prepare)(const std::string& path);
    std::string_view why;
    std::string_view check;  // what -t says
  };
  const Row rows[] = {
      {"a file", [](const std::string& path) { std::ofstream(path) << "text"; },
       "something that is no socket stands there", "something that is no socket stands there"},
      {"a folder", [](const std::string& path) { fs::create_directory(path); },
       "something that is no socket stands there", "something that is no socket stands there"},
      {"a symbolic link", [](const std::string& path) { fs::create_symlink("elsewhere", path); },
       "a symbolic link stands there; name the file itself", "a symbolic link stands there; name the file itself"},
      {"a datagram socket",
       [](const std::string& path) {
         const Address address = *Address::parse("unix:" + path);
         const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
         REQUIRE(::bind(fd, address.data(), address.size()) == 0);
         // It stays open to the end of the process.
       },
       "another process answers there", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Folder folder;
    row.prepare(folder.path());
    CHECK(refusal(at("unix:" + folder.path())) == row.why);
    auto checked = check_listening_address(at("unix:" + folder.path()));
    CHECK((checked ? "" : checked.error()) == row.check);
    CHECK(fs::symlink_status(folder.path()).type() != fs::file_type::not_found);
  }
  Folder folder;
  const ListenerSettings settings = at("unix:" + folder.path());
  ListeningSockets first = opened(settings);
  CHECK(refusal(settings) == "another process answers there");
  CHECK(check_listening_address(settings).has_value());
  // With a queue that is full it is in use all the same.
  ListenerSettings narrow = at("unix:" + folder.path("narrow"));
  narrow.backlog = 1;
  ListeningSockets full = opened(narrow);
  REQUIRE(::listen(full.fds[0], 0) == 0);
  const Address address = *Address::parse(narrow.address.value);
  const int waiting = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(waiting, address.data(), address.size()) == 0);
  CHECK(refusal(narrow) == "another process answers there");
  ::close(waiting);
  full.close();
  first.close();
}

TEST_CASE("places where no socket can be made") {
  Folder folder;
  struct Row {
    std::string address;
    std::string_view why;
  };
  const Row rows[] = {
      {"unix:" + folder.path("missing/web.sock"), "No such file or directory"},
      {"unix:/dev/null/web.sock", "Not a directory"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CHECK(refusal(at(row.address)) == row.why);
    auto checked = check_listening_address(at(row.address));
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().ends_with(row.why));
  }
  CHECK(check_listening_address(at("unix:" + folder.path())).has_value());
  CHECK(check_listening_address(at("unix:@abstract")).has_value());
  CHECK(check_listening_address(at("127.0.0.1:1")).has_value());
}

TEST_CASE("an abstract unix socket has no file, and is taken only once") {
  const ListenerSettings settings = at("unix:@sluice-test-" + std::to_string(::getpid()));
  ListeningSockets sockets = opened(settings, 2);
  CHECK(sockets.file.path().empty());
  CHECK(refusal(settings) == "Address already in use");
  CHECK(connect_error(settings.address.value) == 0);
  sockets.close();
  CHECK(connect_error(settings.address.value) == ECONNREFUSED);
}

}  // namespace
}  // namespace sluice::net
