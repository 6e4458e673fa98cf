#include "descriptors.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::fault {

int Descriptors::add(std::shared_ptr<File> file) {
  if (is_full()) return -EMFILE;
  auto slot = std::find(slots_.begin(), slots_.end(), nullptr);
  if (slot == slots_.end()) slot = slots_.insert(slots_.end(), nullptr);
  *slot = std::move(file);
  ++open_;
  return static_cast<int>(slot - slots_.begin()) + first;
}

std::shared_ptr<File> Descriptors::find(int fd) const {
  auto slot = static_cast<std::size_t>(fd - first);
  return fd >= first && slot < slots_.size() ? slots_[slot] : nullptr;
}

bool Descriptors::remove(int fd) {
  if (find(fd) == nullptr) return false;
  // Out of the table first: the last reference may go here, and what it runs may look at the table.
  std::shared_ptr<File> file = std::move(slots_[static_cast<std::size_t>(fd - first)]);
  slots_[static_cast<std::size_t>(fd - first)] = nullptr;
  --open_;
  return true;
}

std::size_t Descriptors::pending_bytes() const {
  std::size_t bytes = 0;
  for (const auto& file : slots_) bytes += file == nullptr ? 0 : file->pending_bytes();
  return bytes;
}

std::string Descriptors::describe() const {
  std::string text;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] == nullptr) continue;
    if (!text.empty()) text += "; ";
    text += std::to_string(static_cast<int>(i) + first) + ": " + slots_[i]->describe();
  }
  return text;
}

}  // namespace sluice::fault
