#pragma once

#include <chrono>

#include "http/samples.hpp"
#include "http/writer.hpp"
#include "proxy/access_log.hpp"
#include "proxy/forwarding_settings.hpp"

namespace sluice::micro {

// What an exchange without header edits makes of a head.
inline http::RequestForward usual_forward(const http::RequestHead& head, const proxy::ForwardingRules& rules) {
  http::RequestForward forward;
  forward.path = head.path;
  forward.query = head.query;
  forward.host = head.authority;
  forward.peer_address = forward.client_address = "192.0.2.17";
  forward.scheme = forward.client_scheme = "http";
  forward.request_id = sample_request_id;
  forward.framing = head.framing;
  forward.hop_field = rules.client_from;
  forward.identity = &rules.identity;
  return forward;
}

inline http::ResponseForward usual_forward(const http::ResponseHead& head) {
  http::ResponseForward forward;
  forward.date = sample_date;
  forward.request_id = sample_request_id;
  forward.framing = head.framing;
  return forward;
}

// What the log is to tell of browser_request and its answer.
inline proxy::AccessLogEntry usual_log_entry() {
  using std::chrono::microseconds;
  proxy::AccessLogEntry entry;
  entry.unix_ms = 1'732'092'577'042;
  entry.listener = "public";
  entry.client = "192.0.2.17";
  entry.request_id = sample_request_id;
  entry.method = "GET";
  entry.host = "api.example.com";
  entry.target = "/v1/catalogue/items?category=books&page=3&sort=price";
  entry.protocol = "HTTP/1.1";
  entry.user_agent =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
  entry.referer = "https://api.example.com/v1/catalogue/index.html";
  entry.status = 200;
  entry.response_bytes = 5804;
  entry.body_bytes = 5120;
  entry.route = "catalogue";
  entry.upstream = "api";
  entry.endpoint = "127.0.0.1:9001";
  entry.attempts = 1;
  entry.is_upstream_reused = true;
  entry.head = microseconds(0);
  entry.queue = microseconds(12);
  entry.connect = microseconds(0);
  entry.first_byte = microseconds(850);
  entry.total = microseconds(912);
  return entry;
}

}  // namespace sluice::micro
