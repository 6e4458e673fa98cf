#include "proxy/upgrade.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/parser.hpp"

namespace sluice::proxy {
namespace {

const std::vector<std::string> allowed{"irc/6.9", "websocket"};

TEST_CASE("a request asks for one protocol that is allowed, or for none") {
  struct Row {
    std::string_view fields;
    std::string_view expected;  // empty: none
    std::string_view version = "HTTP/1.1";
  };
  const Row rows[] = {
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", "websocket"},
      {"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n", "websocket"},
      {"Connection: upgrade\r\nUpgrade: IRC/6.9\r\n", "irc/6.9"},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n", "websocket"},
      {"", ""},
      {"Connection: upgrade\r\n", ""},
      {"Upgrade: websocket\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: \r\n", ""},
      {"Connection: upgrade\r\nUpgrade: irc\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: irc/6.10\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket/13\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: h2c\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket, irc/6.9\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket,\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n", ""},
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", "", "HTTP/1.0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const std::string text = "GET / " + std::string(row.version) + "\r\nHost: a\r\n" + std::string(row.fields) + "\r\n";
    http::RequestHead request;
    REQUIRE(http::parse_request_head(text, 0, {}, request).status == http::HeadStatus::complete);
    CHECK(requested_upgrade(request, allowed) == row.expected);
    CHECK(requested_upgrade(request, {}).empty());
  }
}

http::ResponseHead response_of(const std::string& text) {
  http::ResponseHead response;
  REQUIRE(http::parse_response_head(text, 0, {}, http::Method::get, response).status == http::HeadStatus::complete);
  return response;
}

TEST_CASE("a 101 grants exactly what was asked for") {
  struct Row {
    std::string_view fields;
    bool grants_websocket;
    std::string_view version = "HTTP/1.1";
  };
  const Row rows[] = {
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", true},
      {"Upgrade: WEBSOCKET\r\nConnection: Upgrade\r\n", true},
      {"", false},
      {"Connection: upgrade\r\n", false},
      {"Upgrade: websocket\r\n", false},
      {"Connection: close\r\nUpgrade: websocket\r\n", false},
      {"Connection: upgrade\r\nUpgrade: irc/6.9\r\n", false},
      {"Connection: upgrade\r\nUpgrade: websocket/1\r\n", false},
      {"Connection: upgrade\r\nUpgrade: websocket, irc/6.9\r\n", false},
      {"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n", false},
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", false, "HTTP/1.0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const std::string text = std::string(row.version) + " 101 Switching\r\n" + std::string(row.fields) + "\r\n";
    const http::ResponseHead response = response_of(text);
    CHECK(grants_upgrade(response, "websocket") == row.grants_websocket);
    CHECK_FALSE(grants_upgrade(response, ""));
  }
}

TEST_CASE("a response names one protocol that is allowed, or none") {
  struct Row {
    std::string_view fields;
    bool names_one;
  };
  const Row rows[] = {
      {"Connection: upgrade\r\nUpgrade: websocket\r\n", true},
      {"Connection: upgrade\r\nUpgrade: Irc/6.9\r\n", true},
      {"Upgrade: websocket\r\n", false},
      {"Connection: upgrade\r\nUpgrade: h2c\r\n", false},
      {"Connection: upgrade\r\n", false},
      {"", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const std::string text = "HTTP/1.1 426 Upgrade Required\r\n" + std::string(row.fields) + "\r\n";
    CHECK(names_upgrade(response_of(text), allowed) == row.names_one);
  }
}

}  // namespace
}  // namespace sluice::proxy
