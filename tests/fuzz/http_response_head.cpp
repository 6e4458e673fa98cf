// Response heads. The first byte of the input chooses the method of the request that is answered.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.hpp"
#include "http/writer.hpp"
#include "http_forwarding.hpp"

namespace sluice::http {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view request_id = "0190a3c0-0000-7000-8000-000000000000";

void check_cut(std::string_view bytes, std::size_t cut, Method method, const HeadResult& whole) {
  ResponseHead head;
  HeadResult first = parse_response_head(bytes.substr(0, cut), 0, {}, method, head);
  if (first.status == HeadStatus::partial) first = parse_response_head(bytes, cut, {}, method, head);
  SLUICE_ASSERT(first.status == whole.status && first.consumed == whole.consumed && first.reject == whole.reject);
}

std::vector<std::string> dropped_from(const ResponseHead& head) {
  std::vector<std::string> dropped = {"connection", "keep-alive",        "proxy-connection", "te",
                                      "trailer",    "transfer-encoding", "upgrade",          "x-request-id"};
  const bool keeps_length = head.framing.kind == BodyFraming::Kind::none && head.status >= 200 && head.status != 204;
  if (!keeps_length) dropped.emplace_back("content-length");
  return dropped;
}

void check_forwarding(const ResponseHead& head, Method method) {
  ResponseForward forward;
  forward.date = date;
  forward.request_id = request_id;
  forward.framing = head.framing;
  std::vector<char> room(2 * limits::head_bytes_max);
  Writer out(room);
  write_response_head(out, head, forward);
  SLUICE_ASSERT(!out.overflowed());

  HeadLimits wide;
  wide.bytes_max = room.size();
  ResponseHead copy;
  HeadResult result = parse_response_head(out.text(), 0, wide, method, copy);
  if (result.reject == Reject::too_many_fields && head.fields.size() + 5 > FieldList::capacity) return;
  SLUICE_ASSERT(result.status == HeadStatus::complete && result.consumed == out.size());
  SLUICE_ASSERT(copy.version == Version::http_1_1);
  SLUICE_ASSERT(copy.status == head.status && copy.reason == head.reason);
  SLUICE_ASSERT(copy.framing == head.framing && copy.upgrade == Upgrade::none);

  std::vector<std::string> dropped = dropped_from(head);
  std::vector<fuzz::FieldText> kept = fuzz::surviving_fields(copy.fields, {"transfer-encoding", "trailer"});
  const std::vector<fuzz::FieldText> expected = fuzz::surviving_fields(head.fields, dropped);
  if (!head.is_interim()) {
    fuzz::remove_added(kept, "x-request-id", request_id);
    fuzz::remove_added(kept, "via", head.version == Version::http_1_0 ? "1.0 sluice" : "1.1 sluice");
    if (!head.fields.contains(FieldId::date)) fuzz::remove_added(kept, "date", date);
    if (head.framing.kind == BodyFraming::Kind::length) {
      fuzz::remove_added(kept, "content-length", std::to_string(head.framing.length));
    }
  }
  SLUICE_ASSERT(kept == expected);
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::http;
  if (size == 0) return 0;
  constexpr Method methods[] = {Method::get, Method::head, Method::connect, Method::post};
  const Method method = methods[input[0] % 4];
  const std::string_view bytes(reinterpret_cast<const char*>(input) + 1, size - 1);
  auto head = std::make_unique<ResponseHead>();
  const HeadResult whole = parse_response_head(bytes, 0, {}, method, *head);
  for (std::size_t cut : {bytes.size() / 4, bytes.size() / 2, bytes.size() - bytes.size() / 4}) {
    check_cut(bytes, cut, method, whole);
  }
  if (whole.status != HeadStatus::complete) return 0;
  for (const Field& field : head->fields) {
    SLUICE_ASSERT(fuzz::is_inside(field.name, bytes) && fuzz::is_inside(field.value, bytes));
  }
  SLUICE_ASSERT(head->status >= 100 && head->status <= 599);
  SLUICE_ASSERT(!head->keep_alive || head->framing.kind != BodyFraming::Kind::until_close);
  check_forwarding(*head, method);
  return 0;
}
