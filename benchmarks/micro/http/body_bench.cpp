#include "http/body.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/limits.hpp"
#include "http/writer.hpp"
#include "measured.hpp"

namespace sluice::micro {
namespace {

using http::BodyState;
using http::BodyStep;

// Chunks of chunk_bytes, 16 KiB of payload at least, and a trailer.
std::string chunked_body(std::size_t chunk_bytes) {
  std::string body;
  for (std::size_t sent = 0; sent < 16 * std::size_t{1024}; sent += chunk_bytes) {
    body += fmt::format("{:x}\r\n{}\r\n", chunk_bytes, std::string(chunk_bytes, 'x'));
  }
  return body + "0\r\nServer-Timing: total;dur=12.4\r\n\r\n";
}

// A body of 16 KiB. Argument: bytes of a chunk; 64 is what a stream of tokens comes in.
void decode_chunks(benchmark::State& state) {
  const std::string body = chunked_body(static_cast<std::size_t>(state.range(0)));
  std::array<char, limits::trailer_bytes_max> trailers;
  for (auto _ : Measured(state)) {
    http::ChunkedDecoder decoder(trailers);
    std::string_view rest = body;
    BodyStep step;
    do {
      step = decoder.step(rest);
      rest.remove_prefix(step.consumed);
    } while (step.state == BodyState::data);
    if (step.state != BodyState::done) state.SkipWithError("refused");
  }
}
BENCHMARK(decode_chunks)->Arg(64)->Arg(1024)->Arg(16 * 1024);

// What comes around the payload of each chunk that goes on, and at the end.
void write_chunks(benchmark::State& state) {
  http::FieldList trailers;
  trailers.add("Server-Timing", "total;dur=12.4");
  std::array<char, 256> out;
  for (auto _ : Measured(state)) {
    http::Writer writer(out);
    http::write_chunk_begin(writer, 16 * 1024);
    http::write_chunk_end(writer);
    http::write_last_chunk(writer, trailers);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(write_chunks);

}  // namespace
}  // namespace sluice::micro
