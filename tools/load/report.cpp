#include "report.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace sluice::load {
namespace {

constexpr std::array<double, 7> percents{50, 75, 90, 95, 99, 99.9, 99.99};
constexpr double busy_share_max = 0.9;
constexpr double rate_reached = 0.98;  // of what was asked for

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }
double microseconds(Duration duration) { return static_cast<double>(duration.count()) / 1e3; }
double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_histogram(const Histogram& histogram) {
  std::string out = fmt::format("{{\"count\": {}, \"min\": {:.3f}, \"mean\": {:.3f}, \"stddev\": {:.3f}",
                                histogram.count(), microseconds(histogram.smallest()), microseconds(histogram.mean()),
                                microseconds(histogram.deviation()));
  for (double percent : percents)
    out += fmt::format(", \"p{}\": {:.3f}", percent, microseconds(histogram.percentile(percent)));
  return out + fmt::format(", \"max\": {:.3f}}}", microseconds(histogram.largest()));
}

std::string json_settings(const Options& options) {
  std::string out = fmt::format(
      "{{\"connections\": {}, \"threads\": {}, \"pipeline\": {}, \"keep_alive\": {}, \"method\": {}, \"body_bytes\": "
      "{}, "
      "\"timeout_s\": {}, \"warm_up_s\": {}",
      options.connections, options.threads, options.pipeline, options.keep_alive, json_text(options.method),
      options.body_bytes, seconds(options.timeout), seconds(options.warm_up));
  out += options.rate != 0 ? fmt::format(", \"rate\": {}", options.rate) : ", \"rate\": null";
  out += options.duration ? fmt::format(", \"duration_s\": {}", seconds(*options.duration)) : ", \"duration_s\": null";
  out += options.requests != 0 ? fmt::format(", \"requests\": {}", options.requests) : ", \"requests\": null";
  return out + "}";
}

std::string json_urls(const Outcome& outcome) {
  std::string out;
  for (std::size_t i = 0; i < outcome.options.urls.size(); ++i) {
    const WeightedUrl& url = outcome.options.urls[i];
    out += fmt::format("{}{{\"url\": {}, \"weight\": {}, \"responses\": {}}}", i == 0 ? "" : ", ", json_text(url.url),
                       url.weight, outcome.tally.responses_of_url[i]);
  }
  return "[" + out + "]";
}

std::string json_statuses(const Tally& tally) {
  std::string out;
  for (std::size_t status = 0; status < tally.statuses.size(); ++status) {
    if (tally.statuses[status] == 0) continue;
    out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", status, tally.statuses[status]);
  }
  return "{" + out + "}";
}

std::string json_errors(const Tally& tally) {
  std::string out;
  for (std::size_t kind = 0; kind < error_kind_count; ++kind) {
    out +=
        fmt::format("{}\"{}\": {}", kind == 0 ? "" : ", ", to_string(static_cast<ErrorKind>(kind)), tally.errors[kind]);
  }
  return "{" + out + "}";
}

std::string text_counts(const Tally& tally) {
  std::string statuses;
  for (std::size_t status = 0; status < tally.statuses.size(); ++status) {
    if (tally.statuses[status] != 0) statuses += fmt::format("  {}: {}", status, tally.statuses[status]);
  }
  std::string errors;
  for (std::size_t kind = 0; kind < error_kind_count; ++kind) {
    if (tally.errors[kind] == 0) continue;
    errors += fmt::format("  {}: {}", to_string(static_cast<ErrorKind>(kind)), tally.errors[kind]);
  }
  return fmt::format("statuses   {}\nerrors     {}\n", statuses.empty() ? "  none" : statuses,
                     errors.empty() ? "  none" : errors);
}

std::string text_latencies(const Histogram& latencies) {
  std::string out = fmt::format("latency      mean {}, deviation {}, least {}\n", duration_text(latencies.mean()),
                                duration_text(latencies.deviation()), duration_text(latencies.smallest()));
  for (double percent : percents)
    out += fmt::format("  {:>7} %  {}\n", percent, duration_text(latencies.percentile(percent)));
  return out + fmt::format("      max    {}\n", duration_text(latencies.largest()));
}

// What makes the figures say less than they seem to.
std::string text_warnings(const Outcome& outcome) {
  const Tally& tally = outcome.tally;
  std::string out;
  if (outcome.options.server != 0 && !outcome.server_cpu_time) {
    out += "- the CPU time of the server is not known: it ended, or one of its threads did\n";
  }
  if (outcome.is_interrupted) out += "- interrupted: the load ended early\n";
  if (tally.abandoned != 0)
    out += fmt::format("- {} requests were under way then, and are neither answers nor errors\n", tally.abandoned);
  if (tally.unsent != 0) {
    out += fmt::format(
        "- {} requests were due and not sent by the end, because their connections still waited for other "
        "answers; how long they had waited is in the latencies\n",
        tally.unsent);
  }
  if (outcome.options.rate != 0 && outcome.per_second() < rate_reached * static_cast<double>(outcome.options.rate)) {
    out += fmt::format("- the rate of {}/s was not reached\n", outcome.options.rate);
  }
  if (outcome.busiest_share > busy_share_max) {
    out += fmt::format(
        "- a thread of sluice-load used {:.0f} % of its CPU: the figures may be its own limit (raise --threads)\n",
        outcome.busiest_share * 100);
  }
  return out;
}

}  // namespace

