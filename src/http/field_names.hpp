#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/field.hpp"

namespace sluice::http {

// A set of field ids, as one bit each.
using FieldIds = std::uint64_t;

[[nodiscard]] constexpr FieldIds bit_of(FieldId id) { return FieldIds{1} << static_cast<unsigned>(id); }

template <class... Ids>
[[nodiscard]] constexpr FieldIds set_of(Ids... ids) {
  return (bit_of(ids) | ... | FieldIds{0});
}

// What: a set of field names from the configuration. Asking it does not allocate.
// Shard: any; immutable once it is built.
// Invariants: names_ is in lower case and sorted by length; lengths_ has the bit of each length.
class FieldNames {
 public:
  // How a name compares to the set. CGI and its heirs hand "X-User" and "X_User" to a program as the same variable: a
  // name that differs from one of the set in that alone is a lookalike.
  enum class Match : std::uint8_t { none, lookalike, exact };

  void add(std::string_view name);

  [[nodiscard]] bool is_empty() const { return names_.empty(); }
  // Those of the names that have an id.
  [[nodiscard]] FieldIds ids() const { return ids_; }
  [[nodiscard]] bool contains(FieldId id) const { return (ids_ & bit_of(id)) != 0; }
  // For a name without an id.
  [[nodiscard]] Match match(std::string_view name) const noexcept {
    return (lengths_ >> (name.size() & 63) & 1) != 0 ? find(name) : Match::none;
  }

 private:
  [[nodiscard]] Match find(std::string_view name) const noexcept;

  FieldIds ids_ = 0;
  std::uint64_t lengths_ = 0;
  std::vector<std::string> names_;
};
[[nodiscard]] std::string_view to_string(FieldNames::Match match) noexcept;

}  // namespace sluice::http
