#include "http/field_edits.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "http/writer.hpp"

namespace sluice::http {

void FieldEdits::remove(std::string_view name) {
  forget(name);
  dropped_.add(name);
}

void FieldEdits::set(std::string_view name, TextTemplate value) {
  remove(name);
  add(name, std::move(value));
}

void FieldEdits::add(std::string_view name, TextTemplate value) {
  written_.push_back({std::string(name), field_id(name), std::move(value)});
  note_used();
}

void FieldEdits::bind(Variable variable, std::string_view value) {
  for (Written& field : written_) field.value.bind(variable, value);
  note_used();
}

std::size_t FieldEdits::literal_bytes() const {
  constexpr std::size_t colon_space_and_line_end = 4;
  std::size_t bytes = 0;
  for (const Written& field : written_) {
    bytes += field.name.size() + field.value.literal_bytes() + colon_space_and_line_end;
  }
  return bytes;
}

void FieldEdits::write(Writer& out, const Variables& variables, FieldIds except) const noexcept {
  for (const Written& field : written_) {
    const bool is_excepted = field.id != FieldId::other && (except & bit_of(field.id)) != 0;
    if (is_excepted || field.value.is_empty_with(variables)) continue;
    out.append(field.name);
    out.append(": ");
    field.value.write(out, variables);
    out.append("\r\n");
  }
}

void FieldEdits::forget(std::string_view name) {
  std::erase_if(written_, [&](const Written& field) { return ascii::equals_ignoring_case(field.name, name); });
  note_used();
}

void FieldEdits::note_used() {
  used_ = 0;
  for (const Written& field : written_) used_ |= field.value.used();
}

}  // namespace sluice::http
