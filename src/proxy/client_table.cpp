#include "proxy/client_table.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace sluice::proxy {

namespace {

constexpr std::size_t buckets_min = 64;
constexpr std::size_t buckets_max = 65536;

// SplitMix64's finaliser: every bit of the input reaches every bit of the result.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
  value = (value ^ value >> 27) * 0x94d049bb133111ebU;
  return value ^ value >> 31;
}

}  // namespace

ClientTable::ClientTable(std::size_t connections, std::uint64_t seed)
    : seed_(seed), buckets_(std::clamp(std::bit_ceil(connections), buckets_min, buckets_max)) {}

ClientTable::~ClientTable() { SLUICE_ASSERT(clients_ == 0); }

ClientTable::Ticket::~Ticket() {
  if (entry_ == nullptr || --entry_->connections != 0) return;
  --entry_->table.clients_;
  entry_->hook.unlink();
  delete entry_;
}

std::optional<ClientTable::Ticket> ClientTable::admit(const net::Address& client,
                                                      std::optional<std::uint32_t> connections_max) {
  const std::optional<Key> key = key_of(client);
  if (!key) return Ticket();
  auto& bucket = bucket_of(*key);
  Entry* entry = bucket.front();
  while (entry != nullptr && entry->key != *key) entry = bucket.next(*entry);
  if (entry == nullptr) {
    entry = new Entry(*this, *key);
    bucket.push_front(*entry);
    ++clients_;
  } else if (connections_max && entry->connections >= *connections_max) {
    return std::nullopt;
  }
  ++entry->connections;
  return Ticket(*entry);
}

std::optional<ClientTable::Key> ClientTable::key_of(const net::Address& client) {
  constexpr std::uint64_t mapped_prefix = 0xffff;
  if (client.family() == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, client.data(), sizeof address);
    return Key{0, mapped_prefix << 32 | ntohl(address.sin_addr.s_addr)};
  }
  if (client.family() != AF_INET6) return std::nullopt;
  sockaddr_in6 address{};
  std::memcpy(&address, client.data(), sizeof address);
  std::uint64_t halves[2];
  std::memcpy(halves, &address.sin6_addr, sizeof halves);
  const Key whole{be64toh(halves[0]), be64toh(halves[1])};
  const bool is_mapped = whole.high == 0 && whole.low >> 32 == mapped_prefix;
  return is_mapped ? whole : Key{whole.high, 0};
}

List<ClientTable::Entry, &ClientTable::Entry::hook>& ClientTable::bucket_of(const Key& key) {
  const std::uint64_t hash = mix(key.low ^ mix(key.high ^ seed_));
  return buckets_[hash & (buckets_.size() - 1)];
}

}  // namespace sluice::proxy
