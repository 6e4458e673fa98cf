#include "control/admin_connection.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "http/parser.hpp"
#include "http/status.hpp"

namespace sluice::control {
namespace {

constexpr Duration idle_timeout = std::chrono::seconds(60);     // between requests
constexpr Duration head_timeout = std::chrono::seconds(5);      // from the first byte of a head to its end
constexpr Duration stall_timeout = std::chrono::seconds(10);    // without a byte taken of an answer
constexpr Duration answer_timeout = std::chrono::seconds(120);  // for the whole of it
constexpr Duration linger_timeout = std::chrono::seconds(1);
constexpr std::size_t linger_bytes_max = std::size_t{1024} * 1024;
constexpr std::size_t step_bytes_max = std::size_t{256} * 1024;  // moved at a time, before others have their turn
constexpr std::size_t out_bytes_wanted = std::size_t{32} * 1024;

const http::HeadLimits head_limits{
    .bytes_max = Admin::head_bytes_max, .fields_max = 64, .target_bytes_max = std::size_t{4} * 1024};

}  // namespace

Admin::Connection::Connection(int fd, Instant now) : fd_(fd), deadline_(now + idle_timeout) {}

Admin::Connection::~Connection() { ::close(fd_); }

std::uint32_t Admin::Connection::events() const {
  constexpr std::uint32_t at_once = EPOLLOUT;  // there is room to write whenever nothing is being sent
  switch (state_) {
    case State::reading:
      // Behind an answer there may be a whole request already, which no further byte will tell of.
      return seen_ < in_.size() ? EPOLLIN | at_once : EPOLLIN;
    case State::answering:
      return waits_for_page_ && sent_ == out_.size() ? 0 : EPOLLOUT;
    case State::lingering:
      return EPOLLIN;
  }
  return 0;
}

Instant Admin::Connection::wake_at() const {
  return waits_for_page_ ? std::min(deadline_, page_->wake_at()) : deadline_;
}

bool Admin::Connection::advance(Pages& pages, Instant now) {
  if (now >= deadline_) {
    // A head that never ends is told so; everything else has had its time.
    if (state_ != State::reading || in_.empty()) return false;
    refuse(408);
    deadline_ = answer_end_ = now + linger_timeout;
  }
  switch (state_) {
    case State::reading:
      if (!receive(now)) return false;
      if (!begin_answer(pages, now)) return true;
      [[fallthrough]];
    case State::answering:
      return flush(now);
    case State::lingering:
      return linger();
  }
  return false;
}

// False: the client has gone.
bool Admin::Connection::receive(Instant now) {
  if (in_.size() >= head_bytes_max) return true;
  char bytes[4096];
  const ssize_t count = ::recv(fd_, bytes, std::min(sizeof bytes, head_bytes_max - in_.size()), MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  if (in_.empty()) deadline_ = now + head_timeout;
  in_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

// Whether there is something to send.
bool Admin::Connection::begin_answer(Pages& pages, Instant now) {
  if (in_.empty()) return false;
  http::RequestHead head;
  const http::HeadResult result = http::parse_request_head(in_, seen_, head_limits, head);
  seen_ = in_.size();
  if (result.status == http::HeadStatus::partial) return false;
  deadline_ = now + stall_timeout;
  answer_end_ = now + answer_timeout;
  state_ = State::answering;
  if (result.status == http::HeadStatus::rejected) {
    refuse(http::status_of(result.reject));
    return true;
  }
  // A body would be read as the next request.
  keeps_alive_ = head.keep_alive && !head.framing.has_body();
  omits_body_ = head.method == http::Method::head;
  is_chunked_ = head.version == http::Version::http_1_1;
  if (!is_chunked_) keeps_alive_ = false;
  if (head.method != http::Method::get && head.method != http::Method::head) {
    begin(text_answer(405, "only GET and HEAD\n"), "Allow: GET, HEAD\r\n");
  } else if (head.framing.has_body()) {
    refuse(400);
  } else {
    begin(pages.answer(head.path, head.query));
  }
  in_.erase(0, result.consumed);
  seen_ = 0;
  return true;
}

void Admin::Connection::refuse(int status) {
  state_ = State::answering;
  keeps_alive_ = is_chunked_ = omits_body_ = false;
  begin(text_answer(status, fmt::format("{} {}\n", status, http::status_reason(status))));
}

void Admin::Connection::begin(Answer answer, std::string_view fields) {
  out_ += fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nCache-Control: no-store\r\n{}{}{}\r\n", answer.status,
                      http::status_reason(answer.status), answer.content_type, fields,
                      is_chunked_ ? "Transfer-Encoding: chunked\r\n" : "", keeps_alive_ ? "" : "Connection: close\r\n");
  page_ = std::move(answer.page);
}

// Puts the next piece of the page behind what is still to be sent. False: there is none, now or ever.
bool Admin::Connection::fill() {
  waits_for_page_ = false;
  if (!page_) return false;
  piece_.clear();
  const Page::Progress progress = omits_body_ ? Page::Progress::last : page_->next(piece_);
  if (!piece_.empty() && is_chunked_) out_ += fmt::format("{:x}\r\n", piece_.size());
  out_ += piece_;
  if (!piece_.empty() && is_chunked_) out_ += "\r\n";
  if (progress == Page::Progress::last) {
    if (is_chunked_ && !omits_body_) out_ += "0\r\n\r\n";
    page_.reset();
  }
  waits_for_page_ = progress == Page::Progress::later;
  return !waits_for_page_;
}

bool Admin::Connection::flush(Instant now) {
  for (std::size_t moved = 0; moved < step_bytes_max;) {
    // A client that never quite catches up must not have the whole page pile up.
    if (sent_ >= out_bytes_wanted) {
      out_.erase(0, sent_);
      sent_ = 0;
    }
    while (out_.size() - sent_ < out_bytes_wanted && fill()) {
    }
    if (sent_ == out_.size()) {
      if (page_) return true;
      end_answer(now);
      return true;
    }
    const ssize_t count = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    moved += static_cast<std::size_t>(count);
    sent_ += static_cast<std::size_t>(count);
    deadline_ = std::min(answer_end_, now + stall_timeout);
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
    }
  }
  return true;
}

void Admin::Connection::end_answer(Instant now) {
  if (keeps_alive_) {
    state_ = State::reading;
    deadline_ = now + (in_.empty() ? idle_timeout : head_timeout);
    return;
  }
  // What the client still sends would otherwise make the kernel reset the connection, and the answer with it.
  ::shutdown(fd_, SHUT_WR);
  state_ = State::lingering;
  deadline_ = now + linger_timeout;
}

bool Admin::Connection::linger() {
  char bytes[16 * 1024];
  const ssize_t count = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  lingered_ += static_cast<std::size_t>(count);
  return count != 0 && lingered_ < linger_bytes_max;
}

}  // namespace sluice::control
