#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "bodies.hpp"
#include "checksum.hpp"
#include "handlers.hpp"
#include "http/writer.hpp"
#include "memory/heap.hpp"
#include "shard.hpp"

namespace sluice::origin {

using http::BodyFraming;
using runtime::Task;

namespace {

constexpr std::string_view json = "application/json";
constexpr std::size_t content_type_bytes_max = 256;
constexpr std::uint64_t stall_after_bytes = std::uint64_t{64} * 1024;

struct Received {
  std::uint64_t bytes = 0;
  std::uint32_t checksum = 0;
};

void append_member(http::Writer& out, std::string_view name, std::uint64_t value) {
  out.append(out.size() == 0 ? '{' : ',');
  out.append('"');
  out.append(name);
  out.append("\":");
  out.append_decimal(value);
}

// Reads the body up to `bytes_max` of it, or a piece beyond.
Task<Result<void>> receive(Connection& connection, std::uint64_t bytes_max, Received& received) {
  while (received.bytes < bytes_max) {
    Result<std::string_view> data = co_await connection.read_body();
    if (!data) co_return std::unexpected(data.error());
    if (data->empty()) break;
    received.bytes += data->size();
    received.checksum = checksum_of(*data, received.checksum);
  }
  co_return Result<void>();
}

Task<Ending> report(Connection& connection, Received received, bool with_checksum) {
  std::array<char, 96> text;
  http::Writer body(text);
  append_member(body, "bytes", received.bytes);
  if (with_checksum) {
    body.append(",\"checksum\":\"");
    append_checksum(body, received.checksum);
    body.append('"');
  }
  body.append("}\n");
  Reply reply;
  reply.content_type = json;
  co_return co_await connection.answer(reply, body.text());
}

}  // namespace

Task<Ending> serve_head(Connection& connection) {
  if (!co_await connection.ready_for_body()) co_return Ending::failed;
  co_return co_await connection.answer(Reply(), connection.request().head);
}

Task<Ending> serve_stats(Connection& connection) {
  std::uint64_t accepted = 0;
  std::uint64_t closed = 0;
  std::uint64_t refused = 0;
  std::uint64_t requests = 0;
  std::uint64_t abandoned = 0;
  for (const Counters& counters : connection.shard().all_counters()) {
    accepted += counters.accepted.value();
    closed += counters.closed.value();
    refused += counters.refused.value();
    requests += counters.requests.value();
    abandoned += counters.abandoned.value();
  }
  std::array<char, 256> text;
  http::Writer body(text);
  append_member(body, "accepted", accepted);
  append_member(body, "open", accepted - closed);
  append_member(body, "refused", refused);
  append_member(body, "requests", requests);
  append_member(body, "abandoned", abandoned);
  append_member(body, "heap_allocations", memory::heap_allocations_of_this_thread());
  body.append("}\n");
  Reply reply;
  reply.content_type = json;
  co_return co_await connection.answer(reply, body.text());
}

// What arrives goes back piece by piece: one receive buffer is all that it holds.
Task<Ending> serve_echo(Connection& connection) {
  if (!co_await connection.ready_for_body()) co_return Ending::failed;
  const Request& request = connection.request();
  Output& output = connection.output();
  Reply reply;
  bool is_type_usable = !request.content_type.empty() && request.content_type.size() <= content_type_bytes_max;
  reply.content_type = is_type_usable ? request.content_type : "application/octet-stream";
  if (request.framing.has_body()) reply.framing = request.framing;
  BodyFraming::Kind kind = connection.begin(reply);
  if (kind == BodyFraming::Kind::none) co_return co_await connection.finish();
  bool is_chunked = kind == BodyFraming::Kind::chunked;
  while (true) {
    if (!connection.is_body_here() && !co_await output.flush()) co_return Ending::failed;
    Result<std::string_view> data = co_await connection.read_body();
    if (!data) co_return Ending::failed;
    if (data->empty()) break;
    if (is_chunked) append_chunk_size(output, data->size());
    output.refer(*data);
    if (is_chunked) output.append("\r\n");
    // Reading on may replace the bytes.
    if (!connection.is_body_done() && !co_await output.flush()) co_return Ending::failed;
  }
  if (is_chunked) {
    output.append("0\r\n");
    output.refer(connection.trailer_section());
    output.append("\r\n");
  }
  co_return co_await connection.finish();
}

Task<Ending> serve_upload(Connection& connection) {
  bool with_checksum = connection.request().number(Parameter::checksum, 1) != 0;
  Received received;
  if (!with_checksum) {
    Result<std::uint64_t> bytes = co_await connection.discard_body();
    if (!bytes) co_return Ending::failed;
    received.bytes = *bytes;
  } else if (!co_await receive(connection, UINT64_MAX, received)) {
    co_return Ending::failed;
  }
  co_return co_await report(connection, received, with_checksum);
}

Task<Ending> serve_expect(Connection& connection) {
  const Request& request = connection.request();
  if (std::uint64_t refusal = request.number(Parameter::refuse, 0); refusal != 0) {
    connection.forbid_keep_alive();
    int status = refusal < 200 ? 417 : static_cast<int>(refusal);
    co_return co_await connection.refuse({status, "refused without reading the body"});
  }
  if (request.is_set(Parameter::silent)) connection.skip_continue();
  co_return co_await serve_upload(connection);
}

Task<Ending> serve_stall_read(Connection& connection) {
  Received received;
  if (!co_await receive(connection, stall_after_bytes, received)) co_return Ending::failed;
  if (!connection.is_body_done()) {
    co_await connection.stream().stop_receiving();
    if (!co_await connection.pause(connection.request().number(Parameter::ms, 1000))) co_return Ending::failed;
  }
  if (!co_await receive(connection, UINT64_MAX, received)) co_return Ending::failed;
  co_return co_await report(connection, received, true);
}

}  // namespace sluice::origin
