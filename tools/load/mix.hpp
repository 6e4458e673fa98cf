#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::load {

// What: which request comes next, and its bytes: a cycle in which each URL comes as often as its weight says, as evenly
//       as can be. Where all of it is short, the requests lie one behind the other in the cycle's order, so that
//       several of them go out with one send.
// Shard: immutable, shared by all.
// Lifetime: outlives every send of its bytes.
class Mix {
 public:
  // requests: the bytes of each; weights: of each, at least 1. run_max: how many may be wanted in one piece.
  Mix(std::vector<std::string> requests, std::span<const unsigned> weights, std::size_t run_max);
  Mix(const Mix&) = delete;
  Mix& operator=(const Mix&) = delete;

  [[nodiscard]] std::size_t request_count() const { return requests_.size(); }
  [[nodiscard]] std::size_t cycle() const { return order_.size(); }
  // Place in the cycle -> which request.
  [[nodiscard]] std::uint32_t request_at(std::size_t place) const { return order_[place]; }
  [[nodiscard]] std::size_t next(std::size_t place) const { return place + 1 == order_.size() ? 0 : place + 1; }
  // The bytes of `count` requests from a place on, if they lie in one piece; else of the first of them.
  struct Run {
    std::string_view bytes;
    std::size_t count = 0;
  };
  [[nodiscard]] Run run_at(std::size_t place, std::size_t count) const;

 private:
  static constexpr std::size_t tape_bytes_max = std::size_t{1} << 20;

  void write_tape(std::size_t run_max);

  std::vector<std::string> requests_;
  std::vector<std::uint32_t> order_;
  std::string tape_;                      // the cycle, and its beginning again; empty where that would be too long
  std::vector<std::size_t> tape_begins_;  // of each place, and one behind the last
};

// The cycle for these weights, each at least 1: smooth weighted round robin.
[[nodiscard]] std::vector<std::uint32_t> order_by_weight(std::span<const unsigned> weights);

}  // namespace sluice::load
