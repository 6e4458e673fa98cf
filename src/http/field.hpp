#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/assert.hpp"
#include "base/limits.hpp"

namespace sluice::http {

// Fields that the program knows by name; resolved once, by the parser.
enum class FieldId : std::uint8_t {
  other,
  accept,
  accept_encoding,
  age,
  allow,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_range,
  content_type,
  cookie,
  date,
  expect,
  expires,
  forwarded,
  host,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  keep_alive,
  location,
  max_forwards,
  origin,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  server,
  set_cookie,
  te,
  traceparent,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  vary,
  via,
  www_authenticate,
  x_accel_buffering,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_real_ip,
  x_request_id,
};
inline constexpr std::size_t field_id_count = static_cast<std::size_t>(FieldId::x_request_id) + 1;

// The field's name in lower case; empty for `other`.
[[nodiscard]] std::string_view to_string(FieldId id) noexcept;

// The id of a name in any case. The name must be free of control characters.
[[nodiscard]] FieldId field_id(std::string_view name) noexcept;

// One field line. The views belong to whoever owns the bytes of the head.
struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without the white space around it
  FieldId id = FieldId::other;
};

// What: the field lines of one head in their order; bounded, inline, allocates nothing. It costs 5 KiB that are touched
//       only as far as they are used.
// Shard: any; a value.
// Lifetime: its views live as long as the bytes that were parsed.
// Invariants: the first size() slots are constructed; bit i of present_ is set exactly if a field with id i is in the
// list,
//             and bit i of repeated_ if there are two.
class FieldList {
 public:
  static constexpr std::size_t capacity = limits::head_fields_max;

  FieldList() {}  // NOLINT(modernize-use-equals-default): a defaulted one would be deleted by the union
  FieldList(const FieldList& other) { *this = other; }
  FieldList& operator=(const FieldList& other);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  [[nodiscard]] const Field* begin() const { return fields_; }
  [[nodiscard]] const Field* end() const { return fields_ + size_; }
  [[nodiscard]] const Field& operator[](std::size_t i) const {
    SLUICE_ASSERT(i < size_);
    return fields_[i];
  }

  [[nodiscard]] bool contains(FieldId id) const { return (present_ >> static_cast<unsigned>(id) & 1) != 0; }
  // Whether there is more than one field of that id.
  [[nodiscard]] bool is_repeated(FieldId id) const { return (repeated_ >> static_cast<unsigned>(id) & 1) != 0; }
  // The first field of that id (not `other`) or name, or null.
  [[nodiscard]] const Field* find(FieldId id) const;
  [[nodiscard]] const Field* find(std::string_view name) const;
  // The value of the first field of that id, if there is one.
  [[nodiscard]] std::optional<std::string_view> value_of(FieldId id) const;

  // Appends; false, and nothing changed, when the list is full.
  bool add(const Field& field) {
    Field* slot = next_slot();
    if (slot == nullptr) return false;
    *slot = field;
    keep_slot();
    return true;
  }
  bool add(std::string_view name, std::string_view value) { return add(Field{name, value, field_id(name)}); }

  // For a parser, which fills the field in place (copying one costs more than parsing it): the slot behind the last
  // field, or null when the list is full. keep_slot() makes it part of the list.
  [[nodiscard]] Field* next_slot() { return size_ == capacity ? nullptr : std::construct_at(&fields_[size_]); }
  void keep_slot() {
    std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(fields_[size_].id);
    repeated_ |= present_ & bit;
    present_ |= bit;
    ++size_;
  }

  void clear() {
    size_ = 0;
    present_ = 0;
    repeated_ = 0;
  }

 private:
  static_assert(field_id_count <= 64, "present_ has one bit for each id");

  std::size_t size_ = 0;
  std::uint64_t present_ = 0;
  std::uint64_t repeated_ = 0;
  union {
    Field fields_[capacity];
  };
};

}  // namespace sluice::http
