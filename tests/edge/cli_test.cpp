#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/doctor.h"
#include "edge/cli/edge_command.h"
#include "edge/control/control.h"
#include "edge/history/history.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::edge {
namespace {

using nlohmann::json;

// Words to an agent that answers what the test wants.
class EdgeCli : public testing::Test {
 protected:
  EdgeCli() {
    EXPECT_TRUE(write_file(folder_ / "edge.toml",
                           "edge = \"press-07\"\nrun_dir = \"" + folder_.path().string() +
                               "\"\ndata_dir = \"" + folder_.path().string() + "\"\n"));
    control::Handlers h;
    h.status = [this] { return status_.dump(); };
    h.series = [this] { return json{{"v", 1}, {"series", series_}}.dump(); };
    h.release = [this](const std::string& series) {
      return series == "line1/power" ? release_.dump() : control::failure("it is nobody's");
    };
    h.buffer = [] { return std::string(R"({"v":1})"); };
    h.quarantine = [this](std::size_t) { return quarantine_.dump(); };
    h.history = [this] {
      ++history_asked_;
      if (history_) {
        EXPECT_TRUE(history_->commit());
      }
      return std::string(R"({"v":1,"kept":true})");
    };
    auto opened = control::Control::open(folder_ / "edge.sock", std::move(h), tap_);
    EXPECT_TRUE(opened) << opened.error().text();
    if (opened) control_ = std::move(*opened);
  }
  int run(std::vector<std::string> words) {
    words.insert(words.end(), {"--config", (folder_ / "edge.toml").string()});
    output_.text.clear();
    output_.errors.clear();
    return run_cli(words, output_);
  }

