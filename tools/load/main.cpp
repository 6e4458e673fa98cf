#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../origin/pattern.hpp"
#include "limits.hpp"
#include "net/address.hpp"
#include "options.hpp"
#include "plan.hpp"
#include "report.hpp"
#include "resolve.hpp"
#include "runtime/kernel.hpp"
#include "runtime/requirements.hpp"
#include "target.hpp"
#include "worker.hpp"

namespace {

using namespace sluice;
using load::Options;

constexpr int could_not_start = 2;
constexpr int progress_interval_ms = 1000;
constexpr std::uint64_t descriptors_for_each_thread = 16;
constexpr std::size_t line_bytes_max = 16384;

int fail(const std::string& sentence) {
  std::fprintf(stderr, "sluice-load: %s\n", sentence.c_str());
  return could_not_start;
}

std::optional<std::string> read_url_file(Options& options) {
  std::ifstream file(options.url_file);
  if (!file) return "cannot read '" + options.url_file + "'";
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::optional<load::WeightedUrl> url = load::parse_weighted(line);
    if (!url || line.size() > line_bytes_max || options.urls.size() == load::urls_max) {
      return fmt::format("{}:{}: not a URL with a weight from 1 to {}, or one too many", options.url_file, number,
                         load::weight_max);
    }
    options.urls.push_back(*url);
  }
  if (options.urls.empty()) return "there is no URL in '" + options.url_file + "'";
  return std::nullopt;
}

// The URLs taken apart, and the one address that they lead to.
struct Targets {
  std::vector<load::Url> urls;
  net::Address address;
};
std::expected<Targets, std::string> find_targets(const Options& options) {
  Targets targets;
  for (const load::WeightedUrl& one : options.urls) {
    std::expected<load::Url, std::string> url = load::parse_url(one.url);
    if (!url) return std::unexpected("cannot use '" + one.url + "': " + url.error());
    targets.urls.push_back(std::move(*url));
  }
  if (!options.connect.empty()) {
    const std::optional<net::Address> address = net::Address::parse(options.connect);
    if (!address) return std::unexpected("cannot use '--connect " + options.connect + "'; see --help");
    targets.address = *address;
    return targets;
  }
  const load::Url& first = targets.urls.front();
  for (const load::Url& url : targets.urls) {
    if (url.host == first.host && url.port == first.port) continue;
    return std::unexpected("the URLs lead to different servers, '" + first.authority + "' and '" + url.authority +
                           "'; --connect says which one is meant");
  }
  std::expected<net::Address, std::string> address = load::resolve(first);
  if (!address) return std::unexpected(address.error());
  targets.address = *address;
  return targets;
}

std::string pattern_text(std::uint64_t bytes) {
  const auto pattern = std::make_unique<const origin::Pattern>();
  std::string text;
  text.reserve(bytes);
  while (text.size() < bytes) text += pattern->at(text.size(), bytes - text.size());
  return text;
}

load::Mix make_mix(const Options& options, const std::vector<load::Url>& urls) {
  load::RequestShape shape;
  shape.method = options.method;
  shape.headers = options.headers;
  shape.keep_alive = options.keep_alive;
  shape.announces_body = options.has_body;
  shape.body = pattern_text(options.body_bytes);
  std::vector<std::string> requests;
  std::vector<unsigned> weights;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    requests.push_back(load::write_request(urls[i], shape));
    weights.push_back(options.urls[i].weight);
  }
  return {std::move(requests), weights, options.pipeline};
}

load::Plan make_plan(const Options& options, const Targets& targets) {
  return load::Plan{
      .address = targets.address,
      .mix = make_mix(options, targets.urls),
      .method = load::method_of(options.method),
      .expectation = {.checksum = options.verify, .bytes = options.expected_bytes},
      .connections = options.connections,
      .threads = options.threads,
      .pipeline = options.pipeline,
      .keep_alive = options.keep_alive,
      .rate = options.rate,
      .duration = options.duration,
      .requests = options.requests,
      .warm_up = options.warm_up,
      .timeout = options.timeout,
      .server = options.server,
  };
}

