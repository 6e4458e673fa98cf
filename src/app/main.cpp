#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/arguments.hpp"
#include "app/check.hpp"
#include "app/identity.hpp"
#include "app/pid_file.hpp"
#include "control/admin.hpp"
#include "control/admin_pages.hpp"
#include "control/host_check.hpp"
#include "control/server.hpp"
#include "memory/heap.hpp"
#include "proxy/configuration.hpp"
#include "runtime/notice.hpp"
#include "runtime/requirements.hpp"
#include "runtime/topology.hpp"
#include "tls/library.hpp"

namespace sluice::app {
namespace {

// README.md, "Exit codes"; usage() says the same.
constexpr int exit_ok = 0;
constexpr int exit_start_failed = 1;
constexpr int exit_forced = 2;
constexpr int exit_unclean = 3;

using runtime::write_text;

void say(const std::string& line) { runtime::notice(line); }

// Descriptors 0 to 2 belong to the standard streams: were one closed, a socket of ours would take its place.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) return;
  }
}

int print_build() {
  const runtime::HostFacts facts = runtime::read_host_facts();
  const std::string_view assembly = tls::library_assembly();
  std::string text = fmt::format("sluice {}\n", SLUICE_VERSION);
  text += fmt::format("compiler: {}\n", __VERSION__);
  text += fmt::format("heap: {}\n", memory::heap_name());
  text += fmt::format("tls: wolfSSL {} ({})\n", tls::library_version(), assembly.empty() ? "no assembly" : assembly);
  text += fmt::format("kernel: {}\n", facts.kernel_release);
  text += fmt::format("io_uring: {}\n", runtime::unmet_requirement(facts, 0).value_or("usable"));
  text += fmt::format("descriptors: {} (hard limit {})\n", facts.descriptors_soft, facts.descriptors_hard);
  const runtime::CpuFacts cpus = runtime::read_cpu_facts();
  text += fmt::format("cpus: {}\n", cpus.describe());
  text += fmt::format("shards: {}, unless the configuration says\n", cpus.standard_shards());
  text += fmt::format("batch_wait: {}\n", facts.can_batch ? "usable" : "no effect before Linux 6.12");
  write_text(STDOUT_FILENO, text);
  return exit_ok;
}

// Signals come through a descriptor, so that nothing of ours ever runs inside a handler. Before any thread starts.
int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a log at its size limit is a write error like others
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// What: what the signals so far amount to.
class SignalState {
 public:
  explicit SignalState(control::Server& server) : server_(server) {}

