#include <benchmark/benchmark.h>

#include <chrono>
#include <string_view>

#include "http/writer.hpp"
#include "proxy/access_log.hpp"
#include "proxy/log_ring.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

AccessLogEntry usual_entry() {
  AccessLogEntry entry;
  entry.unix_ms = 1'700'000'000'042;
  entry.listener = "public";
  entry.client = "192.0.2.7";
  entry.request_id = "018bcfe5-687b-7fff-bfff-ffffffffffff";
  entry.method = "GET";
  entry.host = "api.example.com";
  entry.target = "/v1/catalogue/items?category=books&page=3";
  entry.protocol = "HTTP/1.1";
  entry.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
  entry.status = 200;
  entry.response_bytes = 5120;
  entry.route = "api.example.com/v1/*";
  entry.upstream = "api";
  entry.endpoint = "127.0.0.1:9001";
  entry.attempts = 1;
  entry.is_upstream_reused = true;
  entry.connect = 0ns;
  entry.first_byte = 850us;
  entry.total = 912us;
  return entry;
}

// The line of an ordinary request.
void write_log_line(benchmark::State& state) {
  AccessLogEntry entry = usual_entry();
  char line[log_line_bytes_max];
  for (auto _ : state) {
    ++entry.unix_ms;
    http::Writer writer(line);
    write_json_line(writer, entry, standard_log_fields());
    benchmark::DoNotOptimize(writer.text());
  }
}
BENCHMARK(write_log_line);

// The same request in the other format.
void write_combined_log_line(benchmark::State& state) {
  AccessLogEntry entry = usual_entry();
  char line[log_line_bytes_max];
  for (auto _ : state) {
    ++entry.unix_ms;
    http::Writer writer(line);
    write_combined_line(writer, entry);
    benchmark::DoNotOptimize(writer.text());
  }
}
BENCHMARK(write_combined_log_line);

// What it costs the shard to hand the line over.
void push_log_line(benchmark::State& state) {
  char line[log_line_bytes_max];
  http::Writer writer(line);
  write_json_line(writer, usual_entry(), standard_log_fields());
  LogRing ring(1 << 20);
  bool is_half_full = false;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.push(writer.text(), is_half_full));
    if (is_half_full) {
      auto [first, second] = ring.peek();
      ring.pop(first.size() + second.size());
    }
  }
}
BENCHMARK(push_log_line);

}  // namespace
}  // namespace sluice::proxy
