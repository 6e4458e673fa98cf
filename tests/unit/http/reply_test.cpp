#include "http/reply.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "http/parser.hpp"
#include "written.hpp"

namespace sluice::http {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

std::string text_of(const ErrorReply& reply) {
  return written([&](Writer& out) { write_error_reply(out, reply); });
}

std::string text_of(const Reply& reply) {
  return written([&](Writer& out) { write_reply_head(out, reply); });
}

TEST_CASE("errors in plain text") {
  ErrorReply reply;
  reply.status = 503;
  reply.date = date;
  reply.request_id = "id-1";
  reply.reason = "exhausted";
  reply.detail = "rule";
  CHECK(text_of(reply) ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 24\r\n"
        "Vary: Accept\r\n" +
            dated + "X-Request-ID: id-1\r\n\r\n503 Service Unavailable\n");
  reply.connection = ConnectionPolicy::close;
  reply.request_id = "";
  reply.omits_body = true;
  reply.retry_after_s = 1;
  CHECK(text_of(reply) ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 24\r\n"
        "Retry-After: 1\r\nConnection: close\r\nVary: Accept\r\n" +
            dated + "\r\n");
  reply = {};
  reply.status = 405;
  reply.allow = "GET, HEAD";
  reply.connection = ConnectionPolicy::keep_alive;
  CHECK(text_of(reply) ==
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD\r\n"
        "Content-Length: 23\r\nConnection: keep-alive\r\nVary: Accept\r\n\r\n405 Method Not Allowed\n");
}

TEST_CASE("errors as problem objects") {
  ErrorReply reply;
  reply.status = 400;
  reply.date = date;
  reply.request_id = "id-1";
  reply.reason = "bad_request";
  reply.detail = "bare_lf";
  reply.format = ErrorFormat::problem;
  const std::string body =
      R"({"type":"about:blank","title":"Bad Request","status":400,"reason":"bad_request","rule":"bare_lf",)"
      R"("request_id":"id-1"})"
      "\n";
  const std::string head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\nVary: Accept\r\n" + dated + "X-Request-ID: id-1\r\n\r\n";
  CHECK(text_of(reply) == head + body);
  reply.omits_body = true;
  CHECK(text_of(reply) == head);
  reply = {};
  reply.status = 404;
  reply.format = ErrorFormat::problem;
  CHECK(text_of(reply).ends_with("\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}\n"));
}

TEST_CASE("errors are whole messages, and fit the room that they are promised") {
  ErrorReply reply;
  reply.date = date;
  const std::string id(128, 'x');
  reply.request_id = id;
  reply.reason = "upstream_first_byte_timeout";
  reply.detail = "content_length_with_transfer_encoding";
  reply.allow = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
  reply.retry_after_s = 4'000'000'000;
  reply.connection = ConnectionPolicy::close;
  for (ErrorFormat format : {ErrorFormat::text, ErrorFormat::problem}) {
    reply.format = format;
    for (int status : {400, 404, 405, 408, 413, 414, 417, 431, 500, 501, 502, 503, 504, 505, 511}) {
      reply.status = status;
      const std::string bytes = text_of(reply);
      CHECK(bytes.size() <= error_reply_bytes_max);
      ResponseHead head;
      HeadResult result = parse_response_head(bytes, 0, {}, Method::get, head);
      REQUIRE(result.status == HeadStatus::complete);
      CHECK(head.status == status);
      CHECK(head.framing == BodyFraming::of_length(bytes.size() - result.consumed));
      CHECK(!head.keep_alive);
    }
  }
}

TEST_CASE("heads of other replies") {
  Reply reply;
  reply.status = 301;
  reply.date = date;
  reply.request_id = "id-1";
  reply.content_type = "text/plain";
  reply.location = "https://a/b";
  reply.body_bytes = 7;
  CHECK(text_of(reply) ==
        "HTTP/1.1 301 Moved Permanently\r\nContent-Type: text/plain\r\nLocation: https://a/b\r\nContent-Length: 7\r\n" +
            dated + "X-Request-ID: id-1\r\n\r\n");
  reply = {};
  reply.status = 204;
  CHECK(text_of(reply) == "HTTP/1.1 204 No Content\r\n\r\n");
  reply.status = 205;
  CHECK(text_of(reply) == "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
  reply.status = 299;
  CHECK(text_of(reply) == "HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("edits change what is not the reply itself") {
  FieldEdits edits;
  auto text = [](std::string_view value) { return TextTemplate::parse(value).value(); };
  edits.set("X-Frame-Options", text("DENY"));
  edits.set("Content-Type", text("text/html"));
  edits.set("Date", text("today"));
  edits.add("Allow", text("TRACE"));
  edits.remove("X-Request-ID");
  edits.remove("Vary");
  const Variables variables;
  ErrorReply reply;
  reply.status = 404;
  reply.date = date;
  reply.request_id = "id-1";
  reply.changes = {&edits, &variables};
  CHECK(text_of(reply) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n"
        "X-Frame-Options: DENY\r\nDate: today\r\nAllow: TRACE\r\n\r\n404 Not Found\n");
  reply.allow = "GET";
  CHECK(!text_of(reply).contains("TRACE"));
  Reply empty;
  empty.status = 200;
  empty.changes = {&edits, &variables};
  CHECK(text_of(empty) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Frame-Options: DENY\r\nContent-Type: text/html\r\nDate: today\r\n"
        "Allow: TRACE\r\n\r\n");
}

}  // namespace
}  // namespace sluice::http