  test::TemporaryFolder folder_;
  pipeline::TapHub tap_;
  json status_ = {{"v", 1},
                  {"rss_bytes", 1},
                  {"sources", {{{"name", "floor"}, {"protocol", "mqtt"}, {"state", "connecting"},
                                {"error", "connection refused"}}}},
                  {"uplink", {{"state", "up"}, {"gateway", "gw1:7443"}}},
                  {"ring", {{"error", nullptr}, {"bytes", 1}, {"blocks_evicted", 0}}},
                  {"clock", {{"state", "good"}}}};
  json series_ = json::array();
  json release_;
  json quarantine_;
  int history_asked_ = 0;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<control::Control> control_;
  cli::TextOutput output_;
};

class HistoryCli : public EdgeCli {
 protected:
  HistoryCli() {
    auto opened = history::History::open({.folder = folder_.path()}, clock_);
    EXPECT_TRUE(opened);
    history_ = std::move(opened).value();
    for (std::int64_t s = 0; s < 3; ++s) {
      history::Window w;
      w.series = "press-07/line1/power";
      w.unit = "W";
      w.type = "tumbling";
      w.start = count_ns(clock_.wall()) + s * 1'000'000'000;
      w.end = w.start + 1'000'000'000;
      w.cut = s == 0;
      w.values = R"({"mean":21.5,"time_in_state":{"RUN":0.75}})";
      history_->add(w);
    }
    history::Event e;
    e.id = 1;
    e.series = "press-07/line1/power";
    e.unit = "W";
    e.cause = "spike";
    e.detector = "spike, 64 readings, 5 sigmas";
    e.text = "spike: 98.2, expected about 21.4 (score 3.10)";
    e.time = clock_.wall();
    e.value = 98.2;
    e.expected = 21.4;
    e.score = 3.1;
    e.context = true;
    history_->add(e);
  }
  ManualClock clock_{event_time(1'790'000'000'000'000'000)};
};

TEST_F(HistoryCli, ShowsWhatWaitsInTheAgentAndWhatIsInTheFile) {
  EXPECT_EQ(run({"series", "history", "line1/*"}), kExitOk);
  EXPECT_EQ(history_asked_, 1);
  EXPECT_EQ(output_.text,
            "start                 end                   mean  time_in_state  unit  remarks\n"
            "2026-09-21T14:13:20Z  2026-09-21T14:13:21Z  21.5     RUN 0.75 s  W     cut\n"
            "2026-09-21T14:13:21Z  2026-09-21T14:13:22Z  21.5     RUN 0.75 s  W\n"
            "2026-09-21T14:13:22Z  2026-09-21T14:13:23Z  21.5     RUN 0.75 s  W\n");
  control_.reset();  // no agent
  history_.reset();
  EXPECT_EQ(run({"series", "history", "--from", "2026-09-21T14:13:22Z", "--json"}), kExitOk);
  const auto told = json::parse(output_.text);
  ASSERT_EQ(told["windows"].size(), 1u);
  EXPECT_EQ(told["windows"][0]["values"]["mean"], 21.5);
  EXPECT_EQ(told["windows"][0]["series"], "press-07/line1/power");
  EXPECT_EQ(run({"series", "history", "line1/powr"}), kExitNoInput);
  EXPECT_NE(output_.errors.find("did you mean 'line1/power'?"), std::string::npos);
  EXPECT_EQ(run({"series", "history", "--to", "2020-01-01"}), kExitOk);
  EXPECT_EQ(output_.errors, "no windows in this time: those that are kept go from "
                            "2026-09-21T14:13:20Z to 2026-09-21T14:13:23Z\n");
  EXPECT_EQ(run({"series", "history", "--from", "yesterday"}), kExitUsage);
}

TEST_F(HistoryCli, EventsAreListedExplainedAndAcknowledged) {
  EXPECT_EQ(run({"event", "list"}), kExitOk);
  EXPECT_NE(output_.text.find("1  2026-09-21T14:13:20Z  press-07/line1/power  raised, open  spike: "
                              "98.2"),
            std::string::npos)
      << output_.text;
  EXPECT_EQ(run({"event", "explain", "1"}), kExitOk);
  for (const char* words : {"score 3.10", "detector: spike, 64 readings, 5 sigmas",
                            "sent on the alarm lane", "RUN 0.75 s"}) {
    EXPECT_NE(output_.text.find(words), std::string::npos) << words << "\n" << output_.text;
  }
  EXPECT_EQ(run({"event", "ack", "1", "--by", "ana", "--note", "a loose wire"}), kExitOk);
  EXPECT_EQ(output_.text, "event 1 is acknowledged by ana\n");
  EXPECT_EQ(run({"event", "list"}), kExitOk);
  EXPECT_NE(output_.text.find("raised, acked by ana"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"event", "list", "--open"}), kExitOk);
  EXPECT_EQ(output_.text, "no events\n");
  EXPECT_EQ(run({"event", "explain", "1", "--json"}), kExitOk);
  const auto told = json::parse(output_.text);
  EXPECT_EQ(told["v"], 1);
  EXPECT_EQ(told["acked_by"], "ana");
  EXPECT_EQ(told["note"], "a loose wire");
  EXPECT_EQ(told["windows"].size(), 3u);
  EXPECT_EQ(run({"event", "ack", "9"}), kExitNoInput);
  EXPECT_EQ(output_.errors, "error: there is no event 9; the newest is 1\n"
                            "  try: tidemark event list\n");
  EXPECT_EQ(run({"event", "explain", "x"}), kExitUsage);
}

TEST_F(HistoryCli, AnEventThatHasEndedIsOpenUntilSomebodyHasSeenIt) {
  auto limit = history::Event{};
  limit.id = 2;
  limit.series = "press-07/line1/power";
  limit.cause = "hi";
  limit.text = "hi: 7000, above 6200";
  limit.time = clock_.wall();
  history_->add(limit);
  limit.clears = true;
  history_->add(limit);
  EXPECT_EQ(run({"event", "list", "--open"}), kExitOk);
  EXPECT_NE(output_.text.find("cleared, open"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"event", "ack", "2", "--by", "ana"}), kExitOk);
  EXPECT_EQ(run({"event", "list", "--open"}), kExitOk);
  EXPECT_EQ(output_.text.find("hi: 7000"), std::string::npos) << output_.text;
}

TEST_F(HistoryCli, ATapOfWindowsKnowsTheNamesOfTheHistoryToo) {
  ASSERT_TRUE(history_->commit());
  EXPECT_EQ(run({"tap", "line1/power", "--windows", "--for", "1ms"}), kExitOk);
  EXPECT_EQ(run({"tap", "line1/powr", "--events", "--for", "1ms"}), kExitNoInput);
  EXPECT_NE(output_.errors.find("did you mean 'line1/power'?"), std::string::npos);
}

