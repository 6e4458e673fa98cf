#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "config/cursor.hpp"
#include "config/dump.hpp"
#include "config/given.hpp"
#include "config/kinds.hpp"
#include "config/problems.hpp"
#include "config/scalar.hpp"
#include "config/toml_text.hpp"

// One table of keys for each section of the file. A line of it binds a name to the member of a settings struct, with
// its type, its range and one sentence; the default is what the struct itself says. Reading, suggestions, the reference
// and the effective dump all come from that line, so that they cannot disagree.
namespace sluice::config {

// One line of the reference.
struct ReferenceRow {
  std::string section;  // "[[route]]"; empty: top level
  std::string key;
  std::string type;
  std::string standard;  // the default, as it would be written in the file, or a word: "required"
  std::string summary;
};

// What the name stands for: a value, `[name]`, `[[name]]` or `[name.NAME]`.
enum class Form : std::uint8_t { value, table, tables, named_tables };

template <class S>
struct Key {
  std::string_view name;
  std::string_view summary;
  Range range{};
  Form form = Form::value;
  std::string_view absence{};  // what holds when it is left out, in words, where the struct cannot say it
  bool is_required = false;
  bool keeps_secrets = false;  // `show` tells only what may be told

  // Whether the settings have what the file says; of a section, whether there is one.
  bool (*read)(const Key&, const Cursor&, S&) = nullptr;
  std::string (*type)(const Key&) = nullptr;
  // The value as TOML, in one expression; empty: it is not set.
  std::string (*show)(const Key&, const S&) = nullptr;
  // The section, as dump() has it; null: it is a value.
  void (*dump)(const Key&, const S& given, const S& effective, Dump&) = nullptr;
  void (*describe)(const std::string& section, std::vector<ReferenceRow>&) = nullptr;  // null: has no keys of its own

  [[nodiscard]] constexpr Key required() const {
    Key key = *this;
    key.is_required = true;
    return key;
  }
  // Names what holds when the key is left out.
  [[nodiscard]] constexpr Key otherwise(std::string_view words) const {
    Key key = *this;
    key.absence = words;
    return key;
  }
};

template <class S>
using Keys = std::span<const Key<S>>;

// Reads the table at the cursor into `settings`, whose `given` says what there was; what the file leaves out stays as
// it is. False where there is no table.
template <class S>
bool read(const Cursor& at, Keys<S> keys, S& settings);

// Appends the reference of `keys` and of the sections inside them.
template <class S>
void describe(const std::string& section, Keys<S> keys, std::vector<ReferenceRow>& rows);

// Writes every key, so that reading it again gives `settings`; what variables say stands there as it was written.
// effective: the same with what holds in the place of what was left out, told in comments.
template <class S>
void dump(Keys<S> keys, const S& settings, const S& effective, Dump& out);

// The keys that say something else in `b`; sections that `a` and `b` have inside are not looked at.
template <class S>
[[nodiscard]] std::vector<std::string_view> differing_keys(Keys<S> keys, const S& a, const S& b) {
  std::vector<std::string_view> names;
  for (const Key<S>& key : keys) {
    if (key.dump == nullptr && key.show(key, a) != key.show(key, b)) names.push_back(key.name);
  }
  return names;
}

// How `name` is written as a section inside `section`.
[[nodiscard]] std::string section_text(const std::string& section, std::string_view name, Form form);

// The names of a file's top level, with what they stand for: how included files are joined.
struct TopLevelKey {
  std::string_view name;
  Form form = Form::value;
};
template <class S>
[[nodiscard]] std::vector<TopLevelKey> top_level(Keys<S> keys) {
  std::vector<TopLevelKey> names;
  for (const Key<S>& key : keys) names.push_back({key.name, key.form});
  return names;
}

namespace detail {

template <class M>
struct MemberOf;
template <class S, class T>
struct MemberOf<T S::*> {
  using Owner = S;
  using Value = T;
};
template <auto Member>
using Owner = typename MemberOf<decltype(Member)>::Owner;
template <auto Member>
using Value = typename MemberOf<decltype(Member)>::Value;

template <auto Member, class Kind>
constexpr Key<Owner<Member>> value_key(std::string_view name, Range range, std::string_view summary) {
  using S = Owner<Member>;
  Key<S> key{.name = name, .summary = summary, .range = range, .keeps_secrets = keeps_secrets<Kind>()};
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    auto value = Kind::read(at, self.range);
    if (value) store(settings.*Member, std::move(*value), at.place());
    return value.has_value();
  };
  key.type = [](const Key<S>& self) { return Kind::type(self.range); };
  key.show = [](const Key<S>&, const S& settings) { return show<Kind>(settings.*Member); };
  return key;
}

// Kind: ArrayKind or MapKind.
template <auto Member, class Kind>
constexpr Key<Owner<Member>> collection_key(std::string_view name, Range count, std::string_view summary) {
  using S = Owner<Member>;
  Key<S> key{
      .name = name, .summary = summary, .range = count, .absence = "none", .keeps_secrets = keeps_secrets<Kind>()};
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    return Kind::read(at, self.range, self.name, settings.*Member);
  };
  key.type = [](const Key<S>& self) { return Kind::type(self.range); };
  key.show = [](const Key<S>& self, const S& settings) {
    // An empty one could not have been written, or is what leaving it out gives.
    const bool is_left_out = self.range.min > 0 || (S{}.*Member).empty();
    if ((settings.*Member).empty() && is_left_out) return std::string();
    return Kind::show(settings.*Member);
  };
  return key;
}

