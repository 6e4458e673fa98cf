#include "http/h2_head.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "http/bytes.hpp"

namespace sluice::http {
namespace {

// Nothing that could end a line of HTTP/1, or a part of its first line.
bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
}

// RFC 9113 §8.2.1; HTAB and space inside are values like any other.
bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= ' ' && byte != 0x7f);
  });
}

bool is_lower_token(std::string_view name) {
  return is_token(name) && std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

void H2RequestText::add(std::string_view name, std::string_view value) {
  if (reject_ != Reject::none) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (!has_begun_fields_) begin_fields();
  if (!is_lower_token(name)) return refuse(Reject::bad_field_name);
  if (!is_value(value)) return refuse(Reject::control_byte);
  // RFC 9113 §8.2.2: they are of HTTP/1, and `te` may say nothing but this.
  if (is_connection_specific(name)) return refuse(Reject::bad_connection);
  if (name == "te" && !ascii::equals_ignoring_case(value, "trailers")) return refuse(Reject::bad_connection);
  if (name == "host") return add_host(value);
  if (name == "cookie") {
    // RFC 9113 §8.2.3: in pieces, so that they compress; one field for everybody else.
    if (cookies_.size() != 0) cookies_.append("; ");
    cookies_.append(value);
    if (cookies_.size() + text_.size() > bytes_max_) refuse(Reject::head_too_large);
    return;
  }
  add_line(name, value);
}

void H2RequestText::add_pseudo(std::string_view name, std::string_view value) {
  Part* part = nullptr;
  if (name == ":method") {
    part = &method_;
    if (!is_token(value)) return refuse(Reject::bad_method);
  } else if (name == ":scheme") {
    part = &scheme_;
    const bool is_known = ascii::equals_ignoring_case(value, "http") || ascii::equals_ignoring_case(value, "https");
    if (!is_known) return refuse(Reject::bad_target);
  } else if (name == ":authority") {
    part = &authority_;
    if (!is_visible(value)) return refuse(Reject::bad_host);
  } else if (name == ":path") {
    part = &path_;
    // RFC 9113 §8.3.1. A whole URL would be another request in HTTP/1.
    const bool is_path = value.starts_with('/') || value == "*";
    if (!is_path || !is_visible(value)) return refuse(Reject::bad_target);
  }
  // Unknown, twice, or behind a field of another kind.
  if (part == nullptr || part->is_there || has_begun_fields_) return refuse(Reject::bad_field_name);
  if (pseudo_.size() + value.size() > bytes_max_) {
    return refuse(part == &path_ ? Reject::target_too_long : Reject::head_too_large);
  }
  *part = {pseudo_.size(), value.size(), true};
  pseudo_.append(value);
}

// The request line, and Host from :authority.
void H2RequestText::begin_fields() {
  has_begun_fields_ = true;
  const bool is_connect = text_of(method_) == "CONNECT";
  if (!method_.is_there) return refuse(Reject::bad_method);
  // RFC 9113 §8.5: a CONNECT has an authority and neither of the others; everything else has both.
  if (is_connect == path_.is_there || is_connect == scheme_.is_there) return refuse(Reject::bad_request_line);
  if (is_connect && !authority_.is_there) return refuse(Reject::missing_host);
  const std::string_view target = text_of(is_connect ? authority_ : path_);
  target_bytes_ = target.size();
  text_.append(text_of(method_));
  text_.append(" ");
  text_.append(target);
  text_.append(" HTTP/1.1\r\n");
  if (authority_.is_there) add_line("host", text_of(authority_));
}

// RFC 9113 §8.3.1: it may not differ from :authority, and stands for it where that is missing.
void H2RequestText::add_host(std::string_view value) {
  if (!authority_.is_there) return add_line("host", value);
  if (!ascii::equals_ignoring_case(value, text_of(authority_))) refuse(Reject::bad_host);
}

void H2RequestText::add_line(std::string_view name, std::string_view value) {
  if (text_.size() + name.size() + value.size() + 4 > bytes_max_) return refuse(Reject::head_too_large);
  text_.append(name);
  text_.append(": ");
  text_.append(value);
  text_.append("\r\n");
}

void H2RequestText::finish() {
  if (!has_begun_fields_ && reject_ == Reject::none) begin_fields();
  if (reject_ == Reject::none && cookies_.size() != 0) add_line("cookie", cookies_.view());
  cookies_.clear();
  pseudo_.clear();
  text_.append("\r\n");
}

HeadResult parse_h2_request_head(const H2RequestText& text, bool has_ended, const HeadLimits& limits,
                                 RequestHead& out) noexcept {
  if (text.reject() != Reject::none) return {HeadStatus::rejected, 0, text.reject()};
  HeadResult result = parse_request_head(text.text(), 0, limits, out);
  // Nothing is missing: the text was written to its end.
  if (result.status == HeadStatus::partial) return {HeadStatus::rejected, 0, Reject::head_too_large};
  if (result.status != HeadStatus::complete) return result;
  out.version = Version::http_2;
  // RFC 9113 §8.2.2: there is no Connection field to name it.
  out.connection.te = out.fields.contains(FieldId::te);
  if (out.framing.kind == BodyFraming::Kind::none && !has_ended) out.framing = BodyFraming::chunked();
  out.expect_continue = out.fields.contains(FieldId::expect) && out.framing.has_body();
  return result;
}

bool is_h2_field(std::string_view name, std::string_view value) noexcept {
  return is_lower_token(name) && is_value(value);
}

bool is_connection_specific(std::string_view name) noexcept {
  switch (field_id(name)) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace sluice::http