TEST_F(HistoryCli, HelpSaysWhatEachRemarkMeans) {
  for (const auto& words : {std::vector<std::string>{"series", "history", "--help"},
                            std::vector<std::string>{"tap", "--help"}}) {
    output_.text.clear();
    EXPECT_EQ(run_cli(words, output_), kExitOk);
    for (const char* remark : {"revision N", "cut", "approximate", "withdrawn"}) {
      EXPECT_NE(output_.text.find(std::string("\n  ") + remark + " "), std::string::npos)
          << output_.text;
    }
  }
}

TEST_F(HistoryCli, WhatIsShelvedIsNotListedUntilItsTime) {
  EXPECT_EQ(run({"event", "shelve", "1", "--for", "8h", "--by", "ana"}), kExitOk);
  EXPECT_NE(output_.text.find("spike of press-07/line1/power is put aside until"),
            std::string::npos) << output_.text;
  EXPECT_EQ(run({"event", "list"}), kExitOk);
  EXPECT_EQ(output_.text, "no events\n");
  EXPECT_EQ(run({"event", "list", "--shelved"}), kExitOk);
  EXPECT_NE(output_.text.find("by ana"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"event", "shelve", "1", "--for", "0s"}), kExitOk);
  EXPECT_EQ(run({"event", "list", "--json"}), kExitOk);
  EXPECT_TRUE(json::parse(output_.text)["events"][0]["shelved"].is_null());
  EXPECT_EQ(run({"event", "shelve", "1", "--for", "30d"}), kExitBadData);
  EXPECT_EQ(run({"event", "shelve", "1", "--for", "soon"}), kExitUsage);
  EXPECT_EQ(run({"event", "shelve", "9"}), kExitNoInput);
}

TEST_F(EdgeCli, AHistoryThatIsNotThereIsSaid) {
  EXPECT_EQ(run({"event", "list"}), kExitNoInput);
  EXPECT_NE(output_.errors.find("no history in"), std::string::npos) << output_.errors;
}

TEST_F(EdgeCli, TapAsksForItsKinds) {
  const auto after = [this](const char* kind) {
    std::thread speaker([this] {
      while (!tap_.listening(pipeline::TapKind::windows)) std::this_thread::yield();
      tap_.publish(pipeline::TapKind::readings, "line1/power", R"({"series":"reading"})");
      tap_.publish(pipeline::TapKind::windows, "e/line1/power",
                   R"({"type":"window","series":"e/line1/power","start":"S","end":"E",)"
                   R"("values":{"mean":2},"revision":1,"cut":true})");
    });
    const int code = run({"tap", "line1/*", kind, "--count", "1"});
    speaker.join();
    return code;
  };
  EXPECT_EQ(after("--windows"), kExitOk);
  EXPECT_NE(output_.text.find("window to E  {\"mean\":2}  revision 1, cut\n"), std::string::npos)
      << output_.text;
}

