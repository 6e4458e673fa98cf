#include <array>
#include <cstdint>
#include <string_view>

#include "bodies.hpp"
#include "handlers.hpp"
#include "limits.hpp"
#include "shard.hpp"

namespace sluice::origin {

using http::BodyFraming;
using runtime::Task;

namespace {

constexpr std::chrono::seconds bad_response_stays{60};

// A head that announces `bytes`, and the first half of them.
Task<Ending> send_half(Connection& connection, std::uint64_t bytes, Ending ending) {
  if (bytes == 0) co_return co_await connection.refuse({400, "a body that is cut has a byte at least"});
  Reply reply;
  reply.framing = BodyFraming::of_length(bytes);
  if (connection.begin(reply) != BodyFraming::Kind::none) {
    if (!co_await write_pattern(connection, 0, bytes / 2)) co_return Ending::failed;
  }
  if (!co_await connection.output().flush()) co_return Ending::failed;
  co_return ending;
}

}  // namespace

Task<Ending> serve_early(Connection& connection) {
  const Request& request = connection.request();
  bool resets = request.is_set(Parameter::reset);
  if (resets || request.is_set(Parameter::close)) connection.forbid_keep_alive();
  Reply reply;
  reply.status = static_cast<int>(request.argument);
  Ending ending = co_await connection.answer(reply, "early\n");
  co_return ending == Ending::next&& resets ? Ending::reset : ending;
}

Task<Ending> serve_never(Connection& connection) {
  bool has_left = co_await connection.outlast_client(never_timeout);
  co_return has_left ? Ending::failed : Ending::close;
}

Task<Ending> serve_close_before_response(Connection& connection) {
  const Request& request = connection.request();
  // The race of a kept connection: its first request is answered, the next one meets the end.
  if (request.is_set(Parameter::reused) && connection.earlier_requests() == 0) {
    co_return co_await serve_pattern(connection, 200, request.number(Parameter::size, 2));
  }
  co_return request.is_set(Parameter::reset) ? Ending::reset : Ending::close;
}

Task<Ending> serve_close_mid(Connection& connection) {
  return send_half(connection, connection.request().argument, Ending::close);
}

Task<Ending> serve_reset_mid(Connection& connection) {
  return send_half(connection, connection.request().argument, Ending::reset);
}

Task<Ending> serve_close_mid_chunked(Connection& connection) {
  const Request& request = connection.request();
  std::uint64_t half = request.argument / 2;
  if (half == 0) co_return co_await connection.refuse({400, "chunks that are cut have two bytes at least"});
  bool at_boundary = request.is_set(Parameter::boundary);
  Reply reply;
  reply.framing = BodyFraming::chunked();
  if (connection.begin(reply) == BodyFraming::Kind::chunked) {
    append_chunk_size(connection.output(), at_boundary ? half : request.argument);
    if (!co_await write_pattern(connection, 0, half)) co_return Ending::failed;
    if (at_boundary) connection.output().append("\r\n");
  }
  if (!co_await connection.output().flush()) co_return Ending::failed;
  co_return Ending::close;
}

Task<Ending> serve_bad(Connection& connection) {
  Output& output = connection.output();
  output.refer(malformation(connection.request().argument).response);
  if (!co_await output.flush()) co_return Ending::failed;
  // It stays open: the other side has to find out from the bytes, not from their end.
  if (!connection.request().is_set(Parameter::close)) (void)co_await connection.outlast_client(bad_response_stays);
  co_return Ending::close;
}

}  // namespace sluice::origin
