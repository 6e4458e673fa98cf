#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/field.hpp"
#include "http/framing.hpp"
#include "http/uri.hpp"

namespace sluice::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };
[[nodiscard]] std::string_view to_string(Method method) noexcept;  // as on the wire; "other" for `other`

enum class Version : std::uint8_t { http_1_0, http_1_1, http_2 };
[[nodiscard]] std::string_view to_string(Version version) noexcept;  // "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"

// The four forms of a request target (RFC 9112 §3.2).
enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };
[[nodiscard]] std::string_view to_string(TargetForm form) noexcept;

// What Upgrade asks for or grants, counted only in HTTP/1.1 and together with `Connection: upgrade`.
enum class Upgrade : std::uint8_t { none, websocket, h2c, other };
[[nodiscard]] std::string_view to_string(Upgrade upgrade) noexcept;

// More options than this in one head are refused: each costs a comparison with each field.
inline constexpr std::size_t connection_options_max = 32;

// The options that a message's Connection fields name.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool te = false;
  bool names_fields = false;  // at least one option is none of the four: it names a field to remove
};

// A request head. All views point into the parsed bytes, or at literals.
struct RequestHead {
  Method method = Method::other;
  Version version = Version::http_1_1;
  TargetForm target_form = TargetForm::origin;
  Upgrade upgrade = Upgrade::none;
  std::string_view method_text;
  std::string_view target;  // as received
  // Not normalised; "/" for an absolute-form without path, "*" where an OPTIONS asks about the server, "" for CONNECT.
  std::string_view path;
  std::string_view query;      // with its leading '?'; empty when there is none
  std::string_view authority;  // of the absolute- or authority-form, else Host; empty only in HTTP/1.0 without Host
  Authority host;              // `authority` taken apart
  BodyFraming framing;
  ConnectionOptions connection;
  bool keep_alive = false;       // the client wants the connection to go on
  bool expect_continue = false;  // waits for a 100 before it sends the body; false without a body and in HTTP/1.0
  FieldList fields;

  // RFC 9112 §3.2.4: in asterisk-form, or in absolute-form without path and query. No other path is without a slash.
  [[nodiscard]] bool asks_about_server() const { return path == "*"; }
};

// A response head. All views point into the parsed bytes.
struct ResponseHead {
  int status = 0;  // 100 to 599
  Version version = Version::http_1_1;
  Upgrade upgrade = Upgrade::none;
  std::string_view reason;
  BodyFraming framing;  // `none` for a response to HEAD, 1xx, 204, 304 and for 2xx to CONNECT
  ConnectionOptions connection;
  bool keep_alive = false;  // the connection can carry another exchange after this message
  FieldList fields;

  [[nodiscard]] bool is_interim() const { return status < 200 && status != 101; }
};

}  // namespace sluice::http