TEST_F(EdgeCli, ATapOfASeriesThatThereIsNotSaysSo) {
  for (const char* name : {"e/line2/power", "e/line1/power"}) {
    series_.push_back({{"series", name}, {"readings", 1}});
  }
  EXPECT_EQ(run({"tap", "line1/powr", "--for", "1ms"}), kExitNoInput);
  EXPECT_EQ(output_.errors, "note: no series 'line1/powr' was heard since the start of the agent "
                            "(is it 'line1/power'?); waiting for it\n0 lines, 0 lost\n"
                            "error: no such series 'line1/powr', did you mean 'line1/power'?\n"
                            "  try: tidemark series list\n");
  std::atomic<bool> heard{false};
  std::thread speaker([&] {  // more than once: the tap before may be listening still
    while (!heard) {
      tap_.publish(pipeline::TapKind::readings, "line9/power",
                   R"({"series":"line9/power","value":1})");
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(run({"tap", "line9/power", "--count", "1"}), kExitOk) << "its first reading";
  heard = true;
  speaker.join();
  EXPECT_NE(output_.text.find("line9/power"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"tap", "line1/*", "--for", "1ms"}), kExitOk);
  EXPECT_EQ(output_.errors, "0 lines, 0 lost\n");
}

TEST_F(EdgeCli, SeriesOfOneNameAreToldApart) {
  const auto add = [this](const char* type, int exponent) {
    series_.push_back({{"series", "e/line1/power"}, {"source", "floor"}, {"unit", "W"},
                       {"type", type}, {"exponent", exponent}, {"readings", 7u}, {"last", "T"}});
  };
  add("number", 0);
  add("decimal", -1);
  EXPECT_EQ(run({"series", "list"}), kExitOk);
  EXPECT_EQ(output_.text, "series         type         unit  source  readings  last\n"
                          "e/line1/power  number       W     floor          7  T\n"
                          "e/line1/power  decimal 0.1  W     floor          7  T\n");
}

TEST_F(EdgeCli, AReleaseSaysWhoseTheSeriesWasAndIs) {
  release_ = {{"v", 1}, {"series", "e/line1/power"}, {"was", "topic a"}, {"last", nullptr},
              {"now", "topic b"}};
  EXPECT_EQ(run({"series", "release", "line1/power"}), kExitOk);
  EXPECT_EQ(output_.text, "e/line1/power was of topic a, not heard since the agent's start\n"
                          " it is of topic b now\n");
  release_["last"] = "T";
  release_["now"] = nullptr;
  EXPECT_EQ(run({"series", "release", "line1/power"}), kExitOk);
  EXPECT_EQ(output_.text, "e/line1/power was of topic a, last heard T\n"
                          " nobody else has sent it: it is of the next that does\n");
  EXPECT_EQ(run({"series", "release", "line1/powr"}), kExitBadData);
  EXPECT_EQ(output_.errors, "error: it is nobody's\n");
  EXPECT_EQ(run({"series", "release"}), kExitUsage);
}

TEST_F(EdgeCli, DoctorWarnsOfWaysThatAreNotKnown) {
  status_["ways_error"] = "series.ways is damaged";
  EXPECT_EQ(run({"doctor"}), kExitProblems);
  EXPECT_NE(output_.text.find("series.ways is damaged"), std::string::npos) << output_.text;
}

TEST_F(EdgeCli, DoctorTellsWhatTheFrontProgramReads) {
  EXPECT_EQ(run({"doctor", "--json"}), kExitProblems);
  const auto checks = cli::parse_checks(output_.text);
  ASSERT_TRUE(checks.ok()) << output_.text;
  ASSERT_EQ(checks->size(), 5u);
  EXPECT_EQ(checks->at(1).name, "source floor");
  EXPECT_EQ(checks->at(1).state, cli::CheckState::fail);
  EXPECT_EQ(checks->at(1).text, "connecting: connection refused");
  EXPECT_EQ(checks->at(1).next, "tidemark edge status");
  control_.reset();
  EXPECT_EQ(run({"doctor"}), kExitProblems);
  EXPECT_NE(output_.text.find("FAIL  agent"), std::string::npos) << output_.text;
  EXPECT_NE(output_.text.find("try: systemctl start tidemark-edge"), std::string::npos);
}

TEST_F(EdgeCli, AConfigurationThatIsNotThereIsNotGuessedAround) {
  for (const char* command : {"edge status", "profile list", "modbus read --tcp h:1", "tap"}) {
    std::vector<std::string> words;
    for (const auto word : split(command, ' ')) words.emplace_back(word);
    words.insert(words.end(), {"--config", "/nosuch"});
    EXPECT_EQ(run_cli(words, output_), kExitNoInput) << command;
    EXPECT_EQ(output_.errors, "error: /nosuch: no such file\n");
    output_.errors.clear();
  }
}

// Presets instead of what it says would be another agent's socket and history.
TEST_F(EdgeCli, AConfigurationThatCannotBeReadIsNotGuessedAround) {
  const auto file = folder_ / "edge.toml";
  const auto good = read_file(file, 1000).value();
  const std::vector<std::vector<std::string>> commands = {
      {"edge", "status"}, {"edge", "clock"}, {"edge", "reload"},       {"tap"},
      {"series", "list"}, {"series", "history"}, {"event", "list"},    {"buffer", "status"},
      {"enroll", "x"},    {"profile", "list"}, {"profile", "show", "eastron-sdm630"},
      {"profile", "scan", "--tcp", "127.0.0.1:1"}, {"modbus", "read", "--tcp", "127.0.0.1:1"}};
  for (const auto& [text, where] :
       {std::pair(good + "site = \"plant7\n", "edge.toml:4:"),
        std::pair(std::string("edge = \"e\"\nrun_dir = 5\n"), "edge.toml:2:11: error: run_dir: "),
        std::pair(good + "[ring]\nsize = 1\nsize = 2\n", "edge.toml:6:")}) {
    ASSERT_TRUE(write_file(file, text));
    for (const auto& words : commands) {
      EXPECT_EQ(run(words), kExitConfig) << words[0] << " " << words.back();
      EXPECT_NE(output_.errors.find(where), std::string::npos) << output_.errors;
      EXPECT_NE(output_.errors.find("try: mend it, then tidemark config check"), std::string::npos);
      EXPECT_EQ(output_.text, "");
    }
    EXPECT_EQ(run({"doctor", "--json"}), kExitProblems);
    const auto checks = cli::parse_checks(output_.text);
    ASSERT_TRUE(checks.ok()) << output_.text;
    EXPECT_EQ(checks->at(0).name, "configuration");
    EXPECT_NE(checks->at(0).text.find(where), std::string::npos) << checks->at(0).text;
    EXPECT_EQ(checks->at(0).text.find('\n'), std::string::npos);
  }
  ASSERT_TRUE(write_file(file, good + "no_such_key = 1\n"));
  EXPECT_EQ(run({"series", "list"}), kExitOk) << "it still says where the agent is";
}

// One wrong line in the file of an agent that runs must not hide what it does.
TEST_F(HistoryCli, AnAgentThatRunsIsFoundUnderABrokenFileThatIsItsOwn) {
  const auto file = folder_ / "edge.toml";
  const auto good = read_file(file, 1000).value();
  status_["config"] = {{"state", "changed on disk"},
                       {"file", file.string()},
                       {"data_dir", folder_.path().string()}};
  for (const auto& [text, where] :
       {std::pair(good + "site = \"plant7\n", ":4:"),
        std::pair("labels = { a = \n" + good + "topics = [\"a\",\n\n", ":1:"),
        std::pair(good + "site = \"${TIDEMARK_TEST_NO_SUCH}\"\n", ":4:")}) {
    ASSERT_TRUE(write_file(file, text));
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"edge", "status", "--json"}, {"series", "list"}, {"buffer", "status", "--json"},
             {"series", "history"}, {"event", "list"}, {"tap", "--for", "1ms"}}) {
      const int code = run(words);
      EXPECT_TRUE(code == kExitOk || code == kExitDegraded) << words[0] << " " << code;
      EXPECT_EQ(output_.errors.find("warning: " + file.string() + where), 0u) << output_.errors;
      EXPECT_NE(output_.errors.find("this is of the agent as it runs\n"), std::string::npos);
    }
    EXPECT_EQ(run({"edge", "reload"}), kExitConfig) << "it has to read the file";
    EXPECT_EQ(run({"profile", "list"}), kExitConfig);
    EXPECT_EQ(run({"doctor", "--json"}), kExitProblems);
    const auto checks = cli::parse_checks(output_.text);
    ASSERT_TRUE(checks.ok()) << output_.text;
    EXPECT_EQ(checks->at(0).name, "configuration");
    EXPECT_EQ(checks->at(0).text.find(file.string() + where), 0u) << checks->at(0).text;
    EXPECT_EQ(checks->at(1).name, "agent");
    EXPECT_EQ(checks->at(1).state, cli::CheckState::ok);
  }
  ASSERT_TRUE(write_file(file, good + "no_such_key = 1\n"));
  run({"edge", "status", "--json"});
  EXPECT_EQ(output_.errors.find("warning: " + file.string() + ":4:"), 0u) << output_.errors;
  EXPECT_EQ(run({"doctor", "--json"}), kExitProblems);
  EXPECT_EQ(cli::parse_checks(output_.text)->at(0).name, "configuration");
  ASSERT_TRUE(write_file(file, "labels = { a = \n"));
  status_["config"]["file"] = "/etc/tidemark/edge.toml";
  EXPECT_EQ(run({"edge", "status"}), kExitConfig) << "an agent of another file";
}

