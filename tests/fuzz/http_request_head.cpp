// Request heads: a verdict does not depend on the cut, and what is accepted is written so that it parses to the same
// message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.hpp"
#include "http/uri.hpp"
#include "http/writer.hpp"
#include "http_forwarding.hpp"

namespace sluice::http {
namespace {

constexpr std::string_view client = "192.0.2.7";
constexpr std::string_view request_id = "0190a3c0-0000-7000-8000-000000000000";

// What only a trusted peer may send.
const std::vector<std::string> claims = {"x-real-ip", "x-forwarded-for", "x-remote-user"};

const FieldNames& identity() {
  static const FieldNames names = [] {
    FieldNames set;
    for (const std::string& name : claims) set.add(name);
    return set;
  }();
  return names;
}

const std::vector<std::string> dropped = {"connection", "content-length",    "keep-alive",       "proxy-connection",
                                          "te",         "trailer",           "upgrade",          "host",
                                          "forwarded",  "transfer-encoding", "x-real-ip",        "x-request-id",
                                          "expect",     "x-forwarded-for",   "x-forwarded-host", "x-forwarded-proto"};

void check_cut(std::string_view bytes, std::size_t cut, const HeadResult& whole) {
  RequestHead head;
  HeadResult first = parse_request_head(bytes.substr(0, cut), 0, {}, head);
  if (first.status == HeadStatus::partial) first = parse_request_head(bytes, cut, {}, head);
  SLUICE_ASSERT(first.status == whole.status && first.consumed == whole.consumed && first.reject == whole.reject);
}

void check_views(const RequestHead& head, std::string_view bytes) {
  for (std::string_view view : {head.method_text, head.target, head.query, head.authority, head.host.host}) {
    SLUICE_ASSERT(fuzz::is_inside(view, bytes));
  }
  SLUICE_ASSERT(head.path == "/" || head.path == "*" || fuzz::is_inside(head.path, bytes));
  for (const Field& field : head.fields) {
    SLUICE_ASSERT(fuzz::is_inside(field.name, bytes) && fuzz::is_inside(field.value, bytes));
    SLUICE_ASSERT(fuzz::lower(field.name) == to_string(field.id) || field.id == FieldId::other);
  }
}

void check_path(std::string_view path) {
  std::string room(path.size(), '\0');
  auto normal = normalize_path(path, room);
  if (!normal) return;
  SLUICE_ASSERT(normal->starts_with('/') && normal->size() <= path.size());
  const std::string closed = std::string(*normal) + "/";
  SLUICE_ASSERT(closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos);
  std::string again_room(normal->size(), '\0');
  auto again = normalize_path(*normal, again_room);
  SLUICE_ASSERT(again && *again == *normal);
}

// What is written parses to the same request, with what we add and without what we must not forward.
void check_forwarding(const RequestHead& head) {
  RequestForward forward;
  forward.path = head.method == Method::connect ? head.target : head.path;
  forward.query = head.query;
  forward.host = head.authority.empty() ? std::string_view("upstream") : head.authority;
  forward.peer_address = forward.client_address = client;
  forward.scheme = forward.client_scheme = "https";
  forward.request_id = request_id;
  forward.framing = head.framing;
  forward.identity = &identity();
  forward.writes_forwarded = true;
  std::vector<char> room(2 * limits::head_bytes_max);
  Writer out(room);
  write_request_head(out, head, forward);
  SLUICE_ASSERT(!out.overflowed());

  HeadLimits wide;
  wide.bytes_max = room.size();
  wide.fields_max = FieldList::capacity;
  wide.target_bytes_max = room.size();
  RequestHead copy;
  HeadResult result = parse_request_head(out.text(), 0, wide, copy);
  // What we add may be more than a head can have.
  if (result.reject == Reject::too_many_fields && head.fields.size() + 9 > FieldList::capacity) return;
  SLUICE_ASSERT(result.status == HeadStatus::complete && result.consumed == out.size());
  SLUICE_ASSERT(copy.version == Version::http_1_1 && copy.method == head.method);
  SLUICE_ASSERT(copy.method_text == head.method_text);
  SLUICE_ASSERT(copy.path == head.path && copy.query == head.query);
  SLUICE_ASSERT(copy.authority == forward.host);
  SLUICE_ASSERT(copy.framing == head.framing && copy.expect_continue == head.expect_continue);
  SLUICE_ASSERT(copy.keep_alive && copy.upgrade == Upgrade::none);

  std::vector<fuzz::FieldText> kept = fuzz::surviving_fields(
      copy.fields, {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "expect"});
  fuzz::remove_added(kept, "x-request-id", request_id);
  const std::string forwarded(copy.fields.find(FieldId::forwarded)->value);
  SLUICE_ASSERT(forwarded.starts_with("for=192.0.2.7") && forwarded.ends_with(";proto=https"));
  fuzz::remove_added(kept, "forwarded", forwarded);
  if (!head.authority.empty()) fuzz::remove_added(kept, "x-forwarded-host", head.authority);
  fuzz::remove_added(kept, "x-forwarded-proto", "https");
  const std::string forwarded_for(copy.fields.find(FieldId::x_forwarded_for)->value);
  SLUICE_ASSERT(forwarded_for == client);
  fuzz::remove_added(kept, "x-forwarded-for", forwarded_for);
  fuzz::remove_added(kept, "via", head.version == Version::http_1_0 ? "1.0 sluice" : "1.1 sluice");
  std::vector<fuzz::FieldText> expected = fuzz::surviving_fields(head.fields, dropped);
  std::erase_if(expected, [](const fuzz::FieldText& field) {
    std::string name = fuzz::lower(field.first);
    std::ranges::replace(name, '_', '-');
    return std::ranges::find(claims, name) != claims.end();
  });
  SLUICE_ASSERT(kept == expected);
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::http;
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  auto head = std::make_unique<RequestHead>();
  const HeadResult whole = parse_request_head(bytes, 0, {}, *head);
  for (std::size_t cut : {size / 4, size / 2, size - size / 4}) check_cut(bytes, cut, whole);
  if (whole.status != HeadStatus::complete) return 0;
  SLUICE_ASSERT(whole.consumed <= size && whole.consumed != 0);
  check_views(*head, bytes);
  check_path(head->path);
  check_forwarding(*head);
  return 0;
}
