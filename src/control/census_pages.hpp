#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/inquiry.hpp"
#include "control/page.hpp"

namespace sluice::control {

// What: the oldest connections from clients, as JSON, once the shards have told of them.
class ConnectionsPage final : public Page {
 public:
  // limit: connections to show.
  ConnectionsPage(std::unique_ptr<Inquiries::Inquiry> inquiry, std::size_t limit)
      : inquiry_(std::move(inquiry)), limit_(limit) {}
  [[nodiscard]] Progress next(std::string& out) override;
  [[nodiscard]] Instant wake_at() const override { return inquiry_->deadline(); }

 private:
  struct Row {
    unsigned shard = 0;
    const proxy::ConnectionRow* row = nullptr;
  };
  void collect();
  static void append_row(std::string& out, const Row& row);
  void append_shards(std::string& out) const;

  std::unique_ptr<Inquiries::Inquiry> inquiry_;
  std::size_t limit_;
  bool has_begun_ = false;
  std::vector<Row> rows_;  // to be shown, the oldest first
  std::size_t shown_ = 0;
};

// What: the snapshots in memory and which shards use them, as JSON, once the shards have told.
class SnapshotsPage final : public Page {
 public:
  // generations: those in memory when the shards were asked, oldest first; the last is in effect.
  SnapshotsPage(std::unique_ptr<Inquiries::Inquiry> inquiry, std::vector<std::uint64_t> generations)
      : inquiry_(std::move(inquiry)), generations_(std::move(generations)) {}
  [[nodiscard]] Progress next(std::string& out) override;
  [[nodiscard]] Instant wake_at() const override { return inquiry_->deadline(); }

 private:
  void append_holders(std::string& out, std::uint64_t generation) const;

  std::unique_ptr<Inquiries::Inquiry> inquiry_;
  std::vector<std::uint64_t> generations_;
};

// What: what the shards need memory for, as JSON, once they have told.
class MemoryPage final : public Page {
 public:
  // resident_bytes: of the process, if it is known.
  MemoryPage(std::unique_ptr<Inquiries::Inquiry> inquiry, std::optional<std::uint64_t> resident_bytes)
      : inquiry_(std::move(inquiry)), resident_bytes_(resident_bytes) {}
  [[nodiscard]] Progress next(std::string& out) override;
  [[nodiscard]] Instant wake_at() const override { return inquiry_->deadline(); }

 private:
  std::unique_ptr<Inquiries::Inquiry> inquiry_;
  std::optional<std::uint64_t> resident_bytes_;
};

}  // namespace sluice::control