TEST_F(EdgeCli, ASocketThatIsNamedNeedsNoFile) {
  const auto socket = (folder_ / "edge.sock").string();
  std::filesystem::remove(folder_ / "edge.toml");
  EXPECT_EQ(run({"series", "list"}), kExitNoInput);
  EXPECT_EQ(run({"series", "list", "--socket", socket}), kExitOk) << output_.errors;
  EXPECT_EQ(run({"tap", "--socket", socket, "--for", "1ms"}), kExitOk) << output_.errors;
  control_.reset();
  EXPECT_EQ(run({"series", "list", "--socket", socket}), kExitUnreachable);
}

TEST_F(EdgeCli, PathsCountFromTheConfigurationsFolder) {
  ASSERT_TRUE(write_file(folder_ / "edge.toml",
                         "edge = \"press-07\"\nrun_dir = \".\"\ndata_dir = \"data\"\n"));
  EXPECT_EQ(run({"series", "list"}), kExitOk) << output_.errors;
  EXPECT_EQ(run({"event", "list"}), kExitNoInput);
  EXPECT_NE(output_.errors.find((folder_ / "data").string()), std::string::npos)
      << output_.errors;
}

TEST_F(EdgeCli, StatusTellsTheTierItsReasonAndWhatIsSpentOfTheBudget) {
  status_["uplink"]["bytes_per_reading"] = nullptr;
  status_["ring"]["oldest"] = nullptr;
  status_["ledger"] = json::object();
  status_["uplink"]["tier"] = {
      {"now", "standard"}, {"why", "dense took 16.9 % of a CPU"}, {"cpu_share", 0.031}};
  status_["uplink"]["budget"] = {{"bytes_a_day", 50 << 20}, {"spent", 1 << 20}};
  EXPECT_EQ(run({"edge", "status"}), kExitDegraded);  // a source is not connected
  EXPECT_NE(output_.text.find("packs standard (dense took 16.9 % of a CPU)   3.1 % of a CPU\n"),
            std::string::npos)
      << output_.text;
  EXPECT_NE(output_.text.find("1 MiB of 50 MiB a day are spent\n"), std::string::npos)
      << output_.text;
}

