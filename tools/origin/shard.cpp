#include "shard.hpp"

#include <chrono>
#include <system_error>
#include <utility>

#include "base/limits.hpp"
#include "connection.hpp"
#include "http/date.hpp"
#include "limits.hpp"
#include "runtime/kernel.hpp"
#include "runtime/topology.hpp"

namespace sluice::origin {
namespace {

// A whole head, the empty line before it that the parser forgives, and room to see that it is too long.
constexpr std::size_t scratch_bytes = limits::head_bytes_max + 16;
static_assert(scratch_bytes >= limits::trailer_bytes_max);

}  // namespace

Site::Site(Shard& shard, const ListeningSocket& socket)
    : shard_(shard),
      listener_(shard.loop(), socket.fd, *this),
      fields_("Server: sluice-origin\r\nX-Origin: " + socket.address + "\r\nDate: ") {
  date_at_ = fields_.size();
  fields_.append(http::date_bytes, ' ');
  fields_.append("\r\n");
  stale_at_ = shard.loop().now();
}

std::string_view Site::fields() {
  if (shard_.loop().now() >= stale_at_) {
    std::int64_t ms = runtime::kernel::wall_clock_ms();
    http::format_date(ms / 1000, std::span<char, http::date_bytes>(fields_.data() + date_at_, http::date_bytes));
    stale_at_ = shard_.loop().now() + std::chrono::milliseconds(1000 - ms % 1000);
  }
  return fields_;
}

void Site::on_connection(int fd) {
  if (shard_.is_stopping() || shard_.loop().roots() >= connections_max) {
    shard_.counters().refused.add();
    runtime::kernel::close(fd);
    return;
  }
  shard_.counters().accepted.add();
  shard_.loop().spawn("connection", serve_connection(*this, fd));
}

Shard::Shard(std::size_t index, int cpu, std::vector<ListeningSocket> sockets, const Pattern& pattern,
             std::span<Counters> all)
    : index_(index),
      cpu_(cpu),
      sockets_(std::move(sockets)),
      pattern_(pattern),
      all_(all),
      checksums_(pattern),
      bulk_blocks_(bulk_buffer_bytes, bulk_buffers_max),
      scratch_blocks_(scratch_bytes, scratch_blocks_max) {}

std::optional<std::string> Shard::start() {
  std::promise<std::optional<std::string>> started;
  std::future<std::optional<std::string>> outcome = started.get_future();
  thread_ = std::thread([this, &started] { run(started); });
  std::optional<std::string> problem = outcome.get();
  if (problem) thread_.join();
  return problem;
}

void Shard::stop() {
  while (!loop_->mailbox().post({on_stop, reinterpret_cast<std::uintptr_t>(this), 0})) std::this_thread::yield();
}

void Shard::run(std::promise<std::optional<std::string>>& started) {
  runtime::name_this_thread(("origin-" + std::to_string(index_)).c_str());
  std::optional<std::string> problem = open();
  bool is_open = !problem;
  started.set_value(std::move(problem));  // `started` is gone from here on
  if (is_open) loop_->run();
  sites_.clear();
  buffers_.reset();
  loop_.reset();
}

std::optional<std::string> Shard::open() {
  if (cpu_ >= 0 && !runtime::pin_this_thread(cpu_)) return "cannot run on CPU " + std::to_string(cpu_);
  runtime::LoopSettings settings;
  settings.index = static_cast<unsigned>(index_);
  auto loop = runtime::Loop::open(settings);
  if (!loop) return std::string("cannot open an io_uring: ") + std::generic_category().message(loop.error().os_error);
  loop_ = std::move(*loop);
  auto buffers = runtime::BufferRing::open(*loop_, receive_buffer_bytes, receive_buffers);
  if (!buffers)
    return std::string("cannot register receive buffers: ") + std::generic_category().message(buffers.error().os_error);
  buffers_ = std::move(*buffers);
  for (const ListeningSocket& socket : sockets_) sites_.push_back(std::make_unique<Site>(*this, socket));
  for (const auto& site : sites_) site->start();
  return std::nullopt;
}

void Shard::on_stop(runtime::Loop& loop, std::uintptr_t shard, std::uintptr_t /*unused*/) {
  auto& self = *reinterpret_cast<Shard*>(shard);  // NOLINT(performance-no-int-to-ptr): a message carries words
  self.stopping_ = true;
  loop.cancel_roots();
  loop.spawn("stop", close_sites(self));
  loop.stop();
}

runtime::Task<void> Shard::close_sites(Shard& shard) {
  for (const auto& site : shard.sites_) co_await site->close();
}

}  // namespace sluice::origin
