#include <pthread.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "net/address.hpp"
#include "net/listener.hpp"
#include "options.hpp"
#include "pattern.hpp"
#include "runtime/kernel.hpp"
#include "runtime/requirements.hpp"
#include "shard.hpp"

namespace {

using namespace sluice;

constexpr int backlog = 4096;
constexpr std::uint64_t descriptors_for_each_thread = 64;  // beyond them accepting pauses

int fail(const std::string& sentence) {
  std::fprintf(stderr, "sluice-origin: %s\n", sentence.c_str());
  return 1;
}

net::Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  (void)runtime::kernel::local_address(fd, reinterpret_cast<sockaddr*>(&storage), size);
  return net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
}

// SO_REUSEPORT lets a second origin share the port of a forgotten one unnoticed; a socket without it does not.
int try_alone(const net::Address& address) {
  int fd = runtime::kernel::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC);
  if (fd < 0) return -fd;
  int result = runtime::kernel::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result >= 0) result = runtime::kernel::bind(fd, address.data(), address.size());
  runtime::kernel::close(fd);
  return result < 0 ? -result : 0;
}

// One socket of each address for each thread, by thread. Gives what went wrong, or nothing.
std::optional<std::string> open_sockets(const origin::Options& options,
                                        std::vector<std::vector<origin::ListeningSocket>>& sockets) {
  sockets.resize(options.threads);
  for (const net::Address& wanted : options.listen) {
    if (int problem = try_alone(wanted); problem != 0) {
      return "cannot listen on " + wanted.to_string() + ": " + std::generic_category().message(problem);
    }
    net::Address address = wanted;
    for (auto& of_thread : sockets) {
      Result<int> fd = net::Listener::open_socket(address, backlog);
      if (!fd)
        return "cannot listen on " + address.to_string() + ": " + std::generic_category().message(fd.error().os_error);
      address = local_address(*fd);  // with the port that 0 became
      of_thread.push_back({*fd, address.to_string()});
    }
  }
  return std::nullopt;
}

void stop(std::vector<std::unique_ptr<origin::Shard>>& shards) {
  for (auto& shard : shards) shard->stop();
  for (auto& shard : shards) shard->join();
}

}  // namespace

int main(int argc, char** argv) {
  origin::Options options;
  if (const std::string problem = origin::parse_options(argc, argv, options); !problem.empty()) return fail(problem);
  if (options.help_wanted) {
    std::fputs(origin::usage().c_str(), stdout);
    return 0;
  }
  std::uint64_t descriptors = options.threads * (descriptors_for_each_thread + options.listen.size());
  if (auto reason = runtime::unmet_requirement(runtime::read_host_facts(), descriptors)) return fail(*reason);
  (void)runtime::raise_descriptor_limit();

  // Before the threads start, so that they inherit it and the signal waits for sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);

  std::vector<std::vector<origin::ListeningSocket>> sockets;
  if (auto problem = open_sockets(options, sockets)) return fail(*problem);
  const auto pattern = std::make_unique<const origin::Pattern>();
  std::vector<origin::Counters> counters(options.threads);
  std::vector<std::unique_ptr<origin::Shard>> shards;
  for (unsigned i = 0; i < options.threads; ++i) {
    int cpu = options.first_cpu < 0 ? -1 : options.first_cpu + static_cast<int>(i);
    auto shard = std::make_unique<origin::Shard>(i, cpu, sockets[i], *pattern, counters);
    if (auto problem = shard->start()) {
      stop(shards);
      return fail(*problem);
    }
    shards.push_back(std::move(shard));
  }
  for (const origin::ListeningSocket& socket : sockets[0]) std::printf("listening on %s\n", socket.address.c_str());
  std::fflush(stdout);

  int signal = 0;
  (void)sigwait(&signals, &signal);
  stop(shards);
  return 0;
}
