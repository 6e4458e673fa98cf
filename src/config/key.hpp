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

  void (*read)(const Key&, const Cursor&, S&) = nullptr;
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

// Reads the table at the cursor into `settings`; what the file leaves out stays as it is.
template <class S>
void read(const Cursor& at, Keys<S> keys, S& settings);

// Appends the reference of `keys` and of the sections inside them.
template <class S>
void describe(const std::string& section, Keys<S> keys, std::vector<ReferenceRow>& rows);

// Writes every key, so that reading it again gives `given`. effective: the same with what holds in the place of what
// was left out, told in comments.
template <class S>
void dump(Keys<S> keys, const S& given, const S& effective, Dump& out);

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
  Key<S> key{.name = name, .summary = summary, .range = range};
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (auto value = Kind::read(at, self.range)) store(settings.*Member, std::move(*value), at.place());
  };
  key.type = [](const Key<S>& self) { return Kind::type(self.range); };
  key.show = [](const Key<S>&, const S& settings) { return show<Kind>(settings.*Member); };
  return key;
}

// Kind: ArrayKind or MapKind.
template <auto Member, class Kind>
constexpr Key<Owner<Member>> collection_key(std::string_view name, Range count, std::string_view summary) {
  using S = Owner<Member>;
  Key<S> key{.name = name, .summary = summary, .range = count, .absence = "none"};
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    Kind::read(at, self.range, self.name, settings.*Member);
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

template <class S>
void read_element(const Cursor& at, Keys<S> keys, S& element) {
  std::size_t before = at.problem_count();
  read(at, keys, element);
  if constexpr (requires { element.place; }) element.place = at.place();
  if constexpr (requires { element.has_problem; }) element.has_problem = at.problem_count() != before;
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
// Way: Text, Name, IpPort or a module's own (scalar.hpp). With `is_secret` or `may_be_file` in it, the
// value is a Secret: shown to nobody, or only what files and variables do not say.
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

// A table with keys of its own, `[name]` or `name = { … }`; the member may be an optional. Its struct may have `place`
// and `has_problem`, as those of `tables`.
template <auto Member, const auto& Inner>
constexpr auto table(std::string_view name, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::table, summary);
  if constexpr (!detail::is_optional<detail::Value<Member>>) key.absence = "each key's own";
  key.read = [](const Key<S>&, const Cursor& at, S& settings) {
    detail::read_element(at, Inner, detail::made(settings.*Member));
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

// `[[name]]`: a vector of structs, in the order of the file. A struct's `place` is set, and its `has_problem` when
// something in it could not be read, so that later checks leave it alone.
template <auto Member, const auto& Inner>
constexpr auto tables(std::string_view name, Range count, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::elements_key<Member, Inner>(name, Form::tables, count, summary);
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (at.node().kind == Kind::table) return at.fail("must have two pairs of brackets");
    if (!at.is_array(self.range)) return;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      detail::read_element(at.entry(i, at.label()), Inner, (settings.*Member).emplace_back());
    }
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
    if (!at.is_array(self.range)) return;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      Cursor entry = at.entry(i, fmt::format("`{}[{}]`", self.name, i));
      auto& element = (settings.*Member).emplace_back();
      if (entry.node().kind == Kind::table) {
        detail::read_element(entry, Inner, element);
      } else {
        Inner.front().read(Inner.front(), entry, element);
      }
    }
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
  auto key = detail::elements_key<Member, Inner>(name, Form::named_tables, {}, summary);
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (!at.is_table()) return;
    for (const config::Member& member : at.node().members) {
      Cursor entry = at.member(member, fmt::format("[{}.{}]", self.name, one_line(member.name)));
      auto& element = (settings.*Member).emplace_back();
      element.name = {member.name, member.place};
      if (auto valid = Name::parse(member.name); !valid)
        entry.fail_at(member.place, fmt::format("the name {}", valid.error()));
      detail::read_element(entry, Inner, element);
    }
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

template <class S>
void read(const Cursor& at, Keys<S> keys, S& settings) {
  if (!at.is_table()) return;
  auto label = [&](const Key<S>& key) {
    return key.form == Form::value ? fmt::format("`{}`", key.name) : section_text(at.label(), key.name, key.form);
  };
  for (const Member& member : at.node().members) {
    auto key = std::ranges::find(keys, member.name, &Key<S>::name);
    if (key != keys.end()) {
      key->read(*key, at.member(member, label(*key)), settings);
      continue;
    }
    std::vector<std::string_view> names;
    for (const Key<S>& known : keys) names.push_back(known.name);
    at.fail_unknown(member, names);
  }
  for (const Key<S>& key : keys) {
    if (key.is_required && at.node().find(key.name) == nullptr) at.fail_missing(label(key));
  }
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
void dump(Keys<S> keys, const S& given, const S& effective, Dump& out) {
  for (const Key<S>& key : keys) {
    if (key.dump != nullptr) continue;
    if (std::string text = key.show(key, given); !text.empty()) {
      out.value(key.name, text);
    } else {
      out.absent(key.name, key.show(key, effective), key.absence);
    }
  }
  for (const Key<S>& key : keys) {
    if (key.dump != nullptr) key.dump(key, given, effective, out);
  }
}

}  // namespace sluice::config
