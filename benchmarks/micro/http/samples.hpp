#pragma once

#include <string_view>

#include "http/head.hpp"

// Messages as they are met.
namespace sluice::micro {

// What a load generator sends: three fields.
inline constexpr std::string_view small_request =
    "GET /v1/small HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";

// What a browser sends for a page: seventeen fields, 1 KiB.
inline constexpr std::string_view browser_request =
    "GET /v1/catalogue/items?category=books&page=3&sort=price HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Google Chrome\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Referer: https://api.example.com/v1/catalogue/index.html\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=5f2d7c9e1b8a40365f2d7c9e1b8a4036; theme=dark; consent=1; _ga=GA1.2.1836045921.1731924112; "
    "cart=eyJpdGVtcyI6WzEyMywzNDVdfQ\r\n"
    "\r\n";

// The same browser where a session has grown: a token, a long cookie, traces of other systems. 47 fields, 9 KiB.
[[nodiscard]] std::string_view big_request();

// What an origin of a load test answers.
inline constexpr std::string_view small_response =
    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 2\r\n\r\n";

// What an application answers.
inline constexpr std::string_view application_response =
    "HTTP/1.1 200 OK\r\n"
    "Server: gunicorn\r\n"
    "Date: Wed, 20 Nov 2024 08:49:37 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 5120\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: private, max-age=0, must-revalidate\r\n"
    "ETag: W/\"1400-19345a9d1f0\"\r\n"
    "Last-Modified: Tue, 19 Nov 2024 17:02:11 GMT\r\n"
    "Vary: Accept-Encoding, Origin\r\n"
    "Set-Cookie: session=5f2d7c9e1b8a40365f2d7c9e1b8a4036; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"
    "Set-Cookie: csrf=9a1b2c3d4e5f60718293a4b5c6d7e8f9; Path=/; Secure; SameSite=Strict\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Powered-By: python\r\n"
    "X-Request-Cost: 12\r\n"
    "\r\n";

inline constexpr std::string_view sample_request_id = "01934a5d-1f0a-7cde-8f01-23456789abcd";
inline constexpr std::string_view sample_date = "Wed, 20 Nov 2024 08:49:37 GMT";

// A head of those above, which live as long as the program; the parser takes all of them.
[[nodiscard]] http::RequestHead parsed_request(std::string_view bytes);
[[nodiscard]] http::ResponseHead parsed_response(std::string_view bytes);

}  // namespace sluice::micro
