#include "control/census_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>

#include "control/json.hpp"
#include "runtime/kernel.hpp"

namespace sluice::control {
namespace {

using Inquiry = Inquiries::Inquiry;

constexpr std::size_t piece_bytes = std::size_t{16} * 1024;

void append_text(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":", key);
  append_json(out, text);
}

void append_seconds(std::string& out, std::string_view key, Duration duration) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", key);
  append_json(out, duration);
}

void append_number(std::string& out, std::string_view key, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{}", key, value);
}

void append_pool(std::string& out, std::string_view name, const proxy::PoolUse& use) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{\"in_use\":{}", name, use.in_use);
  append_number(out, "made", use.made);
  append_number(out, "max", use.max);
  if (use.bytes != 0) append_number(out, "bytes", use.bytes);
  out += '}';
}

void append_memory(std::string& out, const proxy::MemoryUse& use) {
  append_pool(out, "receive_buffers", use.receive_buffers);
  append_pool(out, "head_buffers", use.head_buffers);
  append_pool(out, "send_buffers", use.send_buffers);
  append_pool(out, "pipes", use.pipes);
  fmt::format_to(std::back_inserter(out), ",\"frames\":{{\"in_use\":{},\"bytes\":{}}}", use.frames_in_use,
                 use.frame_bytes);
  append_number(out, "heap_allocations", use.heap_allocations);
}

}  // namespace

Page::Progress ConnectionsPage::next(std::string& out) {
  if (!has_begun_) {
    if (!inquiry_->is_over(runtime::kernel::now())) return Progress::later;
    has_begun_ = true;
    collect();
    out += "{\"connections\":[";
  }
  for (const std::size_t begin = out.size(); shown_ < rows_.size(); ++shown_) {
    if (out.size() - begin >= piece_bytes) return Progress::more;
    out += shown_ == 0 ? "\n" : ",\n";
    append_row(out, rows_[shown_]);
  }
  append_shards(out);
  return Progress::last;
}

void ConnectionsPage::collect() {
  for (const ShardAnswer& answer : inquiry_->answers()) {
    if (!Inquiry::has_answered(answer)) continue;
    for (const proxy::ConnectionRow& row : answer.census->rows()) rows_.push_back({answer.shard, &row});
  }
  std::ranges::sort(rows_, {}, [](const Row& row) { return std::tuple(-row.row->age, row.shard, row.row->id); });
  rows_.resize(std::min(rows_.size(), limit_));
}

void ConnectionsPage::append_row(std::string& out, const Row& row) {
  const proxy::ConnectionRow& connection = *row.row;
  fmt::format_to(std::back_inserter(out), "{{\"id\":\"{}-{}\",\"shard\":{}", row.shard, connection.id, row.shard);
  append_text(out, "listener", connection.listener.view());
  append_text(out, "client", connection.client.view());
  append_text(out, "phase", connection.phase);
  append_seconds(out, "age", connection.age);
  append_number(out, "requests", connection.requests);
  append_number(out, "bytes_sent", connection.bytes_sent);
  if (connection.exchange_age.count() >= 0) {
    out += ",\"exchange\":{\"age\":";
    append_json(out, connection.exchange_age);
    append_text(out, "request_id", connection.request_id.view());
    append_text(out, "route", connection.route.view());
    append_text(out, "upstream", connection.upstream.view());
    append_text(out, "endpoint", connection.endpoint.view());
    append_number(out, "request_bytes", connection.request_bytes);
    append_number(out, "response_bytes", connection.response_bytes);
    out += connection.is_uploading ? ",\"uploading\":true}" : ",\"uploading\":false}";
  }
  out += '}';
}

void ConnectionsPage::append_shards(std::string& out) const {
  std::size_t connections = 0;
  bool is_complete = true;
  out += "],\n\"shards\":[";
  for (std::size_t i = 0; const ShardAnswer& answer : inquiry_->answers()) {
    fmt::format_to(std::back_inserter(out), "{}{{\"shard\":{}", i++ == 0 ? "" : ",", answer.shard);
    if (Inquiry::has_answered(answer)) {
      connections += answer.census->connections();
      append_number(out, "connections", answer.census->connections());
      out += ",\"answered\":true}";
    } else {
      is_complete = false;
      out += ",\"answered\":false}";
    }
  }
  is_complete = is_complete && rows_.size() == connections;
  fmt::format_to(std::back_inserter(out), "],\n\"shown\":{},\"truncated\":{}}}\n", rows_.size(), !is_complete);
}

Page::Progress SnapshotsPage::next(std::string& out) {
  if (!inquiry_->is_over(runtime::kernel::now())) return Progress::later;
  fmt::format_to(std::back_inserter(out), "{{\"current\":{},\"snapshots\":[", generations_.back());
  for (std::size_t i = 0; std::uint64_t generation : generations_) {
    fmt::format_to(std::back_inserter(out), "{}\n{{\"generation\":{},\"shards\":[", i++ == 0 ? "" : ",", generation);
    append_holders(out, generation);
    out += "]}";
  }
  out += "],\n\"shards\":[";
  for (std::size_t i = 0; const ShardAnswer& answer : inquiry_->answers()) {
    const bool has_answered = Inquiry::has_answered(answer);
    fmt::format_to(std::back_inserter(out), "{}{{\"shard\":{}", i++ == 0 ? "" : ",", answer.shard);
    if (has_answered) append_number(out, "snapshots", answer.census->snapshots());
    fmt::format_to(std::back_inserter(out), ",\"answered\":{}}}", has_answered);
  }
  out += "]}\n";
  return Progress::last;
}

void SnapshotsPage::append_holders(std::string& out, std::uint64_t generation) const {
  for (std::size_t i = 0; const ShardAnswer& answer : inquiry_->answers()) {
    if (!Inquiry::has_answered(answer)) continue;
    for (const proxy::HeldSnapshot& held : answer.census->held()) {
      if (held.generation != generation) continue;
      fmt::format_to(std::back_inserter(out), "{}{{\"shard\":{},\"exchanges\":{}}}", i++ == 0 ? "" : ",", answer.shard,
                     held.leases);
    }
  }
}

Page::Progress MemoryPage::next(std::string& out) {
  if (!inquiry_->is_over(runtime::kernel::now())) return Progress::later;
  out += '{';
  if (resident_bytes_) fmt::format_to(std::back_inserter(out), "\"resident_bytes\":{},", *resident_bytes_);
  out += "\"shards\":[";
  for (std::size_t i = 0; const ShardAnswer& answer : inquiry_->answers()) {
    const bool has_answered = Inquiry::has_answered(answer);
    fmt::format_to(std::back_inserter(out), "{}\n{{\"shard\":{},\"answered\":{}", i++ == 0 ? "" : ",", answer.shard,
                   has_answered);
    if (has_answered) append_memory(out, answer.census->memory());
    out += '}';
  }
  out += "]}\n";
  return Progress::last;
}

}  // namespace sluice::control
