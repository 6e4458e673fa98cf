#include "http/parser.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "http/lines.hpp"
#include "http/meaning.hpp"
#include "http/start_line.hpp"

namespace sluice::http {
namespace {

HeadResult rejected(Reject reject) { return {HeadStatus::rejected, 0, reject}; }

// What: the steps that both kinds of head share.
// Head: a type with the members `Head head` and `fields`, and with the functions
//   Reject start_line(std::string_view), Reject meaning(), Reject endless_line().
template <class Kind>
class HeadParser {
 public:
  HeadParser(std::string_view bytes, const HeadLimits& limits, Kind kind)
      : window_(bytes.substr(0, limits.bytes_max)), limits_(limits), kind_(kind) {}

  HeadResult parse(std::size_t already_seen) {
    // The last byte seen may be a CR that waits for its LF.
    std::size_t from = already_seen == 0 ? 0 : already_seen - 1;
    scan_.run(window_, std::min(from, window_.size()));
    if (scan_.end() == LineScan::End::open) return parse_open(from, already_seen);
    if (from != 0) {
      scan_ = LineScan();
      scan_.run(window_, 0);
    }
    return parse_closed();
  }

 private:
  // The end is not here yet. The start line is worth a look once it is whole: a wrong protocol is told at once.
  HeadResult parse_open(std::size_t from, std::size_t already_seen) {
    std::size_t first_end = std::string_view::npos;
    if (scan_.count() != 0) first_end = from == 0 ? scan_.line_end(0) : window_.find('\r');
    bool is_new = first_end != std::string_view::npos && first_end + 2 > already_seen;
    if (is_new) {
      Reject reject = kind_.start_line(window_.substr(0, first_end));
      if (reject != Reject::none) return rejected(reject);
    }
    if (window_.size() < limits_.bytes_max) return {};
    return rejected(window_.find('\n') == std::string_view::npos ? kind_.endless_line() : Reject::head_too_large);
  }

  // Everything up to the blank line or the first forbidden byte is here.
  HeadResult parse_closed() {
    if (scan_.count() == 0) {
      return rejected(scan_.end() == LineScan::End::fault ? scan_.fault() : Reject::empty_request_line);
    }
    Reject reject = kind_.start_line(window_.substr(0, scan_.line_end(0)));
    if (reject == Reject::none) reject = parse_fields();
    if (reject == Reject::none && scan_.end() == LineScan::End::fault) reject = scan_.fault();
    if (reject == Reject::none) reject = kind_.meaning();
    if (reject != Reject::none) return rejected(reject);
    return {HeadStatus::complete, scan_.size(), Reject::none};
  }

  Reject parse_fields() {
    FieldList& fields = kind_.fields();
    fields.clear();
    std::size_t begin = scan_.line_end(0) + 2;
    for (std::size_t i = 1; i < scan_.count(); ++i) {
      Field* field = fields.next_slot();
      if (i > limits_.fields_max || field == nullptr) return Reject::too_many_fields;
      std::size_t end = scan_.line_end(i);
      Reject reject = parse_field_line(window_.substr(begin, end - begin), *field);
      if (reject != Reject::none) return reject;
      fields.keep_slot();
      begin = end + 2;
    }
    return Reject::none;
  }

  std::string_view window_;
  const HeadLimits& limits_;
  Kind kind_;
  LineScan scan_;
};

struct RequestKind {
  RequestHead& head;
  std::size_t target_bytes_max;

  Reject start_line(std::string_view line) const { return parse_request_line(line, target_bytes_max, head); }
  [[nodiscard]] Reject endless_line() const { return Reject::target_too_long; }
  [[nodiscard]] FieldList& fields() const { return head.fields; }

  Reject meaning() const {
    Reject reject = host();
    if (reject == Reject::none) reject = read_framing(head.fields, head.version, head.framing);
    if (reject == Reject::none) reject = read_connection(head.fields, head.version, head.connection, head.upgrade);
    if (reject == Reject::none) reject = expectation();
    head.keep_alive = persists(head.version, head.connection);
    return reject;
  }

