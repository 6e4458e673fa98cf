#include "upstream/upstream_set.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace sluice::upstream {

UpstreamSet::~UpstreamSet() {
  current_.reset();
  sweep();
  SLUICE_ASSERT(retired_.empty());
}

void UpstreamSet::reconcile(const UpstreamList& list) {
  if (current_.table_ != nullptr && current_.table_->version == list.version) return;
  auto table = std::make_unique<Table>();
  table->version = list.version;
  table->upstreams.reserve(list.upstreams.size());
  std::map<std::string, std::unique_ptr<Upstream>, std::less<>> before = std::exchange(live_, {});
  for (const UpstreamSettings& settings : list.upstreams) {
    std::unique_ptr<Upstream> upstream;
    auto same = before.find(settings.name.value);
    if (same == before.end()) {
      upstream = std::make_unique<Upstream>(settings, resources_, seed_, static_cast<Upstream::Owner*>(this));
    } else {
      upstream = std::move(same->second);
      before.erase(same);
      if (upstream->settings() != settings) upstream->update(settings);
    }
    table->upstreams.emplace_back(*upstream);
    live_.emplace(settings.name.value, std::move(upstream));
  }
  for (auto& [name, upstream] : before) {
    upstream->retire();
    retired_.push_back(std::move(upstream));
  }
  current_ = View(*table.release());
}

Upstream* UpstreamSet::find(std::string_view name) const {
  const auto found = live_.find(name);
  return found == live_.end() ? nullptr : found->second.get();
}

void UpstreamSet::on_unused(Upstream& upstream) {
  if (!upstream.unused_hook_.is_linked()) unused_.push_back(upstream);
}

void UpstreamSet::free_unused() {
  while (Upstream* upstream = unused_.pop_front()) {
    if (!upstream->sweep()) continue;
    std::erase_if(retired_, [upstream](const std::unique_ptr<Upstream>& one) { return one.get() == upstream; });
  }
}

void UpstreamSet::evict_idle() {
  for (auto& [name, upstream] : live_) upstream->evict_idle();
  for (auto& upstream : retired_) upstream->evict_idle();
}

}  // namespace sluice::upstream
