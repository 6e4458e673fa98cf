#pragma once

#include <chrono>

#include "http/samples.hpp"
#include "proxy/access_log.hpp"

namespace sluice::micro {

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
