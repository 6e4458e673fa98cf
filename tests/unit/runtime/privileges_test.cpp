#include "runtime/privileges.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

#include "base/death.hpp"

namespace sluice::runtime {
namespace {

// Lines of /proc/thread-self/status that say who the thread is and what it may.
void print_status() {
  std::ifstream status("/proc/thread-self/status");
  std::string text;
  for (std::string line; std::getline(status, line);) {
    for (std::string_view name :
         {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"}) {
      if (line.starts_with(name)) text += line + '\n';
    }
  }
  (void)!::write(STDOUT_FILENO, text.data(), text.size());  // past the test runner's buffer
}

TEST_CASE("users and groups are found by their names") {
  auto root = find_identity("root", "");
  REQUIRE(root.has_value());
  CHECK(root->user == 0);
  CHECK(root->group == 0);
  CHECK_FALSE(root->groups.empty());
  CHECK(root->is_current() == (::geteuid() == 0 && ::getegid() == 0));
  auto nobody = find_identity("nobody", "");
  REQUIRE(nobody.has_value());
  CHECK(nobody->user == 65534);
  auto other = find_identity("nobody", "daemon");
  REQUIRE(other.has_value());
  CHECK(other->group != nobody->group);
  CHECK(other->groups.front() == other->group);
}

TEST_CASE("users and groups that are not there are named") {
  CHECK(find_identity("no-such-user", "").error() == "there is no user \"no-such-user\"");
  CHECK(find_identity("no-such-user", "no-such-group").error() == "there is no user \"no-such-user\"");
  CHECK(find_identity("nobody", "no-such-group").error() == "there is no group \"no-such-group\"");
  CHECK(find_identity("0", "").error() == "there is no user \"0\"");
}

TEST_CASE("root becomes another user for good, with one capability; a thread gives that up too" *
          doctest::skip(::geteuid() != 0)) {
  auto death = test::death_of([] {
    auto nobody = find_identity("nobody", "");
    if (!nobody || !become(*nobody)) ::_exit(1);
    print_status();
    if (::setuid(0) == 0 || ::setgid(0) == 0) ::_exit(1);
    drop_thread_capabilities();
    print_status();
  });
  CHECK_FALSE(death.died);
  const std::string group = std::to_string(find_identity("nobody", "")->group);
  const std::string common = "Uid:\t65534\t65534\t65534\t65534\nGid:\t" + group + "\t" + group + "\t" + group + "\t" +
                             group + "\nGroups:\t" + group + " \nCapInh:\t0000000000000000\n";
  const std::string kept = "CapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n";
  const std::string none = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n";
  const std::string rest = "CapBnd:\t0000000000000400\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";
  CHECK(death.report == common + kept + rest + common + none + rest);
}

TEST_CASE("who is not root keeps what it needs of what it was given, which is nothing here" *
          doctest::skip(::geteuid() != 0)) {
  auto death = test::death_of([] {
    if (::setresuid(65534, 65534, 65534) != 0 || !keep_only_binding()) ::_exit(1);
    print_status();
  });
  CHECK_FALSE(death.died);
  CHECK(death.report.contains("CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"));
  CHECK(death.report.contains("NoNewPrivs:\t1\n"));
}

TEST_CASE("where nobody asked to give root's rights up, they stay" * doctest::skip(::geteuid() != 0)) {
  auto death = test::death_of([] {
    print_status();
    drop_thread_capabilities();
    print_status();
  });
  CHECK_FALSE(death.died);
  const std::size_t half = death.report.size() / 2;
  CHECK(death.report.substr(0, half) == death.report.substr(half));
}

TEST_CASE("who is not root cannot become another" * doctest::skip(::geteuid() != 0)) {
  auto death = test::death_of([] {
    auto root = find_identity("root", "");
    if (::setresuid(65534, 65534, 65534) != 0 || !root || become(*root)) ::_exit(1);
  });
  CHECK_FALSE(death.died);
}

}  // namespace
}  // namespace sluice::runtime
