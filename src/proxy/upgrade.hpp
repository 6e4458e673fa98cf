#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/head.hpp"

// Changing to another protocol (RFC 9110 §7.8). What is not taken up here is forwarded as an ordinary request or
// response.
namespace sluice::proxy {

// The protocol that a request asks to change to, as `allowed` names it (lowercase); empty when it asks for none, for
// several, for one that is not allowed, or with a body: the protocol would change in the middle of the message.
[[nodiscard]] std::string_view requested_upgrade(const http::RequestHead& request,
                                                 const std::vector<std::string>& allowed);

// Whether a 101 changes to exactly that protocol. requested: from requested_upgrade().
[[nodiscard]] bool grants_upgrade(const http::ResponseHead& response, std::string_view requested);

// Whether a response names one protocol in Upgrade, and that is allowed.
[[nodiscard]] bool names_upgrade(const http::ResponseHead& response, const std::vector<std::string>& allowed);

}  // namespace sluice::proxy
