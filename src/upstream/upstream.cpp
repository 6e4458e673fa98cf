#include "upstream/upstream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "net/congestion_control.hpp"
#include "runtime/kernel.hpp"
#include "runtime/operation.hpp"

namespace sluice::upstream {

using runtime::Task;
namespace kernel = runtime::kernel;

namespace {

constexpr Duration queue_full_pause_max = std::chrono::milliseconds(50);

}  // namespace

// The peer closed an idle connection, or sent what nobody asked for: either way it is of no further use.
void Connection::on_unread_input(net::Stream& /*stream*/) { endpoint_.evict(*this); }

void Connection::on_deadline() { endpoint_.evict(*this); }

Endpoint::~Endpoint() { SLUICE_ASSERT(open_ == 0); }

Connection* OwnConnections::find(const Endpoint& endpoint) const {
  Connection* connection = connections_.front();
  while (connection != nullptr && &connection->endpoint() != &endpoint) connection = connections_.next(*connection);
  return connection;
}

void OwnConnections::close_all() {
  while (Connection* connection = connections_.front()) connection->endpoint().evict(*connection);
}

// Whether connections that are made now are.
bool Endpoint::is_private() const { return upstream_.settings().proxy_protocol != ProxyProtocol::off; }

Connection* Endpoint::take_idle(const OwnConnections* own) {
  Connection* connection = idle_.front();
  if (is_private()) [[unlikely]]
    connection = own == nullptr ? nullptr : own->find(*this);
  if (connection == nullptr) return nullptr;
  connection->idle_hook_.unlink();
  if (connection->own_hook_.is_linked()) connection->own_hook_.unlink();
  connection->stream_.set_observer(nullptr);
  resources_.loop.wheel().disarm(*connection);
  --upstream_.idle_count_;
  cells().idle_connections.subtract();
  ++connection->exchanges_;
  return connection;
}

Task<Result<Connection*>> Endpoint::connect(Duration timeout) {
  auto fail = [](Error error) {
    error.side = Side::upstream;
    // Such as a packet filter's EPERM.
    if (error.code == ErrorCode::system) error.code = ErrorCode::unreachable;
    // What we gave up or ran out of ourselves would not be better elsewhere.
    const bool is_ours = error.code == ErrorCode::cancelled || error.code == ErrorCode::exhausted;
    error.retry = is_ours ? Retry::never : Retry::safe;
    return std::unexpected(error);
  };
  int fd = kernel::socket(address_.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) co_return fail(error_from_errno(-fd));
  if (!address_.is_unix()) {
    if (int result = kernel::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); result < 0) {
      kernel::close(fd);
      co_return fail(error_from_errno(-result));
    }
    if (Result<void> set = net::set_congestion_control(fd, upstream_.congestion_control(), address_); !set) {
      kernel::close(fd);
      co_return fail(set.error());
    }
  }
  Result<void> connected = co_await connect_socket(fd, resources_.loop.now() + timeout);
  if (!connected) {
    kernel::close(fd);
    co_return fail(connected.error());
  }
  auto* connection =
      new Connection(*this, resources_.loop, resources_.buffers, resources_.gather_blocks, resources_.send_blocks, fd,
                     resources_.receive_share_max, upstream_.settings().proxy_protocol);
  connection->stream_.set_receive_mode(receive_mode());
  if (address_.is_unix()) connection->stream_.note_unix();
  connection->exchanges_ = 1;
  ++open_;
  cells().connections.add();
  co_return connection;
}

// A unix socket whose queue is full refuses at once, and nothing says when there is room: TCP would try again likewise.
Task<Result<void>> Endpoint::connect_socket(int fd, Instant deadline) {
  runtime::Loop& loop = resources_.loop;
  for (Duration pause = std::chrono::milliseconds(1);; pause = std::min(2 * pause, queue_full_pause_max)) {
    Result<int> connected = co_await runtime::connect(fd, address_.data(), address_.size(), deadline);
    if (connected) co_return Result<void>();
    if (!address_.is_unix() || connected.error().os_error != EAGAIN) co_return std::unexpected(connected.error());
    if (loop.now() + pause >= deadline) co_return failure(ErrorCode::timed_out);
    if (Result<void> slept = co_await runtime::sleep_until(loop.now() + pause); !slept) co_return slept;
  }
}

void Endpoint::note_response(bool was_spliced) {
  constexpr unsigned most = 3;
  if (was_spliced) {
    long_responses_ = std::min(long_responses_ + 1, most);
  } else if (long_responses_ > 0) {
    --long_responses_;
  }
}

net::Stream::ReceiveMode Endpoint::receive_mode() const {
  return long_responses_ >= 2 ? net::Stream::ReceiveMode::single : net::Stream::ReceiveMode::multishot;
}

void Endpoint::keep(Connection& connection, OwnConnections* own) {
  SLUICE_ASSERT(connection.input_.is_empty() && connection.output_.is_empty());
  connection.input_.release();
  const KeepAliveSettings& settings = upstream_.keep_alive();
  bool is_worn_out = settings.max_requests && connection.exchanges_ >= *settings.max_requests;
  bool has_news = connection.stream_.has_unread() || connection.stream_.will_receive_no_more();
  bool is_full = upstream_.idle_count_ >= settings.max_idle;
  idle_.push_front(connection);
  ++upstream_.idle_count_;
  cells().idle_connections.add();
  resources_.loop.wheel().arm(connection, resources_.loop.now() + settings.idle_timeout);
  const bool is_outdated = connection.is_private() != is_private();
  if (is_worn_out || has_news || is_full || is_outdated || is_leaving_ || resources_.loop.is_stopping()) {
    evict(connection);
    return;
  }
  SLUICE_ASSERT(connection.is_private() == (own != nullptr));
  if (own != nullptr) own->connections_.push_front(connection);
  connection.stream_.set_observer(&connection);
  connection.stream_.set_receive_mode(receive_mode());
  connection.stream_.start_receiving();
}