// `settings` as an inline table, without what is not set.
template <class S>
std::string show_table(Keys<S> keys, const S& settings) {
  std::vector<std::pair<std::string, std::string>> members;
  for (const Key<S>& key : keys) {
    if (std::string text = key.show(key, settings); !text.empty()) members.emplace_back(key.name, std::move(text));
  }
  return toml_table(members);
}

// A table that may be left out as a whole, or not.
template <class T>
T* address_of(T& table) {
  return &table;
}
template <class T>
const T* address_of(const std::optional<T>& table) {
  return table ? &*table : nullptr;
}
template <class T>
T& made(T& table) {
  return table;
}
template <class T>
T& made(std::optional<T>& table) {
  return table.emplace();
}
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// Reads what is no table and stands for the first key alone.
template <class S>
void read_alone(const Cursor& at, Keys<S> keys, S& element) {
  const Key<S>& key = keys.front();
  element.given = Given(at.place(), false);
  element.given.add(key.name, at.place(), key.read(key, at, element));
}

template <auto Member, const auto& Inner>
constexpr Key<Owner<Member>> section_key(std::string_view name, Form form, std::string_view summary) {
  using S = Owner<Member>;
  Key<S> key{.name = name, .summary = summary, .form = form, .absence = "none"};
  key.describe = [](const std::string& section, std::vector<ReferenceRow>& rows) {
    config::describe(section, Inner, rows);
  };
  return key;
}

// A section with a vector of structs.
template <auto Member, const auto& Inner>
constexpr Key<Owner<Member>> elements_key(std::string_view name, Form form, Range count, std::string_view summary) {
  using S = Owner<Member>;
  auto key = section_key<Member, Inner>(name, form, summary);
  key.range = count;
  key.show = [](const Key<S>&, const S& settings) {
    if ((settings.*Member).empty()) return std::string();
    std::vector<std::string> shown;
    for (const auto& element : settings.*Member) shown.push_back(show_table(Inner, element));
    return toml_array(shown);
  };
  return key;
}

}  // namespace detail

// --- The lines of a table of keys. `Member` is a pointer to the member that the value goes to: the value itself, an
// optional of it where leaving the key out is something else than any value, or Placed. ---

template <auto Member>
constexpr auto boolean(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, detail::BooleanKind>(name, {}, summary);
}
template <auto Member>
constexpr auto integer(std::string_view name, Range range, std::string_view summary) {
  return detail::value_key<Member, detail::IntegerKind>(name, range, summary);
}
template <auto Member>
constexpr auto duration(std::string_view name, Range range, std::string_view summary) {
  return detail::value_key<Member, detail::DurationKind>(name, range, summary);
}
template <auto Member>
constexpr auto size(std::string_view name, Range bytes, std::string_view summary) {
  return detail::value_key<Member, detail::SizeKind>(name, bytes, summary);
}
// Way: Text, Name, IpPort or a module's own (scalar.hpp). With `may_be_file` in it, the value is a Secret: what files
// and variables say is not shown.
template <auto Member, class Way>
constexpr auto string(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, typename detail::KindOf<Way>::Type>(name, {}, summary);
}
template <auto Member, const auto& Names>
constexpr auto choice(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, detail::ChoiceKind<detail::Value<Member>, Names>>(name, {}, summary);
}

// `name = ["a", "b"]`: a vector of what Way gives, each as it is or Placed. Written in the file, it replaces the
// default as a whole.
template <auto Member, class Way>
constexpr auto strings(std::string_view name, Range count, std::string_view summary) {
  using Kind = detail::ArrayKind<typename detail::KindOf<Way>::Type, detail::Value<Member>>;
  return detail::collection_key<Member, Kind>(name, count, summary);
}

