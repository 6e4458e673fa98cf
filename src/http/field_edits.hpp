#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/field_names.hpp"
#include "http/text_template.hpp"

namespace sluice::http {

class Writer;

// What: changes to the fields of a head, merged into what has to be done in one pass: the fields that are dropped,
//       wherever they come from, and those that are written behind all others.
// Shard: any; immutable once it is built.
// Invariants: later changes hold over earlier ones: after remove(x), nothing that was set or added as x is written.
class FieldEdits {
 public:
  void remove(std::string_view name);
  // In place of every field of that name.
  void set(std::string_view name, TextTemplate value);
  // Beside those that are there.
  void add(std::string_view name, TextTemplate value);
  // What is known before there is an exchange becomes text.
  void bind(Variable variable, std::string_view value);

  [[nodiscard]] bool is_empty() const { return dropped_.is_empty() && written_.empty(); }
  [[nodiscard]] const FieldNames& dropped() const { return dropped_; }
  [[nodiscard]] bool uses(Variable variable) const { return (used_ >> static_cast<unsigned>(variable) & 1) != 0; }
  // Of what is written, without the values of variables.
  [[nodiscard]] std::size_t literal_bytes() const;
  // Fields whose value comes out empty are left out, and those of `except`.
  void write(Writer& out, const Variables& variables, FieldIds except = 0) const noexcept;

 private:
  struct Written {
    std::string name;
    FieldId id = FieldId::other;
    TextTemplate value;
  };
  void forget(std::string_view name);
  void note_used();

  FieldNames dropped_;
  std::vector<Written> written_;
  unsigned used_ = 0;  // bits of the variables
};

// What: edits together with the exchange that they are made for. Nothing where there are none.
// Lifetime: of one call.
struct FieldChanges {
  const FieldEdits* edits = nullptr;
  const Variables* variables = nullptr;  // not null with edits

  [[nodiscard]] FieldIds dropped_ids() const { return edits == nullptr ? 0 : edits->dropped().ids(); }
  [[nodiscard]] bool drops(FieldId id) const { return (dropped_ids() & bit_of(id)) != 0; }
  void write(Writer& out, FieldIds except = 0) const noexcept {
    if (edits != nullptr) edits->write(out, *variables, except);
  }
};

}  // namespace sluice::http
