#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/list.hpp"
#include "memory/pooled.hpp"
#include "net/address.hpp"

namespace sluice::proxy {

// What: how many connections each client has to this shard. A client is an IPv4 address, or the /64 of an IPv6 address:
// who
//       has one of these has all of it. Peers without an address, on unix sockets, are not counted.
// Shard: one.
// Lifetime: outlives every Ticket.
// Invariants: one entry for each client that holds a ticket, from the thread's FramePool, and no other: as many as
// there
//             are connections at most.
class ClientTable {
 private:
  struct Entry;

 public:
  // What: the place of one connection; given back at its end. Empty for who is not counted.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();

   private:
    friend class ClientTable;
    explicit Ticket(Entry& entry) : entry_(&entry) {}
    Entry* entry_ = nullptr;
  };

  // connections: as many as are expected, for the size of the table. seed: not to be known to clients, who could
  // otherwise choose addresses that all fall together.
  ClientTable(std::size_t connections, std::uint64_t seed);
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;
  ~ClientTable();

  // A ticket, or nothing where the client has `connections_max` already.
  [[nodiscard]] std::optional<Ticket> admit(const net::Address& client, std::optional<std::uint32_t> connections_max);

  [[nodiscard]] std::size_t clients() const { return clients_; }

 private:
  // The network part of an address; IPv4 as it is mapped into IPv6.
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Entry : memory::Pooled {
    Entry(ClientTable& owner, const Key& client) : table(owner), key(client) {}
    ClientTable& table;
    Key key;
    std::uint32_t connections = 0;
    ListHook hook;
  };

  [[nodiscard]] static std::optional<Key> key_of(const net::Address& client);
  [[nodiscard]] List<Entry, &Entry::hook>& bucket_of(const Key& key);

  std::uint64_t seed_;
  std::vector<List<Entry, &Entry::hook>> buckets_;
  std::size_t clients_ = 0;
};

}  // namespace sluice::proxy