TEST_F(EdgeCli, WithoutAnUplinkReadingsAreKeptHereAndThatIsNoFault) {
  status_["sources"][0]["state"] = "ok";
  status_["sources"][0]["error"] = nullptr;
  status_["uplink"] = {{"state", "off"}, {"gateway", ""}, {"bytes_per_reading", nullptr},
                       {"error", nullptr}};
  status_["ring"] = {{"error", nullptr},         {"bytes", 12 << 20},
                     {"size", 256 << 20},        {"oldest", nullptr},
                     {"blocks_pending", 1},      {"size_configured", 256 << 20},
                     {"time_left_s", nullptr},   {"time_left_over_s", nullptr}};
  status_["ledger"] = json::object();
  status_["rejected_messages"] = 1;
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  for (const char* line :
       {" buffer   12 MiB of 256 MiB   1 block waiting   oldest -\n"
        "          room for 244 MiB more; for how long can be told after a minute\n",
        " uplink   none configured: readings are kept here only, while there is room\n",
        " refused  1 message since the start, or parts of them: one can have several reasons   "
        "look at them: tidemark edge quarantine\n"}) {
    EXPECT_NE(output_.text.find(line), std::string::npos) << output_.text;
  }
  status_["ring"]["time_left_over_s"] = 600.2;
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  EXPECT_NE(output_.text.find("room for 244 MiB more; nothing came in the last 10 min\n"),
            std::string::npos) << output_.text;
  status_["ring"]["time_left_s"] = 16'200;
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  EXPECT_NE(output_.text.find("room for 244 MiB more: at least 4.5 h if nothing is sent, at the "
                              "rate of the last 10 min\n"),
            std::string::npos) << output_.text;
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_NE(output_.text.find("none configured: readings are kept here only"), std::string::npos)
      << output_.text;
  std::filesystem::create_directory(folder_ / "identity");
  ASSERT_TRUE(write_file(folder_.path() / "identity" / "identity.pem", "x"));
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_NE(output_.text.find("WARN  uplink        enrolled, but uplink.gateway is empty"),
            std::string::npos) << output_.text;
  status_["config"]["state"] = "changed on disk";
  status_["sources"][0]["rejected"] = {{"two ways to one series", 12}};
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_NE(output_.text.find("changed on disk, and not in force"), std::string::npos);
  EXPECT_NE(output_.text.find("refused since the start: 12x two ways to one "
                              "series"), std::string::npos) << output_.text;
  status_["sources"][0]["state"] = "failing";
  EXPECT_EQ(run({"edge", "status"}), kExitDegraded);
}

