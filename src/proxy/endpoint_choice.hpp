#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "upstream/upstream.hpp"

namespace sluice::proxy {

// What: which endpoints have been asked for one connection, and which is asked next: another one each time, and four at
//       most, so that nobody waits for every endpoint in turn.
// Shard: one. Lifetime: its upstream outlives it.
class EndpointChoice {
 public:
  explicit EndpointChoice(upstream::Upstream& upstream) : upstream_(upstream) {}

  // Null: there is none left to ask.
  [[nodiscard]] upstream::Endpoint* next() {
    if (count_ == asked_.size()) return nullptr;
    upstream::Endpoint* endpoint = upstream_.pick(std::span(asked_).first(count_));
    if (endpoint != nullptr) asked_[count_++] = upstream::Use(*endpoint);
    return endpoint;
  }

 private:
  upstream::Upstream& upstream_;
  std::array<upstream::Use<upstream::Endpoint>, 4> asked_;
  std::size_t count_ = 0;
};

}  // namespace sluice::proxy
