#include "tally.hpp"

#include <numeric>

namespace sluice::load {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::connect:
      return "connect";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::closed:
      return "closed";
    case ErrorKind::reset:
      return "reset";
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::status:
      return "status";
    case ErrorKind::body:
      return "body";
  }
  return "unknown";
}

ErrorKind kind_of_connect(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::refused:
      return ErrorKind::refused;
    case ErrorCode::timed_out:
      return ErrorKind::timeout;
    case ErrorCode::reset:
      return ErrorKind::reset;
    default:
      return ErrorKind::connect;
  }
}

void Tally::add(const Tally& other) {
  started += other.started;
  responses += other.responses;
  responses_in_time += other.responses_in_time;
  abandoned += other.abandoned;
  unsent += other.unsent;
  connections += other.connections;
  bytes_received += other.bytes_received;
  bytes_sent += other.bytes_sent;
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
  for (std::size_t i = 0; i < statuses.size(); ++i) statuses[i] += other.statuses[i];
  if (responses_of_url.size() < other.responses_of_url.size()) responses_of_url.resize(other.responses_of_url.size());
  for (std::size_t i = 0; i < other.responses_of_url.size(); ++i) responses_of_url[i] += other.responses_of_url[i];
  latencies.add(other.latencies);
  start_lags.add(other.start_lags);
}

std::uint64_t Tally::all_errors() const { return std::accumulate(errors.begin(), errors.end(), std::uint64_t{0}); }

}  // namespace sluice::load
