#include "bodies.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "checksum.hpp"
#include "handlers.hpp"
#include "http/status.hpp"
#include "http/writer.hpp"
#include "shard.hpp"

namespace sluice::origin {

using http::BodyFraming;
using runtime::Task;

namespace {

constexpr std::uint64_t default_bytes = 2;
constexpr std::uint64_t default_chunk_bytes = std::uint64_t{16} * 1024;

// "X-Checksum: crc32=0a1b2c3d" CRLF, and in front of it, if asked for, the announcement of trailers.
class ChecksumField {
 public:
  ChecksumField(std::uint32_t checksum, bool announces_trailer) : writer_(text_) {
    if (announces_trailer) writer_.append("Trailer: X-Checksum\r\n");
    line_at_ = writer_.size();
    writer_.append("X-Checksum: ");
    append_checksum(writer_, checksum);
    writer_.append("\r\n");
  }
  ChecksumField(const ChecksumField&) = delete;
  ChecksumField& operator=(const ChecksumField&) = delete;

  [[nodiscard]] std::string_view in_head() const { return writer_.text(); }
  [[nodiscard]] std::string_view in_trailers() const { return writer_.text().substr(line_at_); }

 private:
  std::array<char, 64> text_;
  http::Writer writer_;
  std::size_t line_at_ = 0;
};

BodyFraming framing_for(const Request& request, std::uint64_t bytes) {
  if (request.is_set(Parameter::chunked) || request.is_set(Parameter::trailers)) return BodyFraming::chunked();
  if (request.is_set(Parameter::close)) return BodyFraming::until_close();
  return BodyFraming::of_length(bytes);
}

Task<Ending> send_chunks(Connection& connection, std::uint64_t bytes, const ChecksumField& checksum) {
  const Request& request = connection.request();
  Output& output = connection.output();
  std::uint64_t chunk =
      request.is_set(Parameter::chunked) ? request.number(Parameter::chunked, 0) : default_chunk_bytes;
  for (std::uint64_t offset = 0; offset < bytes; offset += chunk) {
    std::uint64_t size = std::min(chunk, bytes - offset);
    if (!output.has_room() && !co_await output.flush()) co_return Ending::failed;
    append_chunk_size(output, size);
    if (!co_await write_pattern(connection, offset, size)) co_return Ending::failed;
    output.append("\r\n");
  }
  if (!output.has_room() && !co_await output.flush()) co_return Ending::failed;
  output.append("0\r\n");
  if (request.is_set(Parameter::trailers)) output.append(checksum.in_trailers());
  output.append("\r\n");
  co_return co_await connection.finish();
}

}  // namespace

void append_chunk_size(Output& output, std::uint64_t bytes) {
  std::array<char, 32> line;
  http::Writer writer(line);
  http::write_chunk_begin(writer, bytes);
  output.append(writer.text());
}

Task<Result<void>> write_pattern(Connection& connection, std::uint64_t offset, std::uint64_t bytes) {
  const Pattern& pattern = connection.shard().pattern();
  Output& output = connection.output();
  while (bytes != 0) {
    std::string_view piece = pattern.at(offset, bytes);
    output.refer(piece);
    offset += piece.size();
    bytes -= piece.size();
    // Afterwards there is room again, so that framing can follow.
    if (!output.has_room()) {
      if (Result<void> sent = co_await output.flush(); !sent) co_return sent;
    }
  }
  co_return Result<void>();
}

Task<Ending> serve_pattern(Connection& connection, int status, std::uint64_t bytes, std::uint32_t checksum) {
  const Request& request = connection.request();
  ChecksumField field(checksum, request.is_set(Parameter::trailers));
  Reply reply;
  reply.status = status;
  reply.framing = framing_for(request, bytes);
  reply.fields = field.in_head();
  BodyFraming::Kind kind = connection.begin(reply);
  if (kind == BodyFraming::Kind::chunked) co_return co_await send_chunks(connection, bytes, field);
  if (kind != BodyFraming::Kind::none && !co_await write_pattern(connection, 0, bytes)) co_return Ending::failed;
  co_return co_await connection.finish();
}

Task<Ending> serve_pattern(Connection& connection, int status, std::uint64_t bytes) {
  return serve_pattern(connection, status, bytes, connection.shard().checksums().of(bytes));
}

Task<Ending> serve_root(Connection& connection) {
  return serve_pattern(connection, 200, connection.request().number(Parameter::size, default_bytes));
}

Task<Ending> serve_size(Connection& connection) {
  return serve_pattern(connection, 200, connection.request().argument);
}

Task<Ending> serve_delay(Connection& connection) {
  if (!co_await connection.pause(connection.request().argument)) co_return Ending::failed;
  co_return co_await serve_root(connection);
}

Task<Ending> serve_status(Connection& connection) {
  auto status = static_cast<int>(connection.request().argument);
  // RFC 9110 §15.3.6: a 205 has no content either.
  bool has_content = status != 204 && status != 205 && status != 304;
  std::uint64_t bytes = has_content ? connection.request().number(Parameter::size, default_bytes) : 0;
  return serve_pattern(connection, status, bytes);
}

Task<Ending> serve_checksum_bad(Connection& connection) {
  std::uint64_t bytes = connection.request().argument;
  return serve_pattern(connection, 200, bytes, ~connection.shard().checksums().of(bytes));
}

Task<Ending> serve_drip(Connection& connection) {
  const Request& request = connection.request();
  Output& output = connection.output();
  std::uint64_t bytes = request.number(Parameter::bytes, 10);
  std::uint64_t step = std::max<std::uint64_t>(request.number(Parameter::chunk, 1), 1);
  ChecksumField field(connection.shard().checksums().of(bytes), false);
  Reply reply;
  reply.framing = framing_for(request, bytes);
  reply.fields = field.in_head();
  BodyFraming::Kind kind = connection.begin(reply);
  if (kind == BodyFraming::Kind::none) co_return co_await connection.finish();
  bool is_chunked = kind == BodyFraming::Kind::chunked;
  for (std::uint64_t offset = 0; offset < bytes; offset += step) {
    if (offset != 0 && !co_await connection.pause(request.number(Parameter::interval_ms, 100)))
      co_return Ending::failed;
    std::uint64_t size = std::min(step, bytes - offset);
    if (is_chunked) append_chunk_size(output, size);
    if (!co_await write_pattern(connection, offset, size)) co_return Ending::failed;
    if (is_chunked) output.append("\r\n");
    if (!co_await output.flush()) co_return Ending::failed;
  }
  if (is_chunked) output.append("0\r\n\r\n");
  co_return co_await connection.finish();
}

// One event a flush. Without a number of events it goes on until the client has had enough.
Task<Ending> serve_sse(Connection& connection) {
  const Request& request = connection.request();
  Output& output = connection.output();
  std::uint64_t events = request.number(Parameter::events, 5);
  Reply reply;
  reply.content_type = "text/event-stream";
  reply.framing = BodyFraming::chunked();
  reply.fields = "Cache-Control: no-cache\r\n";
  BodyFraming::Kind kind = connection.begin(reply);
  if (kind == BodyFraming::Kind::none) co_return co_await connection.finish();
  bool is_chunked = kind == BodyFraming::Kind::chunked;
  for (std::uint64_t number = 1; events == 0 || number <= events; ++number) {
    if (number != 1 && !co_await connection.pause(request.number(Parameter::interval_ms, 1000)))
      co_return Ending::failed;
    std::array<char, 96> text;
    http::Writer event(text);
    event.append("id: ");
    event.append_decimal(number);
    event.append("\ndata: {\"event\":");
    event.append_decimal(number);
    event.append("}\n\n");
    if (is_chunked) append_chunk_size(output, event.size());
    output.append(event.text());
    if (is_chunked) output.append("\r\n");
    if (!co_await output.flush()) co_return Ending::failed;
  }
  if (is_chunked) output.append("0\r\n\r\n");
  co_return co_await connection.finish();
}

Task<Ending> serve_interim(Connection& connection) {
  const Request& request = connection.request();
  Output& output = connection.output();
  std::uint64_t status = request.number(Parameter::status, 103);
  if (status < 100 || status > 199 || status == 101) {
    co_return co_await connection.refuse({400, "an interim status is 100 or 102 to 199"});
  }
  // RFC 9110 §15.2: HTTP/1.0 knows none.
  bool is_known = request.version != http::Version::http_1_0;
  for (std::uint64_t left = is_known ? request.number(Parameter::count, 1) : 0; left != 0; --left) {
    output.append("HTTP/1.1 ");
    output.append_decimal(status);
    output.append(" ");
    output.append(http::status_reason(static_cast<int>(status)));
    output.append("\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n");
    if (!co_await output.flush()) co_return Ending::failed;
  }
  co_return co_await serve_root(connection);
}

Task<Ending> serve_slow_head(Connection& connection) {
  const Request& request = connection.request();
  Output& output = connection.output();
  std::uint64_t bytes = request.number(Parameter::size, default_bytes);
  ChecksumField field(connection.shard().checksums().of(bytes), false);
  Reply reply;
  reply.framing = BodyFraming::of_length(bytes);
  reply.fields = field.in_head();
  BodyFraming::Kind kind = connection.begin(reply);
  std::array<char, 1024> copy;
  std::string_view head = output.take(copy);
  for (std::size_t i = 0; i < head.size(); ++i) {
    output.append(head.substr(i, 1));
    if (!co_await connection.pause(request.number(Parameter::ms, 5))) co_return Ending::failed;
  }
  if (kind != BodyFraming::Kind::none && !co_await write_pattern(connection, 0, bytes)) co_return Ending::failed;
  co_return co_await connection.finish();
}

}  // namespace sluice::origin
