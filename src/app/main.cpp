#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "app/arguments.hpp"
#include "control/server.hpp"
#include "memory/heap.hpp"
#include "proxy/configuration.hpp"
#include "runtime/requirements.hpp"
#include "runtime/topology.hpp"
#include "tls/library.hpp"

namespace sluice::app {
namespace {

// docs/configuration.md, "exit codes".
constexpr int exit_ok = 0;
constexpr int exit_start_failed = 1;
constexpr int exit_forced = 2;
constexpr int exit_unclean = 3;

void say(const std::string& line) { fmt::print(stderr, "sluice: {}\n", line); }

int print_build() {
  const runtime::HostFacts facts = runtime::read_host_facts();
  fmt::print("sluice {}\n", SLUICE_VERSION);
  fmt::print("compiler: {}\n", __VERSION__);
  fmt::print("heap: {}\n", memory::heap_name());
  fmt::print("tls: wolfSSL {} ({})\n", tls::library_version(),
             tls::library_assembly().empty() ? "no assembly" : tls::library_assembly());
  fmt::print("kernel: {}\n", facts.kernel_release);
  fmt::print("io_uring: {}\n", runtime::unmet_requirement(facts, 0).value_or("usable"));
  fmt::print("descriptors: {} (hard limit {})\n", facts.descriptors_soft, facts.descriptors_hard);
  fmt::print("usable CPUs: {}\n", runtime::usable_cpus().size());
  return exit_ok;
}

// Signals come through a descriptor, so that nothing of ours ever runs inside a handler. Before any thread starts.
int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// What: what the signals so far amount to.
class SignalState {
 public:
  explicit SignalState(control::Server& server) : server_(server) {}

  void handle(unsigned number) {
    switch (number) {
      case SIGHUP:
        say("SIGHUP: this version does not reload; the configuration stays as it is");
        break;
      case SIGUSR1:
        server_.reopen_log();
        break;
      case SIGINT:
        force();
        break;
      default:
        if (is_draining_) return force();
        is_draining_ = true;
        say("draining");
        server_.drain();
    }
  }
  [[nodiscard]] bool is_forced() const { return is_forced_; }

 private:
  void force() {
    is_forced_ = true;
    say("stopping at once");
    server_.cut_off();
  }
  control::Server& server_;
  bool is_draining_ = false;
  bool is_forced_ = false;
};

int serve(proxy::Configuration configuration, int signals) {
  control::Server server(std::move(configuration));
  if (auto started = server.start(); !started) {
    say(started.error());
    return exit_start_failed;
  }
  for (const std::string& address : server.addresses()) say(fmt::format("listening on {}", address));
  say(fmt::format("serving with {} shard{}", server.shards(), server.shards() == 1 ? "" : "s"));

  SignalState state(server);
  for (bool has_finished = false; !has_finished;) {
    pollfd waits[2] = {{signals, POLLIN, 0}, {server.event(), POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    signalfd_siginfo signal{};
    while (::read(signals, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
      state.handle(signal.ssi_signo);
    has_finished = server.handle_event();
  }
  const bool is_clean = server.join();
  for (const std::string& line : server.summary()) say(line);
  if (is_clean) return exit_ok;
  say("exchanges were cut off before they had finished");
  return state.is_forced() ? exit_forced : exit_unclean;
}

// How many descriptors the configuration may come to need.
std::uint64_t descriptors_needed(const proxy::Configuration& configuration) {
  constexpr std::uint64_t fixed = 64;  // standard streams, rings, events, log, what libraries hold
  const std::uint64_t shards = configuration.shards.value_or(static_cast<std::uint32_t>(runtime::usable_cpus().size()));
  // Each client connection may need one upstream; each pipe is two descriptors.
  const std::uint64_t for_each_shard = 2 * std::uint64_t{configuration.limits.max_connections} +
                                       2 * std::uint64_t{configuration.shard_defaults.pipes} +
                                       configuration.listeners.size() + 4;
  return fixed + shards * for_each_shard;
}

int run(const Arguments& arguments) {
  auto configuration = proxy::load_configuration(arguments.configuration);
  if (!configuration) {
    for (const std::string& error : configuration.error()) fmt::print(stderr, "{}\n", error);
    say(fmt::format("the configuration {} is not usable", arguments.configuration));
    return exit_start_failed;
  }
  if (arguments.mode == Mode::test) {
    say(fmt::format("the configuration {} is good", arguments.configuration));
    return exit_ok;
  }
  (void)runtime::raise_descriptor_limit();
  const runtime::HostFacts facts = runtime::read_host_facts();
  if (auto unmet = runtime::unmet_requirement(facts, descriptors_needed(*configuration))) {
    say(*unmet);
    return exit_start_failed;
  }
  int signals = open_signals();
  if (signals < 0) {
    say("signalfd failed: no descriptor left");
    return exit_start_failed;
  }
  int code = serve(std::move(*configuration), signals);
  ::close(signals);
  return code;
}

}  // namespace
}  // namespace sluice::app

int main(int count, char** values) {
  using namespace sluice::app;
  auto arguments = parse_arguments({values + 1, values + count});
  if (!arguments) {
    say(arguments.error());
    return exit_start_failed;
  }
  switch (arguments->mode) {
    case Mode::version:
      fmt::print("sluice {}\n", SLUICE_VERSION);
      return exit_ok;
    case Mode::build:
      return print_build();
    case Mode::help:
      fmt::print("{}", usage());
      return exit_ok;
    case Mode::serve:
    case Mode::test:
      return run(*arguments);
  }
}
