#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "proxy/census.hpp"

namespace sluice::control {

class Server;

// What one shard was asked, and whether it answered.
struct ShardAnswer {
  unsigned shard = 0;
  std::unique_ptr<proxy::Census> census;  // null: it was not asked, since it has not answered an earlier question
};

// What: asks every shard for its census through its mailbox, and waits for a bounded time. A shard that is stuck holds
//       nobody up: the others' answers are shown, and it is told as one that does not answer.
// Shard: the control thread alone.
// Lifetime: until the shards' threads have ended: what a shard has not answered yet is kept here for it.
class Inquiries {
 public:
  explicit Inquiries(Server& server) : server_(server) {}
  Inquiries(const Inquiries&) = delete;
  Inquiries& operator=(const Inquiries&) = delete;

  // What: one question to all shards.
  class Inquiry {
   public:
    Inquiry(const Inquiry&) = delete;
    Inquiry& operator=(const Inquiry&) = delete;
    ~Inquiry();
    // Every shard has answered, or had its time.
    [[nodiscard]] bool is_over(Instant now) const;
    [[nodiscard]] Instant deadline() const { return deadline_; }
    // Valid once it is over. Shards that did not answer have a census that must not be touched.
    [[nodiscard]] const std::vector<ShardAnswer>& answers() const { return answers_; }
    [[nodiscard]] static bool has_answered(const ShardAnswer& answer) {
      return answer.census != nullptr && answer.census->is_answered();
    }

   private:
    friend class Inquiries;
    explicit Inquiry(Inquiries& owner, Instant deadline) : owner_(owner), deadline_(deadline) {}
    Inquiries& owner_;
    Instant deadline_;
    std::vector<ShardAnswer> answers_;
  };

  // rows_max: connections that each shard tells of at most. Null when there are enough inquiries already.
  [[nodiscard]] std::unique_ptr<Inquiry> begin(std::size_t rows_max, Instant now);

  static constexpr std::size_t inquiries_max = 4;

 private:
  [[nodiscard]] bool owes_answer(unsigned shard) const;
  void free_answered();

  Server& server_;
  std::size_t inquiries_ = 0;
  std::vector<ShardAnswer> unanswered_;  // of inquiries that have ended
};

}  // namespace sluice::control