double Outcome::per_second() const { return ratio(static_cast<double>(tally.responses_in_time), seconds(elapsed)); }

int Outcome::exit_status() const {
  if (tally.responses == 0) return 1;
  return tally.all_errors() == 0 || options.allow_errors ? 0 : 1;
}

std::string duration_text(Duration duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.2f} ms", ns / 1e6);
  return fmt::format("{:.2f} s", ns / 1e9);
}

std::string size_text(double bytes) {
  constexpr std::array<std::string_view, 4> units{"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string text_report(const Outcome& outcome) {
  const Options& options = outcome.options;
  const Tally& tally = outcome.tally;
  std::string urls = options.urls.front().url;
  if (options.urls.size() > 1) urls += fmt::format(" and {} more", options.urls.size() - 1);
  std::string out = fmt::format("{} {} at {}\n", options.method, urls, outcome.address);
  out += fmt::format(
      "connections {}, threads {}, {}, {}{}\n", options.connections, options.threads,
      options.keep_alive ? fmt::format("{} at once on each", options.pipeline) : std::string("one request on each"),
      options.rate == 0 ? std::string("closed loop") : fmt::format("open loop at {} requests/s", options.rate),
      options.body_bytes == 0 ? std::string()
                              : fmt::format(", bodies of {}", size_text(static_cast<double>(options.body_bytes))));
  out += fmt::format("responses    {} in {:.2f} s, {:.1f}/s; {} started\n", tally.responses, seconds(outcome.elapsed),
                     outcome.per_second(), tally.started);
  out += fmt::format("bytes        received {} ({}/s), sent {}\n", size_text(static_cast<double>(tally.bytes_received)),
                     size_text(ratio(static_cast<double>(tally.bytes_received), seconds(outcome.elapsed))),
                     size_text(static_cast<double>(tally.bytes_sent)));
  out += fmt::format("connections  {} opened\n", tally.connections);
  out += text_counts(tally) + text_latencies(tally.latencies);
  if (options.rate != 0) {
    out += fmt::format("start lag    p50 {}, p99 {}, max {} (lateness of sluice-load itself)\n",
                       duration_text(tally.start_lags.percentile(50)), duration_text(tally.start_lags.percentile(99)),
                       duration_text(tally.start_lags.largest()));
  }
  out += fmt::format("own CPU      {:.2f} us for each response, busiest thread {:.0f} %\n",
                     ratio(microseconds(outcome.cpu_time), static_cast<double>(tally.responses)),
                     outcome.busiest_share * 100);
  if (outcome.server_cpu_time) {
    out += fmt::format("server CPU   {:.2f} us for each response\n",
                       ratio(microseconds(*outcome.server_cpu_time), static_cast<double>(tally.responses)));
  }
  return out + text_warnings(outcome);
}

std::string json_report(const Outcome& outcome) {
  const Tally& tally = outcome.tally;
  std::string out = "{\n";
  out += fmt::format(" \"tool\": \"sluice-load\", \"version\": \"{}\", \"address\": {},\n", SLUICE_VERSION,
                     json_text(outcome.address));
  out += fmt::format(" \"settings\": {},\n \"urls\": {},\n", json_settings(outcome.options), json_urls(outcome));
  out +=
      fmt::format(" \"interrupted\": {}, \"elapsed_s\": {:.6f},\n", outcome.is_interrupted, seconds(outcome.elapsed));
  out += fmt::format(
      " \"started\": {}, \"responses\": {}, \"abandoned\": {}, \"unsent\": {}, \"responses_per_second\": {:.3f},\n",
      tally.started, tally.responses, tally.abandoned, tally.unsent, outcome.per_second());
  out += fmt::format(" \"connections_opened\": {}, \"bytes_received\": {}, \"bytes_sent\": {},\n", tally.connections,
                     tally.bytes_received, tally.bytes_sent);
  out += fmt::format(" \"statuses\": {},\n \"errors\": {},\n", json_statuses(tally), json_errors(tally));
  out += fmt::format(" \"latency_us\": {},\n", json_histogram(tally.latencies));
  out += fmt::format(" \"start_lag_us\": {},\n", outcome.options.rate == 0 ? "null" : json_histogram(tally.start_lags));
  out += outcome.server_cpu_time ? fmt::format(" \"server_cpu_s\": {:.6f},\n", seconds(*outcome.server_cpu_time))
                                 : std::string(" \"server_cpu_s\": null,\n");
  out +=
      fmt::format(" \"own_cpu_s\": {:.6f}, \"own_cpu_us_per_response\": {:.3f}, \"busiest_thread_share\": {:.3f}\n}}\n",
                  seconds(outcome.cpu_time),
                  ratio(microseconds(outcome.cpu_time), static_cast<double>(tally.responses)), outcome.busiest_share);
  return out;
}

}  // namespace sluice::load
