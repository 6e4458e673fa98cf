#include "http/samples.hpp"

#include <string>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "http/parser.hpp"

namespace sluice::micro {

namespace {

std::string with_more_fields(std::string_view request) {
  std::string text(request.substr(0, request.size() - 2));
  text += "Authorization: Bearer " + std::string(1200, 'e') + "\r\n";
  text += "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
  for (int i = 0; i < 24; ++i) text += fmt::format("x-tenant-attribute-{}: value of attribute number {}\r\n", i, i);
  for (int i = 0; i < 4; ++i) text += fmt::format("Cookie: segment{}={}\r\n", i, std::string(1500, 'c'));
  return text + "\r\n";
}

}  // namespace

std::string_view big_request() {
  static const std::string text = with_more_fields(browser_request);
  return text;
}

http::RequestHead parsed_request(std::string_view bytes) {
  http::RequestHead head;
  SLUICE_ASSERT(http::parse_request_head(bytes, 0, {}, head).status == http::HeadStatus::complete);
  return head;
}

http::ResponseHead parsed_response(std::string_view bytes) {
  http::ResponseHead head;
  SLUICE_ASSERT(http::parse_response_head(bytes, 0, {}, http::Method::get, head).status == http::HeadStatus::complete);
  return head;
}

}  // namespace sluice::micro
