#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/slot.hpp"

namespace sluice::metrics {

// One identity of a family, for whoever shows its counts.
struct Identity {
  Slot slot;
  std::string labels;  // `upstream="api",endpoint="127.0.0.1:9001"`
};
using IdentityList = std::vector<Identity>;

// What: the identities of one family, by what the configuration calls them, and the slots that they have.
// Shard: the control thread alone.
// Invariants: an identity keeps its slot while each configuration that is put into effect names it. No two have one
// slot.
//             Between begin() and commit() or roll_back() nothing that is in effect changes.
class Identities {
 public:
  // labels: the names of the labels, in their order.
  explicit Identities(std::vector<std::string_view> labels);

  // A new configuration names its identities, each by one value for each label, and is then put into effect or not.
  void begin();
  // Naming one twice gives the same slot twice. When slots_max are in use, a slot that nobody reads.
  [[nodiscard]] Slot take(std::span<const std::string_view> values);
  void commit();
  void roll_back();

  // Those in effect, in the order in which they were named. It stays as it is, whatever is put into effect later.
  [[nodiscard]] const std::shared_ptr<const IdentityList>& in_effect() const { return in_effect_; }

 private:
  struct Place {
    Slot slot;
    bool is_taken = false;  // by the configuration that is being named
    bool is_new = false;
  };
  [[nodiscard]] std::string labels_of(std::span<const std::string_view> values) const;
  [[nodiscard]] Slot new_slot();

  std::vector<std::string_view> labels_;
  std::map<std::string, Place, std::less<>> places_;  // by the text of the labels
  std::vector<Slot> free_;                            // with the numbers that they had
  std::uint32_t slots_made_ = 0;
  std::vector<std::string_view> named_;  // keys of places_, in the order in which they were taken
  std::shared_ptr<const IdentityList> in_effect_ = std::make_shared<const IdentityList>();
};

// The value of a label as the text format of Prometheus writes it between its quotes.
[[nodiscard]] std::string escape_label(std::string_view value);

}  // namespace sluice::metrics
