#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sluice::fault {

// What: an open file description. Descriptors and operations in flight share it; the last one to let go closes it, as
// Linux does: closing a descriptor ends nothing that an operation in flight still holds.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  [[nodiscard]] virtual short poll() const = 0;  // POLL… bits that hold now
  [[nodiscard]] virtual std::string describe() const = 0;
  [[nodiscard]] virtual std::size_t pending_bytes() const { return 0; }

  // Counts the changes that would wake a poller: what an edge-triggered poll reports.
  [[nodiscard]] std::uint64_t wakes() const { return wakes_; }
  void wake() { ++wakes_; }

  bool is_nonblocking = false;
  unsigned operations = 0;  // in flight, on any ring

 private:
  std::uint64_t wakes_ = 0;
};

// What: the descriptor table of the process. The lowest free number is given out first.
class Descriptors {
 public:
  static constexpr int first = 3;

  explicit Descriptors(int limit) : limit_(limit) {}

  [[nodiscard]] bool is_full() const { return open_ >= limit_ - first; }
  // -EMFILE when the table is full.
  [[nodiscard]] int add(std::shared_ptr<File> file);
  [[nodiscard]] std::shared_ptr<File> find(int fd) const;
  // False when it was not open.
  [[nodiscard]] bool remove(int fd);

  [[nodiscard]] int open_count() const { return open_; }
  [[nodiscard]] std::size_t pending_bytes() const;
  [[nodiscard]] std::string describe() const;  // one "fd: what" for each, separated by "; "

 private:
  int limit_;
  int open_ = 0;
  std::vector<std::shared_ptr<File>> slots_;
};

}  // namespace sluice::fault
