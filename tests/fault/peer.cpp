#include "peer.hpp"

#include <algorithm>

namespace sluice::fault {

std::size_t Peer::write(std::string_view bytes) {
  if (!is_connected() || bytes.empty()) return 0;
  long room = socket_->write_room();
  if (room <= 0) return 0;
  std::size_t count = std::min(bytes.size(), static_cast<std::size_t>(room));
  socket_->write(bytes.substr(0, count));
  return count;
}

std::string Peer::read(std::size_t bytes_max) {
  std::string out;
  if (readable() != 0) (void)socket_->read(bytes_max, out);
  return out;
}

bool Peer::at_end() const { return socket_ != nullptr && socket_->fin_received() && socket_->readable() == 0; }

void Peer::shutdown() {
  if (is_connected()) (void)socket_->shutdown(SHUT_WR);
}

void Peer::reset() {
  if (socket_ != nullptr) socket_->reset();
}

}  // namespace sluice::fault
