#include "config/problems.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.hpp"

namespace sluice::config {
namespace {

// How many letters are too many, missing, wrong or swapped with their neighbour, without regard to case. Both words are
// names, so they are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  auto is_same = [&](std::size_t i, std::size_t j) { return ascii::lower(a[i]) == ascii::lower(b[j]); };
  std::vector<std::size_t> above;  // one row up, two rows up
  std::vector<std::size_t> higher;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    higher = std::exchange(above, row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j] + (is_same(i, j) ? 0 : 1), above[j + 1] + 1, row[j] + 1});
      const bool is_swapped = i > 0 && j > 0 && is_same(i, j - 1) && is_same(i - 1, j);
      if (is_swapped) row[j + 1] = std::min(row[j + 1], higher[j - 1] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::uint32_t Problems::add_file(std::string path) {
  files_.push_back(std::move(path));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

void Problems::add(Place place, std::string message) {
  if (is_full()) {
    ++dropped_;
  } else {
    auto behind = std::ranges::upper_bound(kept_, place, {}, &Problem::place);
    kept_.insert(behind, {place, std::move(message)});
  }
}

std::string place_text(std::span<const std::string> files, Place place) {
  const std::string& file = files[place.file];
  return place.line == 0 ? file : fmt::format("{}:{}:{}", file, place.line, place.column);
}

std::vector<std::string> Problems::lines() const {
  std::vector<std::string> lines;
  lines.reserve(kept_.size() + 1);
  for (const Problem& problem : kept_)
    lines.push_back(fmt::format("{}: {}", place_text(problem.place), problem.message));
  if (dropped_ != 0) lines.push_back(fmt::format("{}: and {} more", files_.front(), dropped_));
  return lines;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t word_bytes_max = 64;
  if (word.size() > word_bytes_max) return {};
  // A third of the word may be wrong; beyond that the guess would be noise.
  std::size_t nearest_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view found;
  for (std::string_view candidate : candidates) {
    std::size_t difference = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (difference >= nearest_distance) continue;
    std::size_t distance = edit_distance(word, candidate);
    if (distance >= nearest_distance) continue;
    nearest_distance = distance;
    found = candidate;
  }
  return found;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view found = nearest(word, candidates);
  return found.empty() ? std::string() : fmt::format("; did you mean `{}`?", found);
}

std::string one_line(std::string_view text, std::size_t shown_max) {
  std::string shown;
  for (char c : text.substr(0, shown_max)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  if (text.size() > shown_max) shown += "...";
  return shown;
}

}  // namespace sluice::config
