#pragma once

#include "proxy/downstream.hpp"
#include "runtime/task.hpp"

namespace sluice::proxy {

class Shard;

// The life of one request: receives its head from the connection's input, forwards it, brings the response back, writes
// the log line. At least one byte of the request has arrived. Returns what becomes of the client's connection; the
// endpoint's is in its pool or closed by then.
[[nodiscard]] runtime::Task<Disposition> serve_exchange(Shard& shard, Downstream& downstream);

}  // namespace sluice::proxy