  void handle(unsigned number) {
    switch (number) {
      case SIGHUP:
        server_.reload();
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

int serve(control::Prepared prepared, control::Loader load, int signals, PidFile& pid_file) {
  control::Server server(std::move(prepared), std::move(load));
  control::AdminPages pages(server);
  std::unique_ptr<control::Admin> admin;
  if (server.configuration().admin.is_on()) {
    auto opened = control::Admin::open(server.configuration().admin, pages);
    if (!opened) {
      say(opened.error());
      return exit_start_failed;
    }
    admin = std::move(*opened);
  }
  if (auto started = server.start(); !started) {
    say(started.error());
    return exit_start_failed;
  }
  for (const control::OpenListener& listener : server.listeners())
    say(fmt::format("listening on {}", listener.bound.to_string()));
  say(fmt::format("serving with {} shard{}; {}", server.shards(), server.shards() == 1 ? "" : "s",
                  runtime::read_cpu_facts().describe()));
  if (auto written = pid_file.write(); !written) say(written.error());

  SignalState state(server);
  for (bool has_finished = false; !has_finished;) {
    // A negative descriptor is one that poll leaves out.
    pollfd waits[3] = {{signals, POLLIN, 0}, {server.event(), POLLIN, 0}, {admin ? admin->event() : -1, POLLIN, 0}};
    if (::poll(waits, 3, -1) < 0) continue;
    signalfd_siginfo signal{};
    while (::read(signals, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
      state.handle(signal.ssi_signo);
    has_finished = server.handle_event();
    if (admin) admin->handle();
  }
  const bool is_clean = server.join();
  pid_file.remove();
  for (const std::string& line : server.summary()) say(line);
  if (is_clean) return exit_ok;
  say("exchanges were cut off before they had finished");
  return state.is_forced() ? exit_forced : exit_unclean;
}

bool wants_batches(const proxy::Configuration& configuration) {
  return std::ranges::any_of(configuration.resolved_shards(runtime::read_cpu_facts()),
                             [](const proxy::ShardSettings& shard) { return shard.batch_wait.count() != 0; });
}

// What: what the configuration asks of the descriptor limit.
class DescriptorBudget {
 public:
  explicit DescriptorBudget(const proxy::Configuration& configuration)
      : shards_(configuration.resolved_shards(runtime::read_cpu_facts())) {
    for (const proxy::ShardSettings& shard : shards_) {
      fixed_ += 2 * std::uint64_t{shard.pipes} + configuration.listeners.size() + shard_fixed;
    }
  }

  // With so many clients on each shard that does not say; each of them may need a connection upstream.
  [[nodiscard]] std::uint64_t needed(std::uint32_t max_connections) const {
    return fixed_ + told() + undecided() * 2 * std::uint64_t{max_connections};
  }
  // How many clients each shard that does not say may have under `limit`.
  [[nodiscard]] std::uint32_t connections(std::uint64_t limit) const {
    const std::uint64_t taken = fixed_ + told();
    const std::uint64_t shards = std::max<std::uint64_t>(undecided(), 1);
    const std::uint64_t rest = limit > taken ? (limit - taken) / (2 * shards) : 0;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rest, connections_min, connections_standard));
  }

 private:
  static constexpr std::uint64_t process_fixed =
      128;                                         // standard streams, log, signals, admin socket, what libraries hold
  static constexpr std::uint64_t shard_fixed = 4;  // ring, events
  static constexpr std::uint64_t connections_standard = 10'000;
  static constexpr std::uint64_t connections_min = 16;

  // Of the shards that have a number of their own.
  [[nodiscard]] std::uint64_t told() const {
    std::uint64_t sum = 0;
    for (const proxy::ShardSettings& shard : shards_) sum += 2 * std::uint64_t{shard.max_connections.value_or(0)};
    return sum;
  }
  [[nodiscard]] std::uint64_t undecided() const {
    const auto count = std::ranges::count_if(shards_, [](const auto& shard) { return !shard.max_connections; });
    return static_cast<std::uint64_t>(count);
  }

  std::vector<proxy::ShardSettings> shards_;
  std::uint64_t fixed_ = process_fixed;
};

void say_all(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) write_text(STDERR_FILENO, line + "\n");
}

// Whether the host allows what the configuration needs; on failure one sentence.
std::expected<std::uint32_t, std::string> connections_for(const proxy::Configuration& configuration) {
  const DescriptorBudget budget(configuration);
  const std::uint32_t connections_standard = budget.connections(runtime::raise_descriptor_limit());
  const std::uint64_t needed = budget.needed(configuration.limits.max_connections.value_or(connections_standard));
  if (auto unmet = runtime::unmet_requirement(runtime::read_host_facts(), needed)) return std::unexpected(*unmet);
  return connections_standard;
}

int test(const Arguments& arguments, const proxy::Configuration& configuration) {
  std::vector<std::string> problems = check_host(configuration);
  // Last: with what is left once root's rights are given up.
  if (auto connections = connections_for(configuration); !connections) problems.push_back(connections.error());
  if (problems.empty()) {
    say(fmt::format("the configuration {} is good", arguments.configuration));
    return exit_ok;
  }
  say_all(problems);
  say(fmt::format("the configuration {} is good, and cannot be started here", arguments.configuration));
  return exit_start_failed;
}

// Where the shards of a start here would run, as comments.
std::string placement_comment(const proxy::Configuration& configuration) {
  const runtime::CpuFacts cpus = runtime::read_cpu_facts();
  std::string text = fmt::format("# host: {}\n", cpus.describe());
  const std::vector<proxy::ShardSettings> shards = configuration.resolved_shards(cpus);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    text += shards[i].cpu ? fmt::format("# shard {}: on CPU {}\n", i, *shards[i].cpu)
                          : fmt::format("# shard {}: wherever the scheduler puts it\n", i);
  }
  return text;
}

int print_dump(const Arguments& arguments, const proxy::Configuration& configuration) {
  proxy::Configuration effective = configuration.effective();
  const DescriptorBudget budget(configuration);
  const std::uint32_t connections = budget.connections(runtime::raise_descriptor_limit());
  effective.limits.max_connections = effective.limits.max_connections.value_or(connections);
  const std::size_t shards = configuration.resolved_shards(runtime::read_cpu_facts()).size();
  effective.shards = effective.shards.value_or(static_cast<std::uint32_t>(shards));
  std::string text =
      fmt::format("# The effective configuration of {} (sluice {}).\n", arguments.configuration, SLUICE_VERSION);
  for (const std::string& file : configuration.files) text += fmt::format("# file: {}\n", file);
  text += placement_comment(configuration) + '\n' + proxy::dump_configuration(configuration, effective);
  // Whole or not at all, however long the reader takes: half a configuration is another one.
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      say(fmt::format("cannot write the configuration: {}", std::strerror(errno)));
      return exit_start_failed;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return exit_ok;
}

int run_command(const Arguments& arguments) {
  auto pid_file = proxy::load_pid_file(arguments.configuration);
  if (pid_file && arguments.command == Command::reload) {
    // What would be refused anyway is better said here.
    if (auto configuration = proxy::load_configuration(arguments.configuration); !configuration) {
      pid_file = std::unexpected(std::move(configuration.error()));
    }
  }
  if (!pid_file) {
    say_all(pid_file.error());
    say(fmt::format("the configuration {} is not usable", arguments.configuration));
    return exit_start_failed;
  }
  if (pid_file->empty()) {
    say(fmt::format("the configuration {} has no `pid_file`: nothing says which process to tell",
                    arguments.configuration));
    return exit_start_failed;
  }
  constexpr std::array signals{SIGHUP, SIGQUIT, SIGINT, SIGUSR1};
  if (auto sent = signal_owner(*pid_file, signals[static_cast<std::size_t>(arguments.command)]); !sent) {
    say(sent.error());
    return exit_start_failed;
  }
  return exit_ok;
}

// From root to whom the configuration names; on failure one sentence.
std::expected<void, std::string> take_place(const proxy::Configuration& configuration, PidFile& pid_file) {
  auto identity = wanted_identity(configuration);
  if (!identity) return std::unexpected(std::move(identity.error()));
  if (!configuration.pid_file.value.empty()) {
    if (auto claimed = pid_file.claim(configuration.pid_file.value); !claimed) return claimed;
  }
  if (auto taken = take_on(*identity); !taken) return taken;
  if (runtime::is_root() && configuration.user.value.empty()) {
    say("runs as root: `user` in the configuration names whom it should become");
  }
  for (const std::string& file : unreadable_files(configuration)) {
    say(fmt::format("the user {} cannot read {}: a reload will fail", config::in_quotes(configuration.user.value),
                    file));
  }
  return {};
}

// Reads the file again, as far as the host allows it.
std::expected<control::Prepared, std::vector<std::string>> load(const std::string& path) {
  auto configuration = proxy::load_configuration(path);
  if (!configuration) return std::unexpected(std::move(configuration.error()));
  if (auto unmet = control::unmet_by_host(*configuration); !unmet.empty()) return std::unexpected(std::move(unmet));
  auto connections = connections_for(*configuration);
  if (!connections) return std::unexpected(std::vector{std::move(connections.error())});
  return control::Prepared{std::move(*configuration), *connections};
}

int start(const Arguments& arguments, proxy::Configuration configuration) {
  PidFile pid_file;
  if (auto taken = take_place(configuration, pid_file); !taken) {
    say(taken.error());
    return exit_start_failed;
  }
  if (const std::vector<std::string> unmet = control::unmet_by_host(configuration); !unmet.empty()) {
    for (const std::string& sentence : unmet) say(sentence);
    return exit_start_failed;
  }
  auto connections_standard = connections_for(configuration);
  if (!connections_standard) {
    say(connections_standard.error());
    return exit_start_failed;
  }
  if (wants_batches(configuration) && !runtime::read_host_facts().can_batch) {
    say("`batch_wait` has no effect: it needs Linux 6.12 or newer");
  }
  int signals = open_signals();
  if (signals < 0) {
    say("signalfd failed: no descriptor left");
    return exit_start_failed;
  }
  int code = serve(
      {std::move(configuration), *connections_standard}, [&arguments] { return load(arguments.configuration); },
      signals, pid_file);
  ::close(signals);
  return code;
}

int run(const Arguments& arguments) {
  auto configuration = proxy::load_configuration(arguments.configuration);
  if (!configuration) {
    say_all(configuration.error());
    say(fmt::format("the configuration {} is not usable", arguments.configuration));
    return exit_start_failed;
  }
  switch (arguments.mode) {
    case Mode::test:
      return test(arguments, *configuration);
    case Mode::dump:
      return print_dump(arguments, *configuration);
    default:
      return start(arguments, std::move(*configuration));
  }
}

}  // namespace
}  // namespace sluice::app

int main(int count, char** values) {
  using namespace sluice::app;
  open_standard_streams();
  auto arguments = parse_arguments({values + 1, values + count});
  if (!arguments) {
    say(arguments.error());
    return exit_start_failed;
  }
  switch (arguments->mode) {
    case Mode::version:
      write_text(STDOUT_FILENO, fmt::format("sluice {}\n", SLUICE_VERSION));
      return exit_ok;
    case Mode::build:
      return print_build();
    case Mode::help:
      write_text(STDOUT_FILENO, usage());
      return exit_ok;
    case Mode::command:
      return run_command(*arguments);
    case Mode::serve:
    case Mode::test:
    case Mode::dump:
      return run(*arguments);
  }
}
