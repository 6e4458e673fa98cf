#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "proxy/settings.hpp"
#include "proxy/shard.hpp"
#include "world.hpp"

// What the stories of a whole shard are told with: clients and an origin made of scripts.
namespace sluice::fault {

// What: one scripted client: sends its bytes in pieces, reads until the end, and may vanish on the way.
class Client {
 public:
  struct Script {
    std::string sends;
    std::size_t piece = SIZE_MAX;           // bytes at a time
    std::vector<std::string> expects;       // bodies of the responses, in order
    std::size_t vanish_after = SIZE_MAX;    // resets the connection once so many bytes have come
    std::size_t continue_after = SIZE_MAX;  // sends only so many bytes until an interim response has come
    std::size_t reads = SIZE_MAX;           // bytes at a time
    bool is_stuck = false;                  // its exchange never ends: nobody waits for it
    bool vanishes_when_sent = false;        // resets the connection behind its last byte
    bool is_tunnel = false;                 // what it sends behind its head comes back; then it ends its half
    bool is_raw = false;                    // of a TCP listener: what it sends comes back; then it ends its half
    bool may_be_refused = false;            // what it asks for may be too much also where nothing goes wrong
    std::uint16_t port = 8080;              // of the listener
    std::size_t starts_after_reloads = 0;   // does nothing before so many are over
  };

  explicit Client(Script script) : script_(std::move(script)) {}

  // True when it did something.
  bool act(World& world);
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] bool is_stuck() const { return script_.is_stuck; }
  [[nodiscard]] std::size_t starts_after_reloads() const { return script_.starts_after_reloads; }
  void check(World& world);

 private:
  bool finish();
  bool send_more();
  bool end_sending();
  void check_tunnel(World& world) const;
  void check_echo(World& world, std::string_view sent, std::string_view came) const;
  // Responses with Content-Length or chunks, as far as they are complete.
  std::size_t count_responses();

  Script script_;
  Peer peer_;
  std::string received_;
  std::vector<std::string> bodies_;
  std::size_t written_ = 0;
  bool was_connected_ = false;
  bool has_ended_sending_ = false;
  bool is_done_ = false;
};

// What: the scripted origin: keeps connections alive, answers by path, in pieces.
class Origin {
 public:
  static constexpr std::uint16_t port = 9001;

  // is_raw: it echoes from the first byte on.
  Origin(World& world, const Address& address, std::size_t piece, bool is_raw);

  bool act();
  // Every connection is closed by the proxy in the end; what is left is ours to close.
  void close() { connections_.clear(); }

  static std::string big_body(std::size_t bytes = 5000);

 private:
  // What follows once everything that it has to say is said.
  enum class Manner : std::uint8_t {
    stays,     // the next request is answered, too
    closes,    // at once, whatever has not been read
    ends,      // its own half, and reads what still comes
    resets,    // when the next request comes, without having read it
    hangs_up,  // when the next request comes, having read it
    is_mute,   // reads and says nothing
    echoes,    // all that it reads, until the end of that
    is_deaf,   // does not even read
  };
  struct Connection {
    Peer peer;
    std::string received;
    std::string to_send;
    Manner manner = Manner::stays;
    bool has_continued = false;  // has said 100
    bool has_ended = false;
    bool is_over = false;
  };

  [[nodiscard]] bool serve(Connection& connection) const;
  static bool receive(Connection& connection);
  static bool part(Connection& connection);
  static bool take_request(Connection& connection);
  static bool answer_early(Connection& connection, std::string_view head);
  static std::string answer(Connection& connection, std::string_view head, const std::string& body);

  PeerListener listener_;
  std::deque<Connection> connections_;
  std::size_t piece_;
  bool is_raw_;
};

// What: one reload in the middle of it all.
struct Reload {
  std::string endpoints = R"("127.0.0.1:9001")";
  std::string upstream = "api";  // another name: another upstream
  bool adds_second_listener = false;
  bool removes_first_listener = false;
};

// What: how one shard lives and ends.
struct Story {
  proxy::ShardSettings settings = {.ring_entries = 64,
                                   .receive_buffers = 8,
                                   .receive_buffer = 512,
                                   .message_buffers = 64,
                                   .splice_threshold = 0,
                                   .pipes = 2,
                                   .pipe_size = 65536};
  std::string endpoints = R"("127.0.0.1:9001")";
  bool is_unix = false;            // clients and origin come over unix sockets: the latter is "unix:@origin"
  std::string limits;              // lines of [limits]
  std::string upstream;            // lines of the upstream
  proxy::ListenerTerms listener;   // of the first one
  std::size_t origin_piece = 700;  // bytes at a time
  Duration drain = std::chrono::seconds(20);
  bool cuts_off = false;    // instead of a drain
  bool breaks_off = false;  // where nothing goes wrong, too
  // One after the other, with so many rounds of the clients in between.
  std::vector<Reload> reloads = {Reload{}};
  unsigned rounds_between_reloads = 4;
  bool ends_in_reload = false;  // does not wait for the last one
  // Looks at the shard after each of its turns.
  std::function<void(proxy::Shard&)> watch = {};
  // Looks at what it has counted where nothing went wrong.
  std::function<void(const proxy::ShardCounters&)> check = {};
};

// Runs a shard between the clients and the origin until all clients are done, ends it, and looks at what is left.
void run_shard(World& world, std::vector<Client> clients, const Story& story);

[[nodiscard]] std::string get(const std::string& path);
[[nodiscard]] std::string post(const std::string& path, const std::string& body);

}  // namespace sluice::fault
