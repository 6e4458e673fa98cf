#include "proxy/log_writer.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/outcome.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// What: a folder of the test's own.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "sluice-log-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Waits for a condition that the log's thread fulfils. False only in a broken test.
template <class Condition>
bool wait_for(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

bool push(LogRing& ring, std::string_view line) {
  bool is_half_full = false;
  return ring.push(line, is_half_full);
}

std::unique_ptr<LogWriter> open_writer(const std::string& path, Duration flush_interval = 1h) {
  auto opened = LogWriter::open(path, flush_interval);
  REQUIRE(opened.has_value());
  return std::move(*opened);
}

// What: what is written to standard error while it lives.
class StandardError {
 public:
  StandardError() : file_(std::tmpfile()), kept_(::dup(STDERR_FILENO)) {
    REQUIRE(file_ != nullptr);
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;
  ~StandardError() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
    std::fclose(file_);
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 4096> buffer;
    ssize_t count = ::pread(::fileno(file_), buffer.data(), buffer.size(), 0);
    return {buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count)};
  }

 private:
  std::FILE* file_;
  int kept_;
};

TEST_CASE("lines of all shards reach the file, and the rest when it ends") {
  Folder folder;
  const std::string path = folder / "access.log";
  constexpr int shards = 3;
  constexpr int lines = 2000;
  {
    auto writer = open_writer(path);
    std::vector<LogRing*> rings;
    rings.reserve(shards);
    for (int i = 0; i < shards; ++i) rings.push_back(&writer->add_ring(4096));
    REQUIRE(writer->start());
    std::vector<std::thread> threads;
    threads.reserve(shards);
    for (int shard = 0; shard < shards; ++shard) {
      threads.emplace_back([&, shard] {
        for (int i = 0; i < lines; ++i) {
          std::string line = std::to_string(shard) + ":" + std::to_string(i) + std::string(50, '.') + "\n";
          while (!push(*rings[static_cast<std::size_t>(shard)], line)) {
            writer->wake();
            std::this_thread::yield();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::ifstream file(path);
  int next[shards] = {};
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const int shard = line.at(0) - '0';
    REQUIRE(shard >= 0);
    REQUIRE(shard < shards);
    REQUIRE(line == std::to_string(shard) + ":" + std::to_string(next[shard]++) + std::string(50, '.'));
  }
  CHECK(count == shards * lines);
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777 & ~0640U) == 0);
}

TEST_CASE("what was there stays, and a wake brings lines out before the interval") {
  Folder folder;
  const std::string path = folder / "access.log";
  {
    std::ofstream(path) << "older\n";
  }
  auto writer = open_writer(path);
  LogRing& ring = writer->add_ring(4096);
  REQUIRE(writer->start());
  CHECK(push(ring, "newer\n"));
  writer->wake();
  CHECK(wait_for([&] { return content_of(path) == "older\nnewer\n"; }));
}

TEST_CASE("lines come out after the interval without a wake") {
  Folder folder;
  const std::string path = folder / "access.log";
  auto writer = open_writer(path, 1ms);
  LogRing& ring = writer->add_ring(4096);
  REQUIRE(writer->start());
  CHECK(push(ring, "line\n"));
  CHECK(wait_for([&] { return content_of(path) == "line\n"; }));
}

TEST_CASE("a log that cannot be opened says why") {
  Folder folder;
  struct Row {
    std::string path;
    std::string_view outcome;
  };
  const Row rows[] = {
      {folder / "no/such/folder/access.log", "refused"},  // ENOENT
      {folder / ".", "system"},                           // a folder
      {"", "refused"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(test::outcome(LogWriter::open(row.path, 1s)) == row.outcome);
  }
}

TEST_CASE("after a rename the old file keeps its lines, and the path gets the new ones") {
  Folder folder;
  const std::string path = folder / "access.log";
  const std::string moved = folder / "access.log.1";
  auto writer = open_writer(path);
  LogRing& ring = writer->add_ring(4096);
  REQUIRE(writer->start());
  CHECK(push(ring, "first\n"));
  writer->wake();
  REQUIRE(wait_for([&] { return content_of(path) == "first\n"; }));
  fs::rename(path, moved);
  CHECK(push(ring, "second\n"));
  writer->wake();
  REQUIRE(wait_for([&] { return content_of(moved) == "first\nsecond\n"; }));
  writer->reopen();
  REQUIRE(wait_for([&] { return fs::exists(path); }));
  CHECK(push(ring, "third\n"));
  writer->wake();
  CHECK(wait_for([&] { return content_of(path) == "third\n"; }));
  CHECK(content_of(moved) == "first\nsecond\n");
}

TEST_CASE("a path that cannot be opened again leaves the old file in use") {
  Folder folder;
  const std::string path = folder / "access.log";
  StandardError standard_error;
  auto writer = open_writer(path);
  LogRing& ring = writer->add_ring(4096);
  REQUIRE(writer->start());
  const std::string moved = folder / "access.log.1";
  fs::rename(path, moved);
  fs::create_directory(path);
  writer->reopen();
  CHECK(wait_for([&] { return standard_error.text().contains("cannot reopen the access log " + path); }));
  CHECK(push(ring, "still\n"));
  writer->wake();
  CHECK(wait_for([&] { return content_of(moved) == "still\n"; }));
}

TEST_CASE("a full disk blocks nobody, and is told once") {
  StandardError standard_error;
  {
    auto writer = open_writer("/dev/full", 1ms);
    LogRing& ring = writer->add_ring(256);
    REQUIRE(writer->start());
    int accepted = 0;
    while (push(ring, "sixteen bytes..\n")) ++accepted;
    CHECK(accepted == 16);
    CHECK(wait_for([&] { return !standard_error.text().empty(); }));
    for (int i = 0; i < 100; ++i) {
      CHECK_FALSE(push(ring, "one line more\n"));
      writer->wake();
    }
  }
  CHECK(standard_error.text() ==
        "sluice: cannot write the access log /dev/full: No space left on device; lines are dropped when the buffer is "
        "full\n");
}

TEST_CASE("a reader that is slow gets whole lines, one behind the other") {
  Folder folder;
  const std::string path = folder / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  std::string text;
  auto read_some = [&] {
    std::array<char, 1000> buffer;  // no multiple of a line's length
    ssize_t count = ::read(reader, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  };
  constexpr std::size_t length = 700;
  const std::string early = std::string(length, 'e') + "\n";
  const std::string late = std::string(length, 'l') + "\n";
  std::size_t pushed = 0;
  {
    StandardError standard_error;  // it tells of the full pipe
    auto writer = open_writer(path, 1ms);
    // The second ring's lines fill the pipe; the first one's come while a line of the second has been begun.
    LogRing& first = writer->add_ring(4096);
    LogRing& second = writer->add_ring(256 * 1024);
    while (push(second, early)) ++pushed;
    REQUIRE(writer->start());
    std::size_t left = 100;
    CHECK(wait_for([&] {
      if (left > 0 && push(first, late)) {
        --left;
        ++pushed;
      }
      read_some();
      return left == 0 && text.size() == pushed * (length + 1);
    }));
  }
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(early.size())) {
    REQUIRE((rest.starts_with(early) || rest.starts_with(late)));
  }
  ::close(reader);
}

}  // namespace
}  // namespace sluice::proxy