void Endpoint::evict(Connection& connection) {
  connection.idle_hook_.unlink();
  if (connection.own_hook_.is_linked()) connection.own_hook_.unlink();
  connection.stream_.set_observer(nullptr);
  if (connection.is_armed()) resources_.loop.wheel().disarm(connection);
  --upstream_.idle_count_;
  cells().idle_connections.subtract();
  resources_.loop.spawn("upstream close", close_evicted(&connection));
}

Task<void> Endpoint::close_evicted(Connection* connection) { co_await discard(*connection); }

Task<void> Endpoint::discard(Connection& connection) {
  (void)connection.input_.discard();
  connection.output_.clear();
  co_await connection.stream_.close();
  --open_;
  cells().connections.subtract();
  delete &connection;
  if (is_leaving_ && is_unused()) upstream_.note_unused();
}

void Endpoint::evict_idle() {
  while (Connection* connection = idle_.front()) evict(*connection);
}

void Endpoint::leave() {
  is_leaving_ = true;
  evict_idle();
}

void Endpoint::shorten_idle(Duration timeout) {
  for (Connection* connection = idle_.front(); connection != nullptr; connection = idle_.next(*connection)) {
    resources_.loop.wheel().disarm(*connection);
    resources_.loop.wheel().arm(*connection, resources_.loop.now() + timeout);
  }
}

namespace {

std::vector<std::uint32_t> weights_of(const UpstreamSettings& settings) {
  std::vector<std::uint32_t> weights;
  weights.reserve(settings.endpoints.size());
  for (const EndpointSettings& endpoint : settings.endpoints) weights.push_back(endpoint.weight);
  return weights;
}

}  // namespace

Upstream::Upstream(const UpstreamSettings& settings, const Resources& resources, std::uint64_t seed, Owner* owner)
    : resources_(resources), seed_(seed), owner_(owner), settings_(settings), turn_(weights_of(settings), seed) {
  for (const EndpointSettings& endpoint : settings.endpoints) add(endpoint);
}

Upstream::~Upstream() { SLUICE_ASSERT(uses_ == 0); }

void Upstream::add(const EndpointSettings& endpoint) {
  std::optional<net::Address> address = net::Address::parse(endpoint.address.value);
  SLUICE_ASSERT(address.has_value());  // checked when the configuration was read
  endpoints_.push_back(std::make_unique<Endpoint>(*this, resources_, *address, endpoint.address.value, endpoint.slot));
}

void Upstream::update(const UpstreamSettings& settings) {
  SLUICE_ASSERT(!is_retired_);
  const bool is_turn_new = settings.endpoints != settings_.endpoints;
  const Duration idle_timeout_before = settings_.keep_alive.idle_timeout;
  // What an idle connection has told its endpoint of a client, or has not, cannot be taken back.
  if (settings.proxy_protocol != settings_.proxy_protocol) evict_idle();
  settings_ = settings;
  if (is_turn_new) {
    std::map<std::string_view, std::unique_ptr<Endpoint>> before;
    for (auto& endpoint : endpoints_) before.emplace(endpoint->name(), std::move(endpoint));
    endpoints_.clear();
    for (const EndpointSettings& endpoint : settings.endpoints) {
      auto same = before.find(endpoint.address.value);
      if (same == before.end()) {
        add(endpoint);
      } else {
        endpoints_.push_back(std::move(same->second));
        before.erase(same);
      }
    }
    for (auto& [name, endpoint] : before) {
      endpoint->leave();
      leaving_.push_back(std::move(endpoint));
    }
    turn_ = balance::WeightedRoundRobin(weights_of(settings), seed_);
  }
  trim_idle();
  if (settings.keep_alive.idle_timeout < idle_timeout_before) {
    for (auto& endpoint : endpoints_) endpoint->shorten_idle(settings.keep_alive.idle_timeout);
  }
  if (!leaving_.empty()) note_unused();
}

// The ones that were used longest ago go first, as far as that can be told from one endpoint at a time.
void Upstream::trim_idle() {
  for (auto& endpoint : endpoints_) {
    while (idle_count_ > settings_.keep_alive.max_idle && endpoint->idle_.back() != nullptr) {
      endpoint->evict(*endpoint->idle_.back());
    }
  }
}

void Upstream::retire() {
  is_retired_ = true;
  for (auto& endpoint : endpoints_) endpoint->leave();
  note_unused();
}

bool Upstream::sweep() {
  auto is_unused = [](const std::unique_ptr<Endpoint>& endpoint) { return endpoint->is_unused(); };
  std::erase_if(leaving_, is_unused);
  return is_retired_ && uses_ == 0 && leaving_.empty() && std::ranges::all_of(endpoints_, is_unused);
}

void Upstream::note_unused() {
  if (owner_ != nullptr) owner_->on_unused(*this);
}

Endpoint* Upstream::pick(std::span<const Use<Endpoint>> excluded) {
  std::optional<std::size_t> index = turn_.pick([&](std::size_t at) {
    return std::ranges::find(excluded, endpoints_[at].get(), &Use<Endpoint>::get) == excluded.end();
  });
  return index ? endpoints_[*index].get() : nullptr;
}

std::size_t Upstream::index_of(const Endpoint& endpoint) const {
  std::size_t index = 0;
  while (endpoints_[index].get() != &endpoint) ++index;
  return index;
}

void Upstream::evict_idle() {
  for (auto& endpoint : endpoints_) endpoint->evict_idle();
  for (auto& endpoint : leaving_) endpoint->evict_idle();
}

}  // namespace sluice::upstream
