#include "resolve.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>

namespace sluice::load {

std::expected<net::Address, std::string> resolve(const Url& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (problem != 0) return std::unexpected("cannot resolve '" + url.host + "': " + gai_strerror(problem));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  return net::Address::from_sockaddr(found->ai_addr, found->ai_addrlen);
}

}  // namespace sluice::load
