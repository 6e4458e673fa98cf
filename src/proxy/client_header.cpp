#include "proxy/client_header.hpp"

#include <string_view>

#include "message/proxy_head.hpp"
#include "proxy/access_log.hpp"
#include "proxy/downstream.hpp"
#include "proxy/reason.hpp"
#include "proxy/shard.hpp"
#include "proxy/shard_listener.hpp"

namespace sluice::proxy {

using runtime::Task;

namespace {

// The status that stands in the log; nothing is sent to whom nothing is believed.
int status_for(Reason reason) {
  if (reason == Reason::untrusted_proxy) return 403;
  if (reason == Reason::proxy_header_timeout) return 408;
  if (reason == Reason::client_closed) return 499;
  return reason == Reason::bad_proxy_header ? 400 : 503;
}

void note(Shard& shard, const ShardListener& listener, const net::Address& peer, Duration total, Reason reason,
          std::string_view detail) {
  shard.counters().reasons[static_cast<std::size_t>(reason)].add();
  if (!shard.is_logging()) return;
  char text[net::Address::text_bytes_max];
  AccessLogEntry entry;
  entry.unix_ms = shard.unix_ms();
  entry.shard = shard.index();
  entry.listener = listener.name();
  entry.client = peer.write_host(text);
  entry.status = status_for(reason);
  entry.total = total;
  entry.reason = to_string(reason);
  entry.detail = detail;
  shard.log(entry);
}

// What a failed receive is called.
Reason reason_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::timed_out:
      return Reason::proxy_header_timeout;
    case ErrorCode::exhausted:
      return Reason::exhausted;
    default:
      return Reason::client_closed;
  }
}

void take_over(Downstream& downstream, const net::ProxyHeader& header) {
  switch (header.kind) {
    case net::ProxyHeader::Kind::local:
    case net::ProxyHeader::Kind::unknown:
      break;
    case net::ProxyHeader::Kind::internet:
      downstream.set_client(header.source, header.destination);
      break;
    case net::ProxyHeader::Kind::nameless:
      // Not as one of our own unix sockets, which may be trusted.
      downstream.set_client(net::Address(), net::Address());
      break;
  }
}

}  // namespace

Task<bool> receive_client_header(Shard& shard, Downstream& downstream) {
  downstream.strand().set_phase("receiving PROXY header");
  const Instant began = shard.loop().now();
  const Instant deadline = began + shard.snapshots().current().timeouts.head;
  net::ProxyHeader header;
  auto received = co_await message::receive_proxy_header(downstream.input(), deadline, header);
  if (received && received->status == net::ProxyHeaderStatus::complete) {
    take_over(downstream, header);
    co_return true;
  }
  // Who looks whether the port is open, and who is cut off with nothing said, is nobody's client.
  const bool is_silent = downstream.input().is_empty();
  Reason reason = received ? Reason::client_closed : reason_for(received.error().code);
  std::string_view detail;
  if (received && received->status == net::ProxyHeaderStatus::rejected) {
    reason = Reason::bad_proxy_header;
    detail = to_string(received->reject);
  }
  if (downstream.strand().is_cancelled()) reason = Reason::shutdown;
  if (!is_silent || reason == Reason::proxy_header_timeout || reason == Reason::exhausted) {
    note(shard, downstream.listener(), downstream.client(), shard.loop().now() - began, reason, detail);
  }
  co_return false;
}

void note_untrusted_proxy(Shard& shard, const ShardListener& listener, const net::Address& peer) {
  note(shard, listener, peer, Duration(0), Reason::untrusted_proxy, {});
}

}  // namespace sluice::proxy
