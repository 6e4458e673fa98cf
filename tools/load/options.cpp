#include "options.hpp"

#include <array>
#include <chrono>

#include "base/ascii.hpp"
#include "http/bytes.hpp"
#include "limits.hpp"

namespace sluice::load {
namespace {

constexpr std::string_view description =
    R"(usage: sluice-load [options] URL...

Puts load on an HTTP/1.1 server and says how long its answers took.

  URL                        http://host[:port][/path][?query]. Several make a mix, in which '3@URL' comes three times
                             as often as 'URL'. All of them must lead to one address
  --urls FILE                more of them, one in each line

  -c, --connections N        to the server, over all threads (10)
  -t, --threads N            each with its own event loop (1)
      --cpu N                pin the threads to the CPUs from N on
      --server PID           also say what CPU time that process and its children use for each response
  -d, --duration TIME        how long, such as 500ms, 10s, 2m (10s, or as long as -n takes)
  -n, --requests N           how many; with -d, whichever comes first
      --warm-up TIME         load before that, of which nothing is counted (0s)
  -R, --rate N               open loop: N requests a second are due at fixed moments, however long the answers take, and
                             a latency is counted from the moment when its request was due. Without it, closed loop:
                             each connection sends its next request when it has the answer to the one before
      --pipeline N           requests under way on a connection at once (1)
      --no-keep-alive        a connection for each request
      --timeout TIME         for a connect, and for each answer from its send on (5s)
      --connect ADDRESS      connect there, whatever the URLs say: 127.0.0.1:8080, [::1]:8080, unix:/run/x.sock, unix:@x

  -m, --method NAME          GET, or POST with a body
  -b, --body-bytes N         of each request; N may end in K or M. The bytes are those of sluice-origin's pattern
  -H, --header 'Name: value' may be repeated; Host takes the place of the URL's

      --verify               hold each body against the X-Checksum of its head, as sluice-origin sends it
      --expect-bytes N       hold the length of each body against this
      --allow-errors         errors do not make the exit status 1

      --json FILE            also write the result there; '-': to standard output, instead of the text
  -q, --quiet                no progress on standard error
  -h, --help
  -V, --version

Errors are counted by kind: connect, refused, timeout, closed, reset, malformed, status (not 2xx or 3xx), body.
SIGINT and SIGTERM end the load early; the result is then of what was done.
Exit: 0 there were responses and no error, 1 there were errors or no response, 2 could not start.
)";

std::optional<unsigned> parse_number(std::string_view text, std::uint64_t low, std::uint64_t high) {
  const std::optional<std::uint64_t> value = ascii::parse_decimal(text);
  if (!value || *value < low || *value > high) return std::nullopt;
  return static_cast<unsigned>(*value);
}

template <class Value>
bool keep(const std::optional<Value>& value, auto& out) {
  if (value) out = *value;
  return value.has_value();
}

bool set_connections(Options& o, std::string_view v) {
  return keep(parse_number(v, 1, connections_max), o.connections);
}
bool set_threads(Options& o, std::string_view v) { return keep(parse_number(v, 1, threads_max), o.threads); }
bool set_cpu(Options& o, std::string_view v) {
  const std::optional<unsigned> cpu = parse_number(v, 0, cpu_max);
  o.first_cpu = static_cast<int>(cpu.value_or(0));
  return cpu.has_value();
}
bool set_server(Options& o, std::string_view v) {
  const std::optional<unsigned> process = parse_number(v, 1, process_max);
  o.server = static_cast<int>(process.value_or(0));
  return process.has_value();
}
bool set_pipeline(Options& o, std::string_view v) { return keep(parse_number(v, 1, pipeline_max), o.pipeline); }
bool set_rate(Options& o, std::string_view v) { return keep(parse_number(v, 1, rate_max), o.rate); }
bool set_duration(Options& o, std::string_view v) {
  o.duration = parse_duration(v);
  return o.duration.has_value();
}
bool set_warm_up(Options& o, std::string_view v) { return v == "0" || v == "0s" || keep(parse_duration(v), o.warm_up); }
bool set_timeout(Options& o, std::string_view v) { return keep(parse_duration(v), o.timeout); }
bool set_requests(Options& o, std::string_view v) {
  return keep(ascii::parse_decimal(v), o.requests) && o.requests > 0;
}
bool set_body(Options& o, std::string_view v) {
  o.has_body = true;
  return keep(parse_size(v), o.body_bytes) && o.body_bytes <= body_bytes_max;
}
bool set_expected(Options& o, std::string_view v) {
  o.expected_bytes = parse_size(v);
  return o.expected_bytes.has_value();
}
bool set_method(Options& o, std::string_view v) {
  o.method = v;
  return http::is_token(v) && v != "CONNECT";
}
bool set_header(Options& o, std::string_view v) {
  o.headers.emplace_back(v);
  return !header_problem(v);
}
bool set_text(std::string& out, std::string_view v) {
  out = v;
  return !v.empty();
}
bool set_urls(Options& o, std::string_view v) { return set_text(o.url_file, v); }
bool set_connect(Options& o, std::string_view v) { return set_text(o.connect, v); }
bool set_json(Options& o, std::string_view v) { return set_text(o.json_file, v); }

struct ValueOption {
  std::string_view name;
  std::string_view letter;  // empty where there is none
  bool (*set)(Options&, std::string_view value);
};
constexpr auto value_options = std::to_array<ValueOption>({
    {"--connections", "-c", set_connections},
    {"--threads", "-t", set_threads},
    {"--cpu", "", set_cpu},
    {"--server", "", set_server},
    {"--duration", "-d", set_duration},
    {"--requests", "-n", set_requests},
    {"--warm-up", "", set_warm_up},
    {"--rate", "-R", set_rate},
    {"--pipeline", "", set_pipeline},
    {"--timeout", "", set_timeout},
    {"--connect", "", set_connect},
    {"--method", "-m", set_method},
    {"--body-bytes", "-b", set_body},
    {"--header", "-H", set_header},
    {"--expect-bytes", "", set_expected},
    {"--urls", "", set_urls},
    {"--json", "", set_json},
});

struct Flag {
  std::string_view name;
  std::string_view letter;
  bool Options::* set;
  bool value;
};
constexpr auto flags = std::to_array<Flag>({
    {"--no-keep-alive", "", &Options::keep_alive, false},
    {"--verify", "", &Options::verify, true},
    {"--allow-errors", "", &Options::allow_errors, true},
    {"--quiet", "-q", &Options::quiet, true},
    {"--help", "-h", &Options::help_wanted, true},
    {"--version", "-V", &Options::version_wanted, true},
});

bool set_flag(std::string_view argument, Options& options) {
  for (const Flag& flag : flags) {
    if (argument != flag.name && (flag.letter.empty() || argument != flag.letter)) continue;
    options.*flag.set = flag.value;
    return true;
  }
  return false;
}

// An option with its value: "--name value", "--name=value", "-n value", "-nvalue".
struct Given {
  const ValueOption* option = nullptr;
  std::optional<std::string_view> value;  // where it is in the same argument
};
Given find_option(std::string_view argument) {
  for (const ValueOption& option : value_options) {
    if (argument == option.name || (!option.letter.empty() && argument == option.letter)) return {&option, {}};
    if (argument.starts_with(option.name) && argument.substr(option.name.size()).starts_with('=')) {
      return {&option, argument.substr(option.name.size() + 1)};
    }
    if (!option.letter.empty() && !argument.starts_with("--") && argument.starts_with(option.letter)) {
      return {&option, argument.substr(option.letter.size())};
    }
  }
  return {};
}

std::optional<std::string> contradiction(const Options& options) {
  if (options.urls.empty() && options.url_file.empty()) return "there is no URL; see --help";
  if (options.urls.size() > urls_max) return "there are more than " + std::to_string(urls_max) + " URLs";
  if (options.connections < options.threads) return "there must be a connection for each thread: raise -c or lower -t";
  if (!options.keep_alive && options.pipeline > 1) return "--pipeline and --no-keep-alive exclude each other";
  if (options.rate != 0 && options.rate < options.threads) return "--rate must be at least 1 for each thread";
  return std::nullopt;
}

void complete(Options& options) {
  if (options.method.empty()) options.method = options.has_body ? "POST" : "GET";
  if (!options.duration && options.requests == 0) options.duration = std::chrono::seconds(10);
}

}  // namespace

