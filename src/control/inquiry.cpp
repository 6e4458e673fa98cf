#include "control/inquiry.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "control/server.hpp"

namespace sluice::control {
namespace {

// A healthy shard answers within one turn of its loop.
constexpr Duration patience = std::chrono::seconds(2);
// New connections may come between the question and its answer.
constexpr std::size_t rows_spare = 64;

}  // namespace

std::unique_ptr<Inquiries::Inquiry> Inquiries::begin(std::size_t rows_max, Instant now) {
  free_answered();
  if (inquiries_ >= inquiries_max) return nullptr;
  ++inquiries_;
  std::unique_ptr<Inquiry> inquiry(new Inquiry(*this, now + patience));
  for (const ShardView& shard : server_.shard_views()) {
    if (shard.loop == nullptr) continue;  // it has ended
    ShardAnswer& answer = inquiry->answers_.emplace_back();
    answer.shard = shard.index;
    if (owes_answer(shard.index)) continue;
    const auto open = static_cast<std::size_t>(shard.counters->connections_open.value());
    answer.census = std::make_unique<proxy::Census>(std::min(rows_max, open + rows_spare), server_.event());
    if (!server_.ask(shard.index, *answer.census)) answer.census.reset();
  }
  return inquiry;
}

bool Inquiries::owes_answer(unsigned shard) const {
  return std::ranges::find(unanswered_, shard, &ShardAnswer::shard) != unanswered_.end();
}

void Inquiries::free_answered() {
  std::erase_if(unanswered_, [](const ShardAnswer& answer) { return answer.census->is_answered(); });
}

Inquiries::Inquiry::~Inquiry() {
  for (ShardAnswer& answer : answers_) {
    if (answer.census != nullptr && !answer.census->is_answered()) owner_.unanswered_.push_back(std::move(answer));
  }
  --owner_.inquiries_;
}

bool Inquiries::Inquiry::is_over(Instant now) const {
  if (now >= deadline_) return true;
  return std::ranges::all_of(
      answers_, [](const ShardAnswer& answer) { return answer.census == nullptr || answer.census->is_answered(); });
}

}  // namespace sluice::control
