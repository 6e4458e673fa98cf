#include "http/field_names.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace sluice::http {
namespace {

// known: in lower case and of the same length.
FieldNames::Match compare(std::string_view name, std::string_view known) {
  bool is_exact = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = ascii::lower(name[i]);
    if (c == known[i]) continue;
    if ((c != '-' && c != '_') || (known[i] != '-' && known[i] != '_')) return FieldNames::Match::none;
    is_exact = false;
  }
  return is_exact ? FieldNames::Match::exact : FieldNames::Match::lookalike;
}

}  // namespace

void FieldNames::add(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), ascii::lower);
  if (std::ranges::find(names_, lower) != names_.end()) return;
  if (FieldId id = field_id(lower); id != FieldId::other) ids_ |= bit_of(id);
  lengths_ |= std::uint64_t{1} << (lower.size() & 63);
  auto behind = std::ranges::upper_bound(names_, lower.size(), {}, &std::string::size);
  names_.insert(behind, std::move(lower));
}

FieldNames::Match FieldNames::find(std::string_view name) const noexcept {
  Match best = Match::none;
  for (auto known = std::ranges::lower_bound(names_, name.size(), {}, &std::string::size);
       known != names_.end() && known->size() == name.size(); ++known) {
    best = std::max(best, compare(name, *known));
  }
  return best;
}

std::string_view to_string(FieldNames::Match match) noexcept {
  switch (match) {
    case FieldNames::Match::none:
      return "none";
    case FieldNames::Match::lookalike:
      return "lookalike";
    case FieldNames::Match::exact:
      return "exact";
  }
  return "unknown";
}

}  // namespace sluice::http
