#include "http/max_forwards.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace sluice::http {

std::expected<std::optional<std::uint64_t>, Reject> read_max_forwards(const RequestHead& head) noexcept {
  const bool has_meaning = head.method == Method::options || head.method == Method::trace;
  if (!has_meaning || !head.fields.contains(FieldId::max_forwards)) return std::nullopt;
  const std::string_view value = head.fields.find(FieldId::max_forwards)->value;
  const bool is_number = !value.empty() && std::ranges::all_of(value, ascii::is_digit);
  if (!is_number || head.fields.is_repeated(FieldId::max_forwards)) return std::unexpected(Reject::bad_max_forwards);
  // A number that does not fit is larger than ours.
  return std::min(ascii::parse_decimal(value).value_or(max_forwards_max), max_forwards_max);
}

}  // namespace sluice::http