std::string usage() { return std::string(description); }

std::optional<Duration> parse_duration(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  const std::optional<std::uint64_t> value = ascii::parse_decimal(text.substr(0, digits));
  const std::string_view unit = digits == std::string_view::npos ? "s" : text.substr(digits);
  std::uint64_t ms = 0;
  if (unit == "ms") ms = 1;
  if (unit == "s") ms = 1000;
  if (unit == "m") ms = 60'000;
  if (unit == "h") ms = 3'600'000;
  if (!value || ms == 0 || *value == 0 || *value > duration_ms_max / ms) return std::nullopt;
  return std::chrono::milliseconds(*value * ms);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  if (text.ends_with('K')) shift = 10;
  if (text.ends_with('M')) shift = 20;
  if (shift != 0) text.remove_suffix(1);
  const std::optional<std::uint64_t> value = ascii::parse_decimal(text);
  if (!value || *value > UINT64_MAX >> shift) return std::nullopt;
  return *value << shift;
}

std::expected<Options, std::string> parse_options(std::span<const std::string_view> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (set_flag(argument, options)) continue;
    if (!argument.starts_with('-')) {
      const std::optional<WeightedUrl> url = parse_weighted(argument);
      if (!url) return std::unexpected("the weight of '" + std::string(argument) + "' is not from 1 to 1000");
      options.urls.push_back(*url);
      continue;
    }
    Given given = find_option(argument);
    if (given.option == nullptr)
      return std::unexpected("there is no option '" + std::string(argument) + "'; see --help");
    if (!given.value) {
      if (i + 1 == arguments.size()) return std::unexpected("'" + std::string(argument) + "' lacks its value");
      given.value = arguments[++i];
    }
    if (!given.option->set(options, *given.value)) {
      const std::string shown = std::string(given.option->name) + " " + std::string(*given.value);
      return std::unexpected("cannot use '" + shown + "'; see --help");
    }
  }
  if (options.help_wanted || options.version_wanted) return options;
  if (std::optional<std::string> problem = contradiction(options)) return std::unexpected(*problem);
  complete(options);
  return options;
}

}  // namespace sluice::load