// What: the main thread while the workers run: progress, signals, and their ends.
class Watch {
 public:
  Watch(bool shows_progress, int signals)
      : shows_progress_(shows_progress), signals_(signals), ends_(eventfd(0, EFD_CLOEXEC)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { close(ends_); }

  void note_end() const { (void)runtime::kernel::event_signal(ends_); }
  // Until all have ended. Returns whether somebody interrupted them.
  bool wait(std::vector<std::unique_ptr<load::Worker>>& workers);

 private:
  void show(const std::vector<std::unique_ptr<load::Worker>>& workers);

  bool shows_progress_;
  int signals_;
  int ends_;
  unsigned shown_ = 0;
  std::uint64_t responses_before_ = 0;
};

bool Watch::wait(std::vector<std::unique_ptr<load::Worker>>& workers) {
  bool is_interrupted = false;
  for (std::uint64_t ended = 0; ended < workers.size();) {
    pollfd sources[] = {{.fd = ends_, .events = POLLIN, .revents = 0},
                        {.fd = signals_, .events = POLLIN, .revents = 0}};
    const int ready = poll(sources, 2, progress_interval_ms);
    if (ready == 0 && shows_progress_) show(workers);
    if ((sources[0].revents & POLLIN) != 0) {
      std::uint64_t more = 0;
      if (read(ends_, &more, sizeof more) == sizeof more) ended += more;
    }
    if ((sources[1].revents & POLLIN) != 0) {
      signalfd_siginfo signal{};
      (void)!read(signals_, &signal, sizeof signal);
      is_interrupted = true;
      for (auto& worker : workers) worker->interrupt();
    }
  }
  return is_interrupted;
}

void Watch::show(const std::vector<std::unique_ptr<load::Worker>>& workers) {
  std::uint64_t responses = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  for (const auto& worker : workers) {
    responses += worker->progress().responses.value();
    errors += worker->progress().errors.value();
    bytes += worker->progress().bytes_received.value();
  }
  ++shown_;
  std::fprintf(stderr, "%3u s  %s responses, %s/s, %s received, %s errors\n", shown_,
               fmt::format("{}", responses).c_str(), fmt::format("{}", responses - responses_before_).c_str(),
               load::size_text(static_cast<double>(bytes)).c_str(), fmt::format("{}", errors).c_str());
  responses_before_ = responses;
}

load::Outcome sum_up(const Options& options, const load::Plan& plan, bool is_interrupted,
                     const std::vector<std::unique_ptr<load::Worker>>& workers) {
  load::Outcome outcome{
      .options = options, .address = plan.address.to_string(), .tally = {}, .is_interrupted = is_interrupted};
  Duration most{0};
  for (const auto& worker : workers) {
    outcome.tally.add(worker->tally());
    outcome.elapsed = std::max(outcome.elapsed, worker->elapsed());
    outcome.cpu_time += worker->cpu_time();
    if (worker->server_cpu_time()) outcome.server_cpu_time = worker->server_cpu_time();
    most = std::max(most, worker->cpu_time());
  }
  if (outcome.elapsed.count() > 0) {
    outcome.busiest_share = static_cast<double>(most.count()) / static_cast<double>(outcome.elapsed.count());
  }
  return outcome;
}

// Runs the load. The error is a sentence.
std::expected<load::Outcome, std::string> run(const Options& options, const load::Plan& plan, int signals) {
  Watch watch(!options.quiet, signals);
  std::vector<std::unique_ptr<load::Worker>> workers;
  std::optional<std::string> problem;
  for (unsigned i = 0; i < plan.threads && !problem; ++i) {
    const int cpu = options.first_cpu < 0 ? -1 : options.first_cpu + static_cast<int>(i);
    auto worker = std::make_unique<load::Worker>(plan, i, cpu, [&watch] { watch.note_end(); });
    problem = worker->start();
    if (!problem) workers.push_back(std::move(worker));
  }
  if (problem) {
    for (auto& worker : workers) worker->interrupt();
  }
  const bool is_interrupted = watch.wait(workers);
  for (auto& worker : workers) worker->join();
  if (problem) return std::unexpected(*problem);
  return sum_up(options, plan, is_interrupted, workers);
}

bool write_json(const Options& options, const std::string& text) {
  if (options.json_file.empty()) return true;
  if (options.json_file == "-") return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  std::ofstream file(options.json_file);
  file << text;
  file.close();
  return !file.fail();
}

// A descriptor that becomes readable with SIGINT and SIGTERM, which do nothing else from here on.
int catch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

int report(const load::Outcome& outcome) {
  const Options& options = outcome.options;
  if (options.json_file != "-") std::fputs(load::text_report(outcome).c_str(), stdout);
  if (!write_json(options, load::json_report(outcome))) return fail("cannot write '" + options.json_file + "'");
  return outcome.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  std::expected<Options, std::string> options = load::parse_options(arguments);
  if (!options) return fail(options.error());
  if (options->help_wanted || options->version_wanted) {
    std::fputs((options->help_wanted ? load::usage() : "sluice-load " SLUICE_VERSION "\n").c_str(), stdout);
    return 0;
  }
  if (!options->url_file.empty()) {
    if (auto problem = read_url_file(*options)) return fail(*problem);
  }
  const std::expected<Targets, std::string> targets = find_targets(*options);
  if (!targets) return fail(targets.error());
  const std::uint64_t descriptors = options->connections + descriptors_for_each_thread * options->threads;
  if (auto reason = runtime::unmet_requirement(runtime::read_host_facts(), descriptors)) return fail(*reason);
  (void)runtime::raise_descriptor_limit();

  const load::Plan plan = make_plan(*options, *targets);
  // Before the threads start, so that they inherit it.
  const int signals = catch_signals();
  if (signals < 0) return fail("cannot watch for signals");
  const std::expected<load::Outcome, std::string> outcome = run(*options, plan, signals);
  if (!outcome) return fail(outcome.error());
  return report(*outcome);
}
