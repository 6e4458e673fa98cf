#include "../../../tools/load/report.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

using namespace sluice;
using namespace std::chrono_literals;
using load::ErrorKind;
using load::Outcome;

namespace {

load::Options some_options() {
  load::Options options;
  options.urls = {{1, "http://a/\"x\""}, {3, "http://a/y"}};
  options.method = "GET";
  return options;
}

std::unique_ptr<Outcome> outcome_of(const load::Options& options, std::uint64_t responses) {
  std::unique_ptr<Outcome> outcome(new Outcome{.options = options, .address = "127.0.0.1:80", .tally = {}});
  outcome->elapsed = 2s;
  outcome->tally.started = outcome->tally.responses = outcome->tally.responses_in_time = responses;
  outcome->tally.responses_of_url = {responses, 0};
  for (std::uint64_t i = 0; i < responses; ++i) outcome->tally.latencies.add(1ms);
  outcome->tally.statuses[200] = responses;
  return outcome;
}

}  // namespace

TEST_CASE("load: the exit status is 0 only with responses and without an error") {
  load::Options options = some_options();
  CHECK(outcome_of(options, 1)->exit_status() == 0);
  CHECK(outcome_of(options, 0)->exit_status() == 1);
  for (std::size_t kind = 0; kind < load::error_kind_count; ++kind) {
    auto outcome = outcome_of(options, 5);
    outcome->tally.note(static_cast<ErrorKind>(kind));
    CHECK(outcome->exit_status() == 1);
    options.allow_errors = true;
    CHECK(outcome->exit_status() == 0);
    options.allow_errors = false;
  }
  options.allow_errors = true;
  CHECK(outcome_of(options, 0)->exit_status() == 1);
}

TEST_CASE("load: the texts say what was counted") {
  load::Options options = some_options();
  options.rate = 100;
  auto outcome = outcome_of(options, 50);
  outcome->tally.note(ErrorKind::timeout);
  outcome->tally.unsent = 7;
  outcome->tally.abandoned = 3;
  outcome->is_interrupted = true;
  outcome->busiest_share = 0.97;
  const std::string text = text_report(*outcome);
  for (std::string_view part :
       {"50 in 2.00 s, 25.0/s", "timeout: 1", "200: 50", "99.99 %", "7 requests were due", "3 requests were under way",
        "interrupted", "97 %", "rate of 100/s was not reached", "open loop at 100"}) {
    CAPTURE(part);
    CHECK(text.contains(part));
  }
  const std::string json = json_report(*outcome);
  for (std::string_view part :
       {"\"url\": \"http://a/\\\"x\\\"\"", "\"timeout\": 1", "\"200\": 50", "\"unsent\": 7", "\"abandoned\": 3",
        "\"interrupted\": true", "\"p99.99\": 1000.", "\"responses_per_second\": 25.000", "\"rate\": 100"}) {
    CAPTURE(part);
    CHECK(json.contains(part));
  }
}

TEST_CASE("load: a run without trouble gives no warning") {
  const load::Options options = some_options();
  const std::string text = text_report(*outcome_of(options, 50));
  CHECK_FALSE(text.contains("\n- "));
  CHECK(text.contains("errors       none"));
}

TEST_CASE("load: units") {
  CHECK(load::duration_text(Duration(999)) == "999 ns");
  CHECK(load::duration_text(Duration(1500)) == "1.5 us");
  CHECK(load::duration_text(Duration(2ms)) == "2.00 ms");
  CHECK(load::duration_text(Duration(61s)) == "61.00 s");
  CHECK(load::size_text(1023) == "1023 B");
  CHECK(load::size_text(1536) == "1.5 KiB");
  CHECK(load::size_text(5e12) == "4656.6 GiB");
}
