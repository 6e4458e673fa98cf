#include "metrics/identities.hpp"

#include "base/assert.hpp"

namespace sluice::metrics {

std::string escape_label(std::string_view value) {
  std::string escaped;
  for (char c : value) {
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

Identities::Identities(std::vector<std::string_view> labels) : labels_(std::move(labels)) {}

void Identities::begin() {
  SLUICE_ASSERT(named_.empty());
  for (auto& [labels, place] : places_) place.is_taken = false;
}

Slot Identities::take(std::span<const std::string_view> values) {
  auto [found, is_new] = places_.try_emplace(labels_of(values));
  Place& place = found->second;
  if (is_new) {
    place.slot = new_slot();
    if (place.slot == Slot{}) {
      places_.erase(found);
      return {};
    }
    place.is_new = true;
  }
  if (!place.is_taken) named_.emplace_back(found->first);
  place.is_taken = true;
  return place.slot;
}

void Identities::commit() {
  auto list = std::make_shared<IdentityList>();
  list->reserve(named_.size());
  for (std::string_view labels : named_) {
    Place& place = places_.find(labels)->second;
    place.is_new = false;
    list->push_back({place.slot, std::string(labels)});
  }
  named_.clear();
  std::erase_if(places_, [this](const auto& entry) {
    if (!entry.second.is_taken) free_.push_back(entry.second.slot);
    return !entry.second.is_taken;
  });
  in_effect_ = std::move(list);
}

void Identities::roll_back() {
  named_.clear();
  std::erase_if(places_, [this](const auto& entry) {
    if (entry.second.is_new) free_.push_back(entry.second.slot);
    return entry.second.is_new;
  });
}

std::string Identities::labels_of(std::span<const std::string_view> values) const {
  SLUICE_ASSERT(values.size() == labels_.size());
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) text += ',';
    text.append(labels_[i]).append("=\"").append(escape_label(values[i])).append("\"");
  }
  return text;
}

Slot Identities::new_slot() {
  if (free_.empty()) return slots_made_ < slots_max ? Slot{slots_made_++, 1} : Slot{};
  Slot slot = free_.back();
  free_.pop_back();
  ++slot.reuse;
  return slot;
}

}  // namespace sluice::metrics
