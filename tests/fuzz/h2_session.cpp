// A connection of HTTP/2 as a server sees it: how its bytes are cut decides nothing, what comes out fits into its
// bounds, and no request gets through that HTTP/1 would read in another way.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "http/h2_session.hpp"
#include "http/parser.hpp"

namespace sluice::http {
namespace {

constexpr Instant start = Instant::from_ns(1'000'000'000);
constexpr std::string_view magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n";

H2Settings small() {
  H2Settings settings;
  settings.streams_max = 8;
  settings.connection_window = 100'000;
  settings.head_bytes_max = 4096;
  settings.trailer_bytes_max = 1024;
  return settings;
}

// The head is one request, whole, and says what it says in HTTP/1 as well.
void check_head(const H2Stream& stream) {
  auto head = std::make_unique<RequestHead>();
  HeadLimits limits;
  limits.bytes_max = 4096;
  const HeadResult result = parse_h2_request_head(stream.head(), stream.ended_with_head(), limits, *head);
  SLUICE_ASSERT(result.status != HeadStatus::partial);
  if (result.status == HeadStatus::rejected) return;
  SLUICE_ASSERT(result.consumed == stream.head().text().size());
  SLUICE_ASSERT(!head->authority.empty() && !head->fields.is_repeated(FieldId::host));
  SLUICE_ASSERT(!head->fields.contains(FieldId::transfer_encoding) && !head->fields.contains(FieldId::connection));
  SLUICE_ASSERT(head->upgrade == Upgrade::none && head->keep_alive);
}

// Plays one connection, with the bytes in pieces of `step`. Gives what its user saw.
std::string play(std::string_view bytes, std::size_t step) {
  std::unique_ptr<H2Session> session = H2Session::open(small());
  SLUICE_ASSERT(session != nullptr);
  std::string seen;
  std::vector<H2Stream*> streams;
  auto take = [&] {
    while (H2Stream* stream = session->next_changed()) {
      const unsigned changes = stream->take_changes();
      if ((changes & H2Stream::began) != 0) {
        streams.push_back(stream);
        seen += stream->head().text();
        check_head(*stream);
      }
      SLUICE_ASSERT(stream->received().size() <= 65536 && stream->trailers().size() <= 1024);
    }
    SLUICE_ASSERT(session->streams() <= 17);
  };
  std::array<char, 4096> out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    const std::string copy(piece);
    session->receive(copy, start);
    take();
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    H2Stream& stream = *streams[i];
    seen += std::string(stream.received().front()) + std::string(stream.trailers());
    session->consume(stream, stream.received().front().size());
    session->send_head(stream, answer, i % 2 == 0);
    if (i % 2 != 0) {
      session->offer(stream, "body");
      session->withdraw(stream);
      session->end_response(stream, "X: y\r\n");
    }
  }
  std::size_t frames = 0;
  while (session->write(out) != 0) {
    take();
    SLUICE_ASSERT(++frames < 10'000);
  }
  for (H2Stream* stream : streams) session->release(*stream);
  (void)session->write(out);
  return seen;
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::http;
  // Most of what there is to find lies behind the preface.
  const std::string bytes = std::string(magic) + std::string(reinterpret_cast<const char*>(input), size);
  const std::string whole = play(bytes, bytes.size());
  SLUICE_ASSERT(play(bytes, 1) == whole);
  SLUICE_ASSERT(play(bytes, 61) == whole);
  return 0;
}
