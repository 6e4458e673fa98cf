#pragma once

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace sluice::test {

// What: reads the text format of Prometheus (version 0.0.4) as strictly as its description allows: comments are HELP
// and
//       TYPE alone, once each and in front of their samples, the samples of a metric stand together, no sample stands
//       twice, and every byte is accounted for.
class Exposition {
 public:
  explicit Exposition(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      REQUIRE_MESSAGE(end != std::string_view::npos, "no line feed at the end");
      line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
  }

  // By "name{labels}", as written.
  [[nodiscard]] const std::map<std::string, std::string>& samples() const { return samples_; }
  [[nodiscard]] std::string at(const std::string& sample) const {
    auto found = samples_.find(sample);
    return found == samples_.end() ? "(none)" : found->second;
  }
  [[nodiscard]] const std::map<std::string, std::string>& types() const { return types_; }

 private:
  void line(std::string_view text) {
    CAPTURE(text);
    REQUIRE_FALSE(text.empty());
    if (text.starts_with("# HELP ")) {
      text.remove_prefix(7);
      current_ = take_name(text);
      REQUIRE(helped_.insert(current_).second);
      REQUIRE(text.starts_with(' '));
      REQUIRE(text.size() > 1);
      REQUIRE_FALSE(text.contains('\\'));
    } else if (text.starts_with("# TYPE ")) {
      text.remove_prefix(7);
      const std::string name = take_name(text);
      REQUIRE(name == current_);
      const std::string type(text.substr(1));
      REQUIRE((type == "counter" || type == "gauge" || type == "histogram"));
      REQUIRE(types_.emplace(name, type).second);
    } else {
      sample(text);
    }
  }

  void sample(std::string_view text) {
    const std::string_view whole = text;
    const std::string name = take_name(text);
    // Behind its own description, which comes once: so all samples of a metric stand together.
    const std::string type = types_.contains(current_) ? types_.at(current_) : "";
    if (type == "histogram") {
      REQUIRE((name == current_ + "_bucket" || name == current_ + "_sum" || name == current_ + "_count"));
    } else {
      REQUIRE(name == current_);
    }
    if (text.starts_with('{')) labels(text);
    const std::string key(whole.substr(0, whole.size() - text.size()));
    REQUIRE(text.starts_with(' '));
    text.remove_prefix(1);
    REQUIRE_FALSE(text.empty());
    REQUIRE(text.find_first_not_of("0123456789.") == std::string_view::npos);
    REQUIRE(samples_.emplace(key, text).second);
  }

  static void labels(std::string_view& text) {
    std::set<std::string> names;
    do {
      text.remove_prefix(1);
      REQUIRE(names.insert(take_name(text)).second);
      REQUIRE(text.starts_with("=\""));
      text.remove_prefix(2);
      while (!text.empty() && text.front() != '"') {
        if (text.front() == '\\') {
          text.remove_prefix(1);
          REQUIRE((text.starts_with('\\') || text.starts_with('"') || text.starts_with('n')));
        }
        text.remove_prefix(1);
      }
      REQUIRE(text.starts_with('"'));
      text.remove_prefix(1);
    } while (text.starts_with(','));
    REQUIRE(text.starts_with('}'));
    text.remove_prefix(1);
  }

  static std::string take_name(std::string_view& text) {
    constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    std::size_t end = 0;
    while (end < text.size() && (first.contains(text[end]) || (end != 0 && text[end] >= '0' && text[end] <= '9')))
      ++end;
    REQUIRE(end != 0);
    std::string name(text.substr(0, end));
    text.remove_prefix(end);
    return name;
  }

  std::string current_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, std::string> samples_;
};

}  // namespace sluice::test
