#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/body.hpp"
#include "http/date.hpp"
#include "http/parser.hpp"
#include "http/request_id.hpp"
#include "http/uri.hpp"
#include "http/writer.hpp"

namespace sluice::http {
namespace {

// What a browser sends for a page: ten fields.
constexpr std::string_view browser_request =
    "GET /v1/catalogue/items?category=books&page=3&sort=price HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/shop/index.html\r\n"
    "Cookie: session=5f2d7c9e1b8a4036; theme=dark; consent=1\r\n"
    "Cache-Control: max-age=0\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// What a load generator sends.
constexpr std::string_view small_request =
    "GET /v1/small HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";

constexpr std::string_view small_response =
    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 2\r\nConnection: keep-alive\r\nCache-Control: no-store\r\n\r\n";

constexpr std::string_view request_id = "01234567-89ab-7cde-8f01-23456789abcd";
constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

RequestHead& parsed_request(std::string_view bytes) {
  static RequestHead head;
  if (parse_request_head(bytes, 0, {}, head).status != HeadStatus::complete) std::abort();
  return head;
}

void parse_request(benchmark::State& state, std::string_view bytes) {
  RequestHead head;
  for (auto _ : state) {
    HeadResult result = parse_request_head(bytes, 0, {}, head);
    if (result.status != HeadStatus::complete) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK_CAPTURE(parse_request, browser, browser_request);
BENCHMARK_CAPTURE(parse_request, small, small_request);

void parse_response(benchmark::State& state) {
  ResponseHead head;
  for (auto _ : state) {
    HeadResult result = parse_response_head(small_response, 0, {}, Method::get, head);
    if (result.status != HeadStatus::complete) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(parse_response);

void write_request(benchmark::State& state, std::string_view bytes) {
  const RequestHead& head = parsed_request(bytes);
  RequestForward forward;
  forward.path = head.path;
  forward.query = head.query;
  forward.host = head.authority;
  forward.peer_address = forward.client_address = "192.0.2.17";
  forward.scheme = forward.client_scheme = "https";
  forward.request_id = request_id;
  std::array<char, 4096> out;
  for (auto _ : state) {
    Writer writer(out);
    write_request_head(writer, head, forward);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_request, browser, browser_request);
BENCHMARK_CAPTURE(write_request, small, small_request);

void write_response(benchmark::State& state) {
  ResponseHead head;
  if (parse_response_head(small_response, 0, {}, Method::get, head).status != HeadStatus::complete) std::abort();
  ResponseForward forward;
  forward.date = date;
  forward.request_id = request_id;
  forward.framing = head.framing;
  std::array<char, 4096> out;
  for (auto _ : state) {
    Writer writer(out);
    write_response_head(writer, head, forward);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(write_response);

void normalize(benchmark::State& state, std::string_view path) {
  std::array<char, 256> out;
  for (auto _ : state) benchmark::DoNotOptimize(normalize_path(path, out));
}
BENCHMARK_CAPTURE(normalize, plain, "/v1/catalogue/items/1234567");
BENCHMARK_CAPTURE(normalize, escaped, "/v1/./catalogue/%69tems/../items/%e4");

void decode_chunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 16; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n\r\n";
  std::array<char, 64> trailers;
  for (auto _ : state) {
    ChunkedDecoder decoder(trailers);
    std::string_view rest = body;
    BodyStep step;
    do {
      step = decoder.step(rest);
      rest.remove_prefix(step.consumed);
    } while (step.state == BodyState::data);
    if (step.state != BodyState::done) state.SkipWithError("refused");
  }
}
BENCHMARK(decode_chunks);

void make_request_id(benchmark::State& state) {
  std::array<char, request_id_bytes> out;
  std::uint64_t n = 0;
  for (auto _ : state) {
    ++n;
    benchmark::DoNotOptimize(format_request_id(1700000000000 + n, 77, n * 0x9e3779b9U, out));
  }
}
BENCHMARK(make_request_id);

void make_date(benchmark::State& state) {
  std::array<char, date_bytes> out;
  std::int64_t second = 1700000000;
  for (auto _ : state) {
    format_date(++second, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(make_date);

}  // namespace
}  // namespace sluice::http
