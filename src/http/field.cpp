#include "http/field.hpp"

#include <array>
#include <cstring>

#include "base/ascii.hpp"

namespace sluice::http {
namespace {

constexpr std::array<std::string_view, field_id_count> names = {
    "",
    "accept",
    "accept-encoding",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-accel-buffering",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
};

constexpr std::size_t slot_count = 256;

// A perfect hash: length, first, middle and last character tell all known names apart; the multiplier that spreads them
// without a collision is searched by the compiler.
constexpr std::size_t slot_of(std::string_view name, std::uint32_t multiplier) {
  auto fold = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(name[i]) | 0x20U); };
  std::uint32_t key = fold(0) | fold(name.size() / 2) << 8 | fold(name.size() - 1) << 16 |
                      static_cast<std::uint32_t>(name.size()) << 24;
  return key * multiplier >> 24;
}

consteval bool is_perfect(std::uint32_t multiplier) {
  std::array<bool, slot_count> taken = {};
  for (std::size_t id = 1; id < names.size(); ++id) {
    bool& slot = taken[slot_of(names[id], multiplier)];
    if (slot) return false;
    slot = true;
  }
  return true;
}

consteval std::uint32_t find_multiplier() {
  std::uint32_t multiplier = 0x9e3779b1U;
  while (!is_perfect(multiplier)) multiplier = multiplier * 1664525U + 1013904222U | 1U;
  return multiplier;
}

constexpr std::uint32_t multiplier = find_multiplier();

// The names again, each beside its length on half a cache line.
struct alignas(32) KnownName {
  char text[31] = {};
  std::uint8_t size = 0;
};

constexpr auto known_names = [] {
  std::array<KnownName, field_id_count> table = {};
  for (std::size_t id = 0; id < names.size(); ++id) {
    names[id].copy(table[id].text, sizeof table[id].text);
    table[id].size = static_cast<std::uint8_t>(names[id].size());
  }
  return table;
}();

constexpr auto slots = [] {
  std::array<FieldId, slot_count> table = {};
  for (std::size_t id = 1; id < names.size(); ++id) table[slot_of(names[id], multiplier)] = static_cast<FieldId>(id);
  return table;
}();

template <class Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Whether `name` is `known` but for case. Known names are letters, digits and '-'; setting bit 5 maps nothing but their
// own upper case and control characters onto these, and the caller has excluded the latter.
bool matches(std::string_view name, const KnownName& known) {
  if (name.size() != known.size) return false;
  constexpr std::uint64_t fold = 0x2020202020202020U;
  const char* a = name.data();
  const char* b = known.text;
  std::size_t size = name.size();
  if (size < 8) {
    for (std::size_t i = 0; i < size; ++i) {
      if ((a[i] | 0x20) != b[i]) return false;
    }
    return true;
  }
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i + 8 < size; i += 8) {
    difference |= (load<std::uint64_t>(a + i) | fold) ^ load<std::uint64_t>(b + i);
  }
  difference |= (load<std::uint64_t>(a + size - 8) | fold) ^ load<std::uint64_t>(b + size - 8);
  return difference == 0;
}

}  // namespace

std::string_view to_string(FieldId id) noexcept { return names[static_cast<std::size_t>(id)]; }

FieldId field_id(std::string_view name) noexcept {
  if (name.empty()) return FieldId::other;
  FieldId candidate = slots[slot_of(name, multiplier)];
  return matches(name, known_names[static_cast<std::size_t>(candidate)]) ? candidate : FieldId::other;
}

FieldList& FieldList::operator=(const FieldList& other) {
  if (this == &other) return *this;
  clear();
  for (const Field& field : other) add(field);
  return *this;
}

const Field* FieldList::find(FieldId id) const {
  if (!contains(id)) return nullptr;
  for (const Field& field : *this) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

const Field* FieldList::find(std::string_view name) const {
  FieldId id = field_id(name);
  if (id != FieldId::other) return find(id);
  for (const Field& field : *this) {
    if (field.id == FieldId::other && ascii::equals_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::optional<std::string_view> FieldList::value_of(FieldId id) const {
  const Field* field = find(id);
  if (field == nullptr) return std::nullopt;
  return field->value;
}

}  // namespace sluice::http
