#pragma once

#include "net/address.hpp"
#include "runtime/task.hpp"

namespace sluice::proxy {

class Downstream;
class Shard;
class ShardListener;

// The PROXY header that tells whose connection it is, in front of everything else.

// Receives it, and tells `downstream` who the client is. False: there is none to believe, and nobody to answer to; what
// is to be logged has been.
[[nodiscard]] runtime::Task<bool> receive_client_header(Shard& shard, Downstream& downstream);

// Counts and logs a connection from who may not send one.
void note_untrusted_proxy(Shard& shard, const ShardListener& listener, const net::Address& peer);

}  // namespace sluice::proxy
