#pragma once

#include <cstdint>
#include <string_view>

#include "control/inquiry.hpp"
#include "control/page.hpp"

namespace sluice::control {

class Server;

// What: what the admin socket shows of a server.
// Shard: the control thread alone.
// Lifetime: from the server's start until its threads have ended.
class AdminPages final : public Pages {
 public:
  explicit AdminPages(Server& server);
  [[nodiscard]] Answer answer(std::string_view path, std::string_view query) override;

 private:
  [[nodiscard]] Answer metrics() const;
  [[nodiscard]] Answer connections(std::string_view query);

  Server& server_;
  Inquiries inquiries_;
  std::int64_t start_unix_ms_;
};

}  // namespace sluice::control
