#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/list.hpp"
#include "message/input.hpp"
#include "message/output.hpp"
#include "net/address.hpp"
#include "net/stream.hpp"
#include "runtime/strand.hpp"
#include "runtime/task.hpp"
#include "upstream/connection.hpp"

namespace sluice::proxy {

class Exchange;
class Relay;
class Shard;
class ShardListener;
class Tunnel;
struct ConnectionRow;
struct Particulars;

// What happens to the client's connection after an exchange.
enum class Disposition : std::uint8_t {
  keep_alive,  // the next request may come
  close,       // everything was said
  linger,      // the client may still be sending: let it read our answer first
  abort,       // the response was broken off, and must not look complete
  tunnel,      // it speaks another protocol from here on
};
[[nodiscard]] std::string_view to_string(Disposition disposition) noexcept;

// What: one client connection: its socket, its bytes, and the loop over its requests. Small, because most are idle.
// Shard: one.
// Lifetime: in the frame of its root coroutine.
// Invariants: at most one exchange at a time; while there is one, the end of the client cancels the root's strand.
class Downstream final : private net::Stream::Observer {
 public:
  Downstream(Shard& shard, runtime::Strand& strand, int fd, const net::Address& client, ShardListener& listener);
  ~Downstream();

  // Serves until the connection ends, as the listener's protocol has it; the socket is closed when it returns.
  [[nodiscard]] runtime::Task<void> run();
  // In place of run().
  [[nodiscard]] runtime::Task<void> close();
  // Nothing is under way that a close would take from the client.
  [[nodiscard]] bool is_idle() const { return activity_ == Activity::idle; }
  // A request or a tunnel has not come to its end.
  [[nodiscard]] bool is_serving() const { return activity_ == Activity::exchange || activity_ == Activity::tunnel; }

  [[nodiscard]] net::Stream& stream() { return stream_; }
  [[nodiscard]] message::Input& input() { return input_; }
  [[nodiscard]] message::Output& output() { return output_; }
  [[nodiscard]] const net::Address& client() const { return client_; }
  // What a PROXY header says of it. Before run().
  void set_client(const net::Address& client, const net::Address& destination);
  // Where the client connected to: as the PROXY header says it, else our end of the connection.
  [[nodiscard]] net::Address destination() const;
  // The connections to endpoints that serve this client alone; null: there has been none.
  [[nodiscard]] const upstream::OwnConnections* own_connections() const;
  // The same for a further one.
  [[nodiscard]] upstream::OwnConnections& make_own_connections();
  [[nodiscard]] ShardListener& listener() const { return listener_; }
  // Another request may follow: neither the shard nor the listener is on its way out.
  [[nodiscard]] bool may_go_on() const;
  [[nodiscard]] runtime::Strand& strand() { return strand_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  // The client sent FIN or RST while an exchange was going on.
  [[nodiscard]] bool is_client_gone() const { return is_client_gone_; }

  // What it is doing, for the admin socket.
  void describe(ConnectionRow& row, Instant now) const;
  void set_exchange(Exchange* exchange) { exchange_ = exchange; }
  // The shard has moved on to a newer snapshot.
  void take_new_snapshot();
  // Whether the client may end its side behind a request and still wait for the response.
  void set_half_close(bool half_close) { half_close_ = half_close; }
  // Everything of the request has been read: what comes next is another one, or the client's end.
  // was_spliced: its body, and so will be the next one's.
  void request_ended(bool was_spliced);
  // Its bytes will go on as they come. Until there is an endpoint for them, a RST from the client is all that ends it.
  void begin_relay();
  // A 101 is on its way, or an endpoint of a relay is there: the client's FIN and RST cancel nothing from here on,
  // whoever reads learns of them.
  void begin_tunnel() { activity_ = Activity::tunnel; }
  // What the connection becomes after this exchange, whose disposition says so.
  void set_tunnel(std::unique_ptr<Tunnel> tunnel);

  ListHook shard_hook;

 private:
  Exchange* exchange_ = nullptr;  // while there is one; here, because a reload looks at both of every connection

  enum class Activity : std::uint8_t {
    idle,
    exchange,   // the end of the client cancels it
    tunnel,     // from the 101 on
    lingering,  // the client is reading our answer, which it would lose with a reset
  };

  void on_unread_input(net::Stream& stream) override;
  [[nodiscard]] Particulars& particulars();
  void release();
  [[nodiscard]] runtime::Task<void> serve();
  [[nodiscard]] runtime::Task<void> relay();
  [[nodiscard]] runtime::Task<void> serve_requests();
  [[nodiscard]] runtime::Task<bool> pass_empty_line();
  [[nodiscard]] runtime::Task<void> linger();
  void watch_client();

  Shard& shard_;
  runtime::Strand& strand_;
  ShardListener& listener_;
  net::Stream stream_;
  message::Input input_;
  message::Output output_;
  net::Address client_;
  std::uint64_t id_;
  Instant began_;
  std::uint64_t requests_ = 0;
  std::unique_ptr<Tunnel> tunnel_;            // valid with Disposition::tunnel
  std::unique_ptr<Particulars> particulars_;  // most have none
  Activity activity_ = Activity::idle;
  bool half_close_ = false;
  bool is_client_gone_ = false;
};

}  // namespace sluice::proxy