// `name = { a = "x", b = "y" }`: a vector of Entry, in the order of the file.
template <auto Member, class NameWay, class ValueWay>
constexpr auto string_map(std::string_view name, Range count, std::string_view summary) {
  using Kind = detail::MapKind<NameWay, typename detail::KindOf<ValueWay>::Type, detail::Value<Member>>;
  return detail::collection_key<Member, Kind>(name, count, summary);
}

// A table with keys of its own, `[name]` or `name = { … }`; the member may be an optional.
template <auto Member, const auto& Inner>
constexpr auto table(std::string_view name, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::table, summary);
  if constexpr (!detail::is_optional<detail::Value<Member>>) key.absence = "each key's own";
  key.read = [](const Key<S>&, const Cursor& at, S& settings) {
    return config::read(at, Inner, detail::made(settings.*Member));
  };
  key.type = [](const Key<S>&) { return std::string("table"); };
  key.show = [](const Key<S>&, const S& settings) {
    const auto* inner = detail::address_of(settings.*Member);
    return inner == nullptr ? std::string() : detail::show_table(Inner, *inner);
  };
  key.dump = [](const Key<S>& self, const S& given, const S& effective, Dump& out) {
    const auto* inner = detail::address_of(given.*Member);
    if (inner == nullptr) return out.absent_section(self.name, self.absence);
    out.enter_table(self.name);
    config::dump(Inner, *inner, *detail::address_of(effective.*Member), out);
    out.leave();
  };
  return key;
}

// `[[name]]`: a vector of structs, in the order of the file.
template <auto Member, const auto& Inner>
constexpr auto tables(std::string_view name, Range count, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::elements_key<Member, Inner>(name, Form::tables, count, summary);
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (at.node().kind == Kind::table) {
      at.fail("must have two pairs of brackets");
      return config::read(at, Inner, (settings.*Member).emplace_back());
    }
    if (!at.is_array()) return false;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      config::read(at.entry(i, at.label()), Inner, (settings.*Member).emplace_back());
    }
    return at.has_entries(self.range, at.node().items.size());
  };
  key.type = [](const Key<S>&) { return std::string("tables"); };
  key.dump = [](const Key<S>& self, const S& given, const S& effective, Dump& out) {
    const auto& elements = given.*Member;
    if (elements.empty()) return out.absent_section(self.name, self.absence);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      out.enter_element(self.name);
      config::dump(Inner, elements[i], (effective.*Member)[i], out);
      out.leave();
    }
  };
  return key;
}

// `name = ["x", { key = "x", … }]`: like tables, and an entry that is no table stands for the first key alone.
template <auto Member, const auto& Inner>
constexpr auto list(std::string_view name, Range count, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::elements_key<Member, Inner>(name, Form::value, count, summary);
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (!at.is_array()) return false;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      Cursor entry = at.entry(i, fmt::format("`{}[{}]`", self.name, i));
      auto& element = (settings.*Member).emplace_back();
      if (entry.node().kind == Kind::table) {
        config::read(entry, Inner, element);
      } else {
        detail::read_alone(entry, Inner, element);
      }
    }
    return at.has_entries(self.range, at.node().items.size());
  };
  key.type = [](const Key<S>& self) {
    return fmt::format("array of {} or table, {} to {}", Inner.front().type(Inner.front()), self.range.min,
                       self.range.max);
  };
  return key;
}

