#include "http/head.hpp"

namespace sluice::http {

std::string_view to_string(BodyFraming::Kind kind) noexcept {
  switch (kind) {
    case BodyFraming::Kind::none:
      return "none";
    case BodyFraming::Kind::length:
      return "length";
    case BodyFraming::Kind::chunked:
      return "chunked";
    case BodyFraming::Kind::until_close:
      return "until_close";
  }
  return "unknown";
}

std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::delete_:
      return "DELETE";
    case Method::connect:
      return "CONNECT";
    case Method::options:
      return "OPTIONS";
    case Method::trace:
      return "TRACE";
    case Method::patch:
      return "PATCH";
    case Method::other:
      return "other";
  }
  return "unknown";
}

std::string_view to_string(Version version) noexcept {
  switch (version) {
    case Version::http_1_0:
      return "HTTP/1.0";
    case Version::http_1_1:
      return "HTTP/1.1";
    case Version::http_2:
      return "HTTP/2.0";
  }
  return "unknown";
}

std::string_view to_string(TargetForm form) noexcept {
  switch (form) {
    case TargetForm::origin:
      return "origin";
    case TargetForm::absolute:
      return "absolute";
    case TargetForm::authority:
      return "authority";
    case TargetForm::asterisk:
      return "asterisk";
  }
  return "unknown";
}

std::string_view to_string(Upgrade upgrade) noexcept {
  switch (upgrade) {
    case Upgrade::none:
      return "none";
    case Upgrade::websocket:
      return "websocket";
    case Upgrade::h2c:
      return "h2c";
    case Upgrade::other:
      return "other";
  }
  return "unknown";
}

}  // namespace sluice::http
