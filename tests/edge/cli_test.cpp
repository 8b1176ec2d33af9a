#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/cli/doctor.h"
#include "edge/cli/edge_command.h"
#include "edge/control/control.h"
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
    h.buffer = [] { return std::string(R"({"v":1})"); };
    h.quarantine = [this](std::size_t) { return quarantine_.dump(); };
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
  json quarantine_;
  std::unique_ptr<control::Control> control_;
  cli::TextOutput output_;
};

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
  EXPECT_EQ(run_cli({"edge", "status", "--config", "/nosuch"}, output_), kExitNoInput);
  EXPECT_EQ(output_.errors, "error: /nosuch: no such file\n");
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
  EXPECT_NE(output_.text.find("not JSON: at byte 3\n12 messages, 0 readings: not JSON\n"),
            std::string::npos)
      << output_.text;
}

}  // namespace
}  // namespace tidemark::edge