// `[name.NAME]`: a vector of structs, in the order of the file, whose `name` (a Placed string) is NAME.
template <auto Member, const auto& Inner>
constexpr auto named_tables(std::string_view name, std::string_view summary) {
  using S = detail::Owner<Member>;
  using Element = typename detail::Value<Member>::value_type;
  auto key = detail::elements_key<Member, Inner>(name, Form::named_tables, {}, summary);
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (at.node().kind == Kind::array) {
      at.fail_at(at.place(), fmt::format("[[{0}]] must be [{0}.NAME]: one pair of brackets, and a name", self.name));
      for (std::size_t i = 0; i < at.node().items.size(); ++i) {
        Element nameless;
        config::read(at.entry(i, at.label()), Inner, nameless);
      }
      return false;
    }
    if (!at.is_table()) return false;
    bool are_named = true;
    for (const config::Member& member : at.node().members) {
      const bool is_key = std::ranges::find(Inner, member.name, &Key<Element>::name) != Inner.end();
      if (is_key && member.value.kind != Kind::table) {
        at.fail_at(member.place,
                   fmt::format("`{}` is for [{}.NAME]: this section has no name", member.name, self.name));
        are_named = false;
        continue;
      }
      Cursor entry = at.member(member, fmt::format("[{}.{}]", self.name, one_line(member.name)));
      auto& element = (settings.*Member).emplace_back();
      element.name = {member.name, member.place};
      if (auto valid = Name::parse(member.name); !valid)
        entry.fail_at(member.place, fmt::format("the name {}", valid.error()));
      config::read(entry, Inner, element);
    }
    return are_named;
  };
  key.type = [](const Key<S>&) { return std::string("tables by name"); };
  key.show = [](const Key<S>&, const S& settings) {
    std::vector<std::pair<std::string, std::string>> shown;
    for (const auto& element : settings.*Member) {
      shown.emplace_back(element.name.value, detail::show_table(Inner, element));
    }
    return shown.empty() ? std::string() : toml_table(shown);
  };
  key.dump = [](const Key<S>& self, const S& given, const S& effective, Dump& out) {
    const auto& elements = given.*Member;
    if (elements.empty()) return out.absent_section(self.name, self.absence);
    out.enter_path(self.name);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      out.enter_table(elements[i].name.value);
      config::dump(Inner, elements[i], (effective.*Member)[i], out);
      out.leave();
    }
    out.leave();
  };
  return key;
}

// --- Reading, describing, dumping ---

namespace detail {

// One key of the table at the cursor, and what is known of it then. What stands twice, in two files, was told: it is
// read for the mistakes in it, tables that are told apart by what is in them beside each other.
template <class S>
void read_key(const Key<S>& key, const Cursor& at, S& settings) {
  if (settings.given.has(key.name)) {
    S surplus{};
    const bool goes_beside = key.form == Form::tables || key.form == Form::named_tables;
    key.read(key, at, goes_beside ? settings : surplus);
    return settings.given.add(key.name, at.place(), false);
  }
  settings.given.add(key.name, at.place(), key.read(key, at, settings));
  if (key.form != Form::value || key.keeps_secrets) return;
  if (std::string text = text_with_variables(at.node()); !text.empty()) {
    settings.given.add_written(key.name, std::move(text));
  }
}

}  // namespace detail

template <class S>
bool read(const Cursor& at, Keys<S> keys, S& settings) {
  settings.given = Given(at.place(), at.node().is_partial);
  if (!at.is_table()) {
    settings.given.spoil();
    return false;
  }
  auto label = [&](const Key<S>& key) {
    return key.form == Form::value ? fmt::format("`{}`", key.name) : section_text(at.label(), key.name, key.form);
  };
  std::vector<std::string_view> names;
  for (const Key<S>& key : keys) names.push_back(key.name);
  Cursor here = at;
  if (at.label().empty()) here.set_top_level(names);
  for (const Member& member : at.node().members) {
    auto key = std::ranges::find(keys, member.name, &Key<S>::name);
    if (key != keys.end()) {
      detail::read_key(*key, here.member(member, label(*key)), settings);
      continue;
    }
    settings.given.add_unknown(member.place, at.fail_unknown(member, names));
  }
  for (const Key<S>& key : keys) {
    const Given& given = settings.given;
    if (!key.is_required || given.has(key.name) || !given.is_sound(key.name)) continue;
    at.fail_missing(label(key));
    settings.given.spoil();
  }
  return true;
}

template <class S>
void describe(const std::string& section, Keys<S> keys, std::vector<ReferenceRow>& rows) {
  const S standard{};
  for (const Key<S>& key : keys) {
    std::string text = key.form == Form::value ? key.show(key, standard) : std::string();
    if (text.empty()) text = key.absence;
    if (key.is_required) text = "required";
    rows.push_back({section, std::string(key.name), key.type(key), std::move(text), std::string(key.summary)});
  }
  for (const Key<S>& key : keys) {
    if (key.describe != nullptr) key.describe(section_text(section, key.name, key.form), rows);
  }
}

template <class S>
void dump(Keys<S> keys, const S& settings, const S& effective, Dump& out) {
  auto text_of = [](const Key<S>& key, const S& from) {
    const std::string_view written = from.given.written(key.name);
    return written.empty() ? key.show(key, from) : std::string(written);
  };
  for (const Key<S>& key : keys) {
    if (key.dump != nullptr) continue;
    if (std::string text = text_of(key, settings); !text.empty()) {
      out.value(key.name, text);
    } else {
      out.absent(key.name, text_of(key, effective), key.absence);
    }
  }
  for (const Key<S>& key : keys) {
    if (key.dump != nullptr) key.dump(key, settings, effective, out);
  }
}

}  // namespace sluice::config