TEST_F(EdgeCli, StatusAndDoctorSayThatEventsCameFasterThanTheyGoUp) {
  status_["uplink"]["bytes_per_reading"] = nullptr;
  status_["ring"]["oldest"] = nullptr;
  status_["ledger"] = json::object();
  status_["sources"][0]["state"] = "ok";
  status_["sources"][0]["error"] = nullptr;
  status_["events"] = {{"sent", 1203}, {"skipped", 0}};
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  EXPECT_EQ(output_.text.find("1203"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_EQ(output_.text.find("events"), std::string::npos) << output_.text;
  status_["events"]["skipped"] = 450;
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  EXPECT_NE(output_.text.find(" events   1203 were sent, 450 were not: they came faster than 100 a "
                              "second   look at them here: tidemark event list\n"),
            std::string::npos) << output_.text;
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_NE(output_.text.find("WARN  events        1203 were sent, 450 were not"),
            std::string::npos) << output_.text;
}

TEST_F(EdgeCli, StatusNamesDevicesThatAreAwayAndWhyMessagesAreRefused) {
  status_["uplink"]["bytes_per_reading"] = nullptr;
  status_["ring"]["oldest"] = nullptr;
  status_["ledger"] = json::object();
  auto& floor = status_["sources"][0];
  floor["state"] = "ok";
  floor["error"] = nullptr;
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  floor["rejected"] = {{"JSON is malformed", 3}, {"message has no time", 1}};
  EXPECT_EQ(run({"edge", "status"}), kExitOk);
  EXPECT_NE(output_.text.find("refused since the start: 3x JSON is malformed, 1x message has no "
                              "time\n"),
            std::string::npos)
      << output_.text;
  for (int i = 0; i < 12; ++i) {
    floor["away"].push_back({{"device", "plug" + std::to_string(i)},
                             {"since", "2026-11-21T20:00:00Z"},
                             {"reason", "'tele/plug/LWT' says 'Offline'"}});
  }
  EXPECT_EQ(run({"edge", "status"}), kExitDegraded);
  EXPECT_NE(output_.text.find("away: plug0 since 2026-11-21T20:00:00Z: 'tele/plug/LWT' says"),
            std::string::npos)
      << output_.text;
  EXPECT_NE(output_.text.find("away: 2 more; --json names all\n"), std::string::npos);
}

TEST_F(EdgeCli, DoctorWarnsOfTheNoteOfASourceThatWorks) {
  status_["sources"][0]["state"] = "ok";
  status_["sources"][0]["error"] = "at T the broker gave about 50 messages at once";
  EXPECT_EQ(run({"doctor"}), kExitOk);
  EXPECT_NE(output_.text.find("WARN  source floor  at T the broker gave about 50 messages"),
            std::string::npos) << output_.text;
}

TEST_F(EdgeCli, HelpOfSeriesNamesWhatTheCloudHas) {
  EXPECT_EQ(run_cli({"series", "--help"}, output_), kExitOk);
  EXPECT_NE(output_.text.find("tidemark series swap-meter"), std::string::npos) << output_.text;
}

TEST_F(EdgeCli, SeriesComeInOrderAndNoneIsSaid) {
  EXPECT_EQ(run({"series", "list"}), kExitOk);
  EXPECT_EQ(output_.text, "");
  EXPECT_EQ(output_.errors, "no series yet: nothing was read\n  try: tidemark edge status\n");
  for (const char* name : {"e/line2/power", "e/line1/power"}) {
    series_.push_back({{"series", name}, {"readings", 1}});
  }
  EXPECT_EQ(run({"series", "list"}), kExitOk);
  EXPECT_LT(output_.text.find("line1"), output_.text.find("line2")) << output_.text;
  EXPECT_EQ(run({"series", "list", "line1/powr"}), kExitNoInput);
  EXPECT_EQ(output_.errors, "error: no such series 'line1/powr', did you mean 'line1/power'?\n"
                            "  try: tidemark series list\n");
}

TEST_F(EdgeCli, QuarantineEndsWithTheCountsByReason) {
  quarantine_ = {{"v", 1},
                 {"items", {{{"time", "t"}, {"source", "floor"}, {"topic", "x"}, {"readings", 1},
                             {"reason", "not JSON: at byte 3"}}}},
                 {"reasons", {{{"reason", "not JSON"}, {"items", 12}, {"readings", 0}}}}};
  EXPECT_EQ(run({"edge", "quarantine"}), kExitOk);
  EXPECT_NE(output_.text.find("not JSON: at byte 3\nsince the first start of this agent:\n"
                              "12x, 0 readings: not JSON\n"),
            std::string::npos)
      << output_.text;
}

}  // namespace
}  // namespace tidemark::edge
