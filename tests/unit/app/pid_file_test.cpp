#include "app/pid_file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "config/folder.hpp"

namespace sluice::app {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The error, without the folder that the test made; empty: none.
std::string said(const std::expected<void, std::string>& result, const config::Folder& folder) {
  if (result) return {};
  std::string text = result.error();
  const std::string prefix = folder.path("");
  for (std::size_t i = text.find(prefix); i != std::string::npos; i = text.find(prefix)) text.erase(i, prefix.size());
  return text;
}

// What: another process, with a pid file of its own: a lock is no obstacle to whoever holds it.
class Holder {
 public:
  explicit Holder(const std::string& path, bool writes = true) {
    int to_child[2] = {-1, -1};
    int from_child[2] = {-1, -1};
    REQUIRE(::pipe(to_child) == 0);
    REQUIRE(::pipe(from_child) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::close(to_child[1]);
      std::signal(SIGUSR1, SIG_DFL);
      PidFile file;
      const bool is_held = file.claim(path).has_value() && (!writes || file.write().has_value());
      (void)!::write(from_child[1], is_held ? "y" : "n", 1);
      char byte = 0;
      while (::read(to_child[0], &byte, 1) > 0) {
      }
      ::_exit(0);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    release_ = to_child[1];
    char answer = 0;
    REQUIRE(::read(from_child[0], &answer, 1) == 1);
    ::close(from_child[0]);
    REQUIRE(answer == 'y');
  }
  ~Holder() { (void)end(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  [[nodiscard]] pid_t process() const { return process_; }
  // Its status, once it has ended; is_told: it is let go first.
  int end(bool is_told = true) {
    if (process_ < 0) return 0;
    if (is_told) ::close(release_);
    int status = 0;
    ::waitpid(process_, &status, 0);
    if (!is_told) ::close(release_);
    process_ = -1;
    return status;
  }

 private:
  pid_t process_ = -1;
  int release_ = -1;
};

TEST_CASE("the file comes with the claim, the number when it is written, and both go in the end") {
  config::Folder folder;
  const std::string path = folder.path("s.pid");
  PidFile file;
  REQUIRE(file.claim(path).has_value());
  CHECK(content_of(path).empty());
  REQUIRE(file.write().has_value());
  CHECK(content_of(path) == fmt::format("{}\n", ::getpid()));
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
  file.remove();
  CHECK_FALSE(std::filesystem::exists(path));
  file.remove();  // once more is nothing
}

TEST_CASE("nothing is claimed, nothing is written") {
  PidFile file;
  CHECK(file.write().has_value());
  file.remove();
}

TEST_CASE("what a crash left is taken over, whatever number it has") {
  for (const std::string& content : {std::string(), std::string("1\n"), fmt::format("{}\n", ::getppid())}) {
    config::Folder folder;
    const std::string path = folder.write("s.pid", content);
    CHECK(PidFile::check(path).has_value());
    PidFile file;
    REQUIRE(file.claim(path).has_value());
    REQUIRE(file.write().has_value());
    CHECK(content_of(path) == fmt::format("{}\n", ::getpid()));
  }
}

TEST_CASE("a file that is no pid file is left alone") {
  config::Folder folder;
  const std::string victim = folder.write("victim", "precious\n");
  folder.write("number", "12");
  folder.write("long", std::string(22, '1') + "\n");
  std::filesystem::create_symlink("victim", folder.path("link"));
  std::filesystem::create_directory(folder.path("folder"));
  folder.write("twice", "");
  std::filesystem::create_hard_link(folder.path("twice"), folder.path("again"));
  REQUIRE(::mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  struct Row {
    std::string name;
    std::string error;
  };
  const std::vector<Row> rows{
      {"victim", "victim is there already, and is no pid file"},
      {"number", "number is there already, and is no pid file"},
      {"long", "long is there already, and is no pid file"},
      {"link", "cannot open the pid file link: Too many levels of symbolic links"},
      {"folder", "cannot open the pid file folder: Is a directory"},
      {"twice", "the pid file twice is no plain file"},
      {"pipe", "the pid file pipe is no plain file"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    PidFile file;
    CHECK(said(file.claim(folder.path(row.name)), folder) == row.error);
    CHECK(said(PidFile::check(folder.path(row.name)), folder) == row.error);
  }
  CHECK(content_of(victim) == "precious\n");
  PidFile file;
  CHECK(said(file.claim(folder.path("none/s.pid")), folder) ==
        "cannot open the pid file none/s.pid: No such file or directory");
  CHECK(said(PidFile::check(folder.path("none/s.pid")), folder) ==
        "cannot create the pid file none/s.pid: No such file or directory");
  CHECK(PidFile::check(folder.path("s.pid")).has_value());
  CHECK_FALSE(std::filesystem::exists(folder.path("s.pid")));
}

TEST_CASE("of two processes with one file, the second is refused, until the first has ended in whatever way") {
  config::Folder folder;
  const std::string path = folder.path("s.pid");
  Holder first(path);
  PidFile second;
  CHECK(said(second.claim(path), folder) ==
        fmt::format("the pid file s.pid belongs to process {}, which runs", first.process()));
  CHECK(PidFile::check(path).has_value());  // it may start when the other has ended
  CHECK(content_of(path) == fmt::format("{}\n", first.process()));
  ::kill(first.process(), SIGKILL);
  (void)first.end(false);
  CHECK(second.claim(path).has_value());
}

TEST_CASE("a file that was replaced meanwhile is not ours to remove") {
  config::Folder folder;
  const std::string path = folder.path("s.pid");
  PidFile file;
  REQUIRE(file.claim(path).has_value());
  REQUIRE(file.write().has_value());
  std::filesystem::remove(path);
  folder.write("s.pid", "other");
  file.remove();
  CHECK(content_of(path) == "other");
}

TEST_CASE("a signal reaches the process that holds the file") {
  config::Folder folder;
  const std::string path = folder.path("s.pid");
  Holder holder(path);
  CHECK(said(signal_owner(path, SIGUSR1), folder) == "");
  const int status = holder.end(false);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGUSR1);
}

TEST_CASE("where nobody holds the file, nobody is signalled") {
  config::Folder folder;
  const std::string path = folder.path("s.pid");
  CHECK(said(signal_owner(path, SIGKILL), folder) ==
        "no Sluice runs with this configuration: there is no pid file s.pid");
  // A process that lives, and has nothing to do with it.
  folder.write("s.pid", fmt::format("{}\n", ::getpid()));
  CHECK(said(signal_owner(path, SIGKILL), folder) ==
        "no Sluice runs with this configuration: nobody holds the pid file s.pid");
  std::filesystem::remove(path);
  {
    Holder starting(path, false);
    CHECK(said(signal_owner(path, SIGKILL), folder) ==
          fmt::format("process {} is still starting, or already ending", starting.process()));
  }
  for (const char* number : {"1\n", "x\n"}) {
    Holder liar(path, false);
    folder.write("s.pid", number);
    CHECK(said(signal_owner(path, SIGKILL), folder) ==
          fmt::format("the pid file s.pid belongs to process {}, and does not say so", liar.process()));
    CHECK(liar.end() == 0);
    std::filesystem::remove(path);
  }
}

}  // namespace
}  // namespace sluice::app