  // RFC 9112 §3.2: exactly one valid Host in HTTP/1.1, whatever the target says; the target's own authority wins.
  [[nodiscard]] Reject host() const {
    const Field* field = head.fields.find(FieldId::host);
    if (field == nullptr) return head.version == Version::http_1_0 ? Reject::none : Reject::missing_host;
    if (head.fields.is_repeated(FieldId::host)) return Reject::repeated_host;
    std::optional<Authority> authority = parse_authority(field->value);
    if (!authority) return Reject::bad_host;
    if (head.authority.empty()) {
      head.authority = field->value;
      head.host = *authority;
    }
    return Reject::none;
  }

  // RFC 9110 §10.1.1: there is one expectation; HTTP/1.0 knows none.
  [[nodiscard]] Reject expectation() const {
    head.expect_continue = false;
    if (!head.fields.contains(FieldId::expect) || head.version == Version::http_1_0) return Reject::none;
    bool is_known = !head.fields.is_repeated(FieldId::expect) &&
                    ascii::equals_ignoring_case(head.fields.find(FieldId::expect)->value, "100-continue");
    if (!is_known) return Reject::bad_expectation;
    head.expect_continue = head.framing.has_body();
    return Reject::none;
  }
};

struct ResponseKind {
  ResponseHead& head;
  Method request_method;

  Reject start_line(std::string_view line) const { return parse_status_line(line, head); }
  [[nodiscard]] Reject endless_line() const { return Reject::head_too_large; }
  [[nodiscard]] FieldList& fields() const { return head.fields; }

  Reject meaning() const {
    Reject reject = read_framing(head.fields, head.version, head.framing);
    if (reject == Reject::none) reject = read_connection(head.fields, head.version, head.connection, head.upgrade);
    bool becomes_tunnel = head.status == 101 || (request_method == Method::connect && head.status / 100 == 2);
    // RFC 9112 §6.3 rules 1 and 2: no body, whatever the fields say.
    if (becomes_tunnel || request_method == Method::head || head.status / 100 == 1 || head.status == 204 ||
        head.status == 304) {
      head.framing = BodyFraming::none();
    } else if (head.framing.kind == BodyFraming::Kind::none) {
      head.framing = BodyFraming::until_close();  // rule 8
    }
    head.keep_alive = persists(head.version, head.connection) && !becomes_tunnel &&
                      head.framing.kind != BodyFraming::Kind::until_close;
    return reject;
  }
};

}  // namespace

std::string_view to_string(HeadStatus status) noexcept {
  switch (status) {
    case HeadStatus::complete:
      return "complete";
    case HeadStatus::partial:
      return "partial";
    case HeadStatus::rejected:
      return "rejected";
  }
  return "unknown";
}

HeadResult parse_request_head(std::string_view bytes, std::size_t already_seen, const HeadLimits& limits,
                              RequestHead& out) noexcept {
  // RFC 9112 §2.2: old clients send one CRLF too many behind a body.
  std::size_t skipped = bytes.starts_with("\r\n") ? 2 : 0;
  std::size_t seen = already_seen > skipped ? already_seen - skipped : 0;
  HeadResult result = HeadParser(bytes.substr(skipped), limits, RequestKind{out, limits.target_bytes_max}).parse(seen);
  if (result.status == HeadStatus::complete) result.consumed += skipped;
  return result;
}

HeadResult parse_response_head(std::string_view bytes, std::size_t already_seen, const HeadLimits& limits,
                               Method request_method, ResponseHead& out) noexcept {
  HeadResult result = HeadParser(bytes, limits, ResponseKind{out, request_method}).parse(already_seen);
  return result.reject == Reject::empty_request_line ? rejected(Reject::bad_status_line) : result;
}

}  // namespace sluice::http
