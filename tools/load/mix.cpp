#include "mix.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/assert.hpp"

namespace sluice::load {

std::vector<std::uint32_t> order_by_weight(std::span<const unsigned> weights) {
  SLUICE_ASSERT(!weights.empty());
  unsigned divisor = 0;
  for (unsigned weight : weights) divisor = std::gcd(divisor, weight);
  std::vector<std::int64_t> credit(weights.size());
  std::int64_t total = 0;
  for (unsigned weight : weights) total += weight / divisor;
  std::vector<std::uint32_t> order;
  const bool are_equal = total == static_cast<std::int64_t>(weights.size());
  while (std::cmp_less(order.size(), total)) {
    if (are_equal) {  // long lists are of this kind, and the search below takes quadratic time
      order.push_back(static_cast<std::uint32_t>(order.size()));
      continue;
    }
    for (std::size_t i = 0; i < weights.size(); ++i) credit[i] += weights[i] / divisor;
    const auto richest = std::ranges::max_element(credit);
    *richest -= total;
    order.push_back(static_cast<std::uint32_t>(richest - credit.begin()));
  }
  return order;
}

Mix::Mix(std::vector<std::string> requests, std::span<const unsigned> weights, std::size_t run_max)
    : requests_(std::move(requests)), order_(order_by_weight(weights)) {
  SLUICE_ASSERT(requests_.size() == weights.size() && run_max > 0);
  write_tape(run_max);
}

void Mix::write_tape(std::size_t run_max) {
  // Behind the cycle as much of it again as a run from its last place may need.
  const std::size_t places = order_.size() + run_max - 1;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < places; ++i) bytes += requests_[order_[i % order_.size()]].size();
  if (bytes > tape_bytes_max) return;
  tape_.reserve(bytes);
  for (std::size_t i = 0; i < places; ++i) {
    tape_begins_.push_back(tape_.size());
    tape_ += requests_[order_[i % order_.size()]];
  }
  tape_begins_.push_back(tape_.size());
}

Mix::Run Mix::run_at(std::size_t place, std::size_t count) const {
  if (tape_begins_.empty()) return {requests_[order_[place]], 1};
  count = std::min(count, tape_begins_.size() - 1 - place);
  const std::size_t begin = tape_begins_[place];
  return {std::string_view(tape_).substr(begin, tape_begins_[place + count] - begin), count};
}

}  // namespace sluice::load
