#include "cloud/cli/cloud_cli.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cloud/cli/print.h"
#include "cloud/http/face.h"
#include "common/base/exit_code.h"
#include "tests/cloud/fake_store.h"

namespace tidemark::cloud_cli {
namespace {

using test::some_answer;
using test::some_edge;
using test::some_series;

constexpr const char* kPower = "press-07/line1/power_total";

// Compares with tests/golden/cloud_cli/NAME.txt; TIDEMARK_GOLDEN=write writes it instead.
void expect_golden(const std::string& name, const std::string& text) {
  const auto file = std::filesystem::path(TIDEMARK_SOURCE_DIR) / "tests/golden/cloud_cli" /
                    (name + ".txt");
  const char* mode = std::getenv("TIDEMARK_GOLDEN");
  if (mode != nullptr && std::string_view(mode) == "write") {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return;
  }
  std::ifstream in(file);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {})) << file;
}

class CloudCli : public testing::Test {
 protected:
  CloudCli() {
    store_.emit(some_answer(kPower, start_, 4802));
    store_.emit(some_answer(kPower, start_ + std::chrono::minutes(1), 4871));
    auto revised = some_answer(kPower, start_ + std::chrono::minutes(1), 4910.25);
    revised.state = answers::State::revised;
    revised.revision = 1;
    revised.cause = "late";
    revised.previous = {{"mean", 4871.0}};
    store_.emit(revised);
    auto early = some_answer(kPower, start_ + std::chrono::minutes(2), 4877);
    early.state = answers::State::provisional;
    early.completeness = 0.9996;
    early.missing = {{"line1", "3 blocks under way"}};
    store_.emit(early);
    store_.emit(some_answer("press-08/line2/power_total", start_, 12'900));
    auto away = some_edge("press-08", start_ - std::chrono::minutes(20));
    away.connected = false;
    away.away = "gateway gw-1 silent since 2026-11-21T01:40:12Z";
    away.ledger.lost = 7;
    away.ledger.answered = 93;
    away.blocks_missing = 2;
    store_.set_edges({some_edge("press-07", start_ + std::chrono::minutes(4)), away});
    store_.set_series({some_series("press-07", "line1", "power_total", "W", 4877, start_)});
    store_.set_late({{kPower, start_, 1204, "pane",
                      query::LateRow::Window{"minute", start_, answers::State::revised, 0.9996, 3}},
                     {kPower, start_ - std::chrono::hours(24 * 900), 2, "late_ledger"}});
  }
  void start_node() {
    face_ = std::make_unique<http::Face>(
        [this]() -> Result<std::unique_ptr<query::Reader>> { return store_.reader(); },
        "127.0.0.1:0", registry_, clock_);
    ASSERT_TRUE(face_->start().ok());
    listen_ = face_->address();
  }
  int run(const std::vector<std::string>& words) {
    output_ = std::make_unique<cli::TextOutput>();
    const World world{
        [this](const std::string&) -> Result<Settings> {
          return Settings{"/nowhere", listen_, grouped_};
        },
        [this](const std::filesystem::path&) -> Result<std::unique_ptr<query::Reader>> {
          if (no_store_) return Error(Fault::unavailable, "no store in /nowhere");
          return store_.reader();
        },
        [this](const Order& order) -> Result<std::vector<Outcome>> {
          ordered_ = order.words;
          for (const auto p : order.partitions) orders_.emplace_back(p, order.words);
          if (!outcomes_.empty()) return outcomes_;
          return std::vector<Outcome>{{std::nullopt, outcome_}};
        },
        [this]() -> Result<std::vector<ListedOrder>> { return listed_; },
        [this](const std::string&, const std::filesystem::path& view, bool install) -> Result<> {
          installed_ = install ? view.string() : "";
          if (view == "wrong.toml") return Error(Fault::bad_input, "wrong.toml:3:1: error: no");
          return {};
        },
        clock_};
    return cloud_cli::run(words, world, *output_);
  }

  EventTime start_ = *parse_utc("2026-11-21T02:00:00Z");
  ManualClock clock_{*parse_utc("2026-11-21T02:05:00Z")};
  metrics::Registry registry_;
  test::FakeStore store_;
  std::unique_ptr<http::Face> face_;
  std::string listen_ = "127.0.0.1:1";  // nobody listens on tcpmux
  bool no_store_ = false;
  bool grouped_ = false;
  std::vector<std::pair<int, std::string>> orders_;  // by partition
  std::vector<Outcome> outcomes_;                    // of partitions
  std::vector<ListedOrder> listed_;
  std::string ordered_;
  std::optional<std::string> outcome_;
  std::string installed_;
  std::unique_ptr<cli::TextOutput> output_;  // of the last run()
};

TEST_F(CloudCli, StatusOfANodeThatServesSaysWhatItRead) {
  query::Serving serving;
  serving.running = serving.ready = true;
  serving.behind = 3;
  serving.records = 12'345;
  serving.repeated = 6'000;
  serving.refused = 1;
  serving.known_from = start_;
  serving.newest_refused = {{"tidemark.answers/2/17", "it is empty", start_}};
  store_.set_serving(serving);
  start_node();
  EXPECT_EQ(run({"cloud", "status"}), kExitOk);
  for (const char* part :
       {"serves answers of other nodes", "12 345 records, 6 000 of them again", "; 3 to go",
        "as-of   reaches back to 2026-11-21 02:00:00", "refused 1 records",
        "tidemark.answers/2/17: it is empty"}) {
    EXPECT_NE(output_->text.find(part), std::string::npos) << part << "\n" << output_->text;
  }
  EXPECT_EQ(output_->text.find("ledger"), std::string::npos) << output_->text;
  EXPECT_EQ(run({"cloud", "watermark"}), kExitNoInput);
  EXPECT_NE(output_->errors.find("not known here"), std::string::npos) << output_->errors;
  EXPECT_EQ(run({"cloud", "status", "--json"}), kExitOk);
  EXPECT_NE(output_->text.find(R"("ledger":null)"), std::string::npos) << output_->text;

  serving.ready = false;
  store_.set_serving(serving);
  EXPECT_EQ(run({"cloud", "status"}), kExitDegraded);
  serving.running = false;  // nothing is known of now
  store_.set_serving(serving);
  EXPECT_EQ(run({"cloud", "status"}), kExitOk);
  EXPECT_EQ(output_->text.find("to go"), std::string::npos) << output_->text;
}

TEST_F(CloudCli, StatusSaysWhoHasWhichPartition) {
  query::PartitionState restored{.number = 3,
                                 .here = true,
                                 .since = start_,
                                 .restored = true,
                                 .ready = std::chrono::milliseconds(2500),
                                 .checkpoint = start_,
                                 .checkpoint_problem = "Kafka is away"};
  store_.set_partitions({{0, true, "hall-1:8080", start_, 12, 34, "no answer in time"},
                         {1, false, "hall-2:8080"}, {2},
                         restored});
  start_node();
  run({"cloud", "status"});
  EXPECT_NE(output_->text.find(
                "part    000  here since 2026-11-21 02:00:00, 12 records behind, 34 answers to "
                "publish, no checkpoint yet: no answer in time\n"
                "part    001  hall-2:8080\n"
                "part    002  nobody\n"
                "part    003  here since 2026-11-21 02:00:00, 0 records behind, taken over in 2.5 "
                "s from a checkpoint, checkpoint of 2026-11-21 02:00:00 (Kafka is away)\n"),
            std::string::npos) << output_->text;
}

struct GoldenRow {
  const char* name;
  std::vector<std::string> words;
  int exit;
};
void PrintTo(const GoldenRow& row, std::ostream* out) { *out << row.name; }
class CloudCliPrints : public CloudCli, public testing::WithParamInterface<GoldenRow> {};

TEST_P(CloudCliPrints, WhatTheGoldenFileSaysFromNodeAndStoreAlike) {
  start_node();
  EXPECT_EQ(run(GetParam().words), GetParam().exit) << output_->errors;
  auto from_node = output_->text;
  if (const auto at = from_node.find(listen_); at != std::string::npos) {
    from_node.replace(at, listen_.size(), "NODE");
  }
  expect_golden(GetParam().name, from_node);
  face_->stop();
  EXPECT_EQ(run(GetParam().words), GetParam().exit) << output_->errors;
  auto from_store = output_->text;
  if (const auto at = from_store.find("/nowhere"); at != std::string::npos) {
    from_store.replace(at, 8, "NODE");
  }
  EXPECT_EQ(from_store, from_node);
  EXPECT_NE(output_->errors.find("note: the node does not answer"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CloudCliPrints,
    testing::Values(
        GoldenRow{"status", {"cloud", "status"}, kExitDegraded},
        GoldenRow{"status_json", {"cloud", "status", "--json"}, kExitDegraded},
        GoldenRow{"query",
                  {"cloud", "query", "avg line1/power_total by 1m", "--from", "-10m"},
                  kExitOk},
        GoldenRow{"query_all", {"cloud", "query", "power_1m", "--to", "2026-11-21T02:01:00Z"},
                  kExitOk},
        GoldenRow{"query_sealed_json",
                  {"cloud", "query", "power_1m", "--sealed", "--to", "2026-11-21T02:01:00Z",
                   "--json"},
                  kExitOk},
        GoldenRow{"revisions", {"cloud", "revisions", "line1/power_total"}, kExitOk},
        GoldenRow{"series", {"cloud", "series"}, kExitOk},
        GoldenRow{"watermark", {"cloud", "watermark"}, kExitOk},
        GoldenRow{"late", {"cloud", "late"}, kExitOk},
        GoldenRow{"view", {"cloud", "view"}, kExitOk}));

TEST_F(CloudCli, JsonIsOneValidObject) {
  start_node();
  for (const char* command : {"status", "series", "watermark", "late", "events", "view"}) {
    run({"cloud", command, "--json"});
    const auto parsed = nlohmann::json::parse(output_->text, nullptr, false);
    EXPECT_EQ(parsed.value("v", 0), 1) << command;
  }
}

TEST_F(CloudCli, WrongExpressionIs64AndSaysWhatWasExpected) {
  start_node();
  EXPECT_EQ(run({"cloud", "query", "avg"}), kExitUsage);
  EXPECT_NE(output_->errors.find("no view 'avg'"), std::string::npos) << output_->errors;
  EXPECT_EQ(run({"cloud", "query", "power_1m", "--tz", "Europe/Berlin"}), kExitUsage);
  EXPECT_NE(output_->errors.find("1week or 1month long"), std::string::npos);
  EXPECT_EQ(run({"cloud", "sttus"}), kExitUsage);
  EXPECT_NE(output_->errors.find("did you mean 'status'?"), std::string::npos);
}

TEST_F(CloudCli, ViewsAreCheckedAndHandedToTheNode) {
  EXPECT_EQ(run({"cloud", "view", "check", "energy.toml"}), kExitOk);
  EXPECT_EQ(installed_, "");
  EXPECT_EQ(ordered_, "");
  EXPECT_EQ(run({"cloud", "view", "check", "wrong.toml"}), kExitConfig);
  EXPECT_NE(output_->errors.find("wrong.toml:3:1"), std::string::npos);
  EXPECT_EQ(run({"cloud", "view", "apply", "wrong.toml"}), kExitConfig);
  EXPECT_EQ(ordered_, "") << "the node hears nothing of a file that is wrong";
  outcome_ = "ok: views in force: minute, energy";
  EXPECT_EQ(run({"cloud", "view", "apply", "energy.toml"}), kExitOk);
  EXPECT_EQ(installed_, "energy.toml");
  EXPECT_EQ(ordered_, "views");
  EXPECT_EQ(output_->text, "views in force: minute, energy\n");
  outcome_.reset();
  EXPECT_EQ(run({"cloud", "view", "apply", "energy.toml"}), kExitTryAgain);
  start_node();
  EXPECT_EQ(run({"cloud", "view", "list"}), kExitOk);
  EXPECT_EQ(run({"cloud", "late", "list"}), kExitOk);
  const auto listed = output_->text;
  EXPECT_EQ(run({"cloud", "late"}), kExitOk);
  EXPECT_EQ(output_->text, listed);
}

TEST_F(CloudCli, WhatIsToBeBroughtBackIsAskedOfTheNode) {
  outcome_ = "ok: 10 readings of 1 series are back in their windows";
  EXPECT_EQ(run({"cloud", "late", "replay", "line1/*", "--from", "2025-11-20T00:00:00Z", "--to",
                 "2025-11-21T00:00:00Z"}),
            kExitOk);
  EXPECT_EQ(ordered_, "replay line1/* 1763596800000000000 1763683200000000000");
  EXPECT_EQ(output_->text, "10 readings of 1 series are back in their windows\n");
  EXPECT_EQ(run({"cloud", "view", "backfill", "power_1s", "--from", "2025-11-20T00:00:00Z", "--to",
                 "2025-11-21T00:00:00Z"}),
            kExitOk);
  EXPECT_EQ(ordered_, "backfill power_1s 1763596800000000000 1763683200000000000");
  ordered_.clear();
  EXPECT_EQ(run({"cloud", "late", "replay", "--from", "yesterday"}), kExitUsage);
  EXPECT_EQ(ordered_, "");
  EXPECT_EQ(run({"cloud", "late", "replay", "\"line 1/a,b\""}), kExitOk);
  EXPECT_EQ(ordered_.substr(0, 21), "replay \"line%201/a,b\"");
}

TEST_F(CloudCli, SourcesAreRetiredByNameAndReason) {
  outcome_ = "ok: 1 source of press-08: retired at 2025-11-20T00:00:00Z";
  EXPECT_EQ(run({"cloud", "source", "retire", "press-08/line 1", "--by", "ada", "--at",
                 "2025-11-20T00:00:00Z", "--reason", "scrapped, 100 %"}),
            kExitOk);
  EXPECT_EQ(ordered_, "retire press-08/line%201 1763596800000000000 ada scrapped,%20100%20%25");
  EXPECT_EQ(output_->text, "1 source of press-08: retired at 2025-11-20T00:00:00Z\n");
  EXPECT_EQ(run({"cloud", "source", "waive", "press-08/*", "--until", "2025-11-20T00:00:00Z",
                 "--reason", "moved", "--by", "ada", "--json"}),
            kExitOk);
  EXPECT_EQ(ordered_, "waive press-08/* 1763596800000000000 ada moved");
  EXPECT_TRUE(nlohmann::json::accept(output_->text));
  EXPECT_EQ(run({"cloud", "source", "revoke", "press-08/*", "--by", "bob"}), kExitOk);
  EXPECT_EQ(ordered_, "unwaive press-08/* bob");
  ordered_.clear();
  EXPECT_EQ(run({"cloud", "source", "retire", "press-08/line1"}), kExitUsage);
  EXPECT_NE(output_->errors.find("--reason says why"), std::string::npos);
  EXPECT_EQ(run({"cloud", "source", "waive", "press-08/line1", "--reason", "moved"}), kExitUsage);
  EXPECT_NE(output_->errors.find("--until says until when"), std::string::npos);
  EXPECT_EQ(run({"cloud", "source", "waive", "press-08/line1", "--reason", "moved", "--until",
                 "soon"}),
            kExitUsage);
  EXPECT_EQ(ordered_, "");
  outcome_ = "error: press-08 has no source 'line2', did you mean 'line1'?";
  EXPECT_EQ(run({"cloud", "source", "revoke", "press-08/line2"}), kExitBadData);
  start_node();
  EXPECT_EQ(run({"cloud", "source", "list"}), kExitOk);
  EXPECT_EQ(output_->errors, "no source is retired or waived\n");
  EXPECT_EQ(run({"cloud", "source", "list", "--json"}), kExitOk);
  EXPECT_EQ(nlohmann::json::parse(output_->text).value("v", 0), 1);
}

TEST_F(CloudCli, NoNodeAndNoStoreIs69) {
  no_store_ = true;
  EXPECT_EQ(run({"cloud", "status"}), kExitUnreachable);
  EXPECT_NE(output_->errors.find("127.0.0.1:1"), std::string::npos);
  EXPECT_NE(output_->errors.find("no store in /nowhere"), std::string::npos);
}

TEST_F(CloudCli, NamedNodeIsNotReplacedByTheStore) {
  EXPECT_EQ(run({"cloud", "status", "--url", "http://127.0.0.1:1"}), kExitUnreachable);
  EXPECT_EQ(run({"cloud", "status", "--url", "https://example"}), kExitUsage);
}

TEST_F(CloudCli, NoAnswersAreSaidOnStderrOnly) {
  start_node();
  EXPECT_EQ(run({"cloud", "query", "avg line1/power_total by 1m", "--from", "now"}), kExitOk);
  EXPECT_EQ(output_->text, "");
  EXPECT_NE(output_->errors.find("no answers"), std::string::npos);
}

TEST_F(CloudCli, SeriesThatIsNotThereIs66WithTheNearestOne) {
  start_node();
  const std::vector<std::vector<std::string>> all = {
      {"cloud", "query", "avg line1/power_totl by 1m"},
      {"cloud", "revisions", "line1/power_totl"},
      {"cloud", "series", "line1/power_totl"},
      {"cloud", "late", "line1/power_totl"}};
  for (auto words : all) {
    EXPECT_EQ(run(words), kExitNoInput) << words[1];
    EXPECT_EQ(output_->text, "") << words[1];
    EXPECT_EQ(output_->errors,
              "error: no such series 'line1/power_totl', did you mean 'line1/power_total'?\n"
              "  try: tidemark cloud series\n");
    words.emplace_back("--json");
    EXPECT_EQ(run(words), kExitNoInput) << words[1];
    EXPECT_TRUE(nlohmann::json::accept(output_->text)) << output_->text;
  }
  EXPECT_EQ(run({"cloud", "late", "nosuch"}), kExitNoInput);
  EXPECT_EQ(output_->errors, "error: no such series 'nosuch'\n  try: tidemark cloud series\n");
}

TEST_F(CloudCli, DoctorNamesWhatIsAway) {
  start_node();
  run({"doctor", "--json"});
  EXPECT_NE(output_->text.find(R"({"state":"ok","name":"ledger")"), std::string::npos);
  EXPECT_NE(output_->text.find(R"("text":"away: press-08")"), std::string::npos) << output_->text;
  face_->stop();
  EXPECT_EQ(run({"doctor"}), kExitProblems);
  EXPECT_NE(output_->text.find("systemctl start tidemark-cloud"), std::string::npos);
}

TEST(Figure, HasThousandsApartAndSixDigitsAtMost) {
  EXPECT_EQ(figure(4802.5), "4 802.5");
  EXPECT_EQ(figure(60000), "60 000");
  EXPECT_EQ(figure(-1234567.25), "-1 234 567");
  EXPECT_EQ(figure(0.1234567), "0.12346");
  EXPECT_EQ(figure(231.2), "231.2");
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(1.5e-7), "1.5e-07");
}

store::Letter some_letter(std::int64_t id, store::LetterReason why, std::optional<int> partition,
                          EventTime at) {
  store::Letter l{id, "press-07", "its dictionary 99c4ba98cc6c6fa8 did not come", at, 1804, 20};
  l.why = why;
  l.frame = "block";
  l.block = {{11}, {static_cast<std::uint64_t>(id)}};
  l.time_min = count_ns(at) - 1'000'000'000;
  l.time_max = count_ns(at);
  l.partition = partition;
  l.bytes = {1, 2, 3};
  return l;
}

TEST_F(CloudCli, EventsAreListedAndWhatWasSkippedIsTold) {
  const char* json = R"j({"v":1,"type":"event","id":7,"series":"press-07/line1/power_total",
    "time":"2026-11-21T02:00:00Z","cause":"spike","state":"raised","value":98.2,"expected":21.4,
    "score":3.1,"unit":"W","text":"spike: 98.2, expected about 21.4 (score 3.1)","skipped":5,
    "edge":"press-07","site":"","known_at":"2026-11-21T02:00:01Z"})j";
  store_.set_events(
      {{1, "press-07", "press-07/line1/power_total", start_, "spike", "raised", 7, json}});
  start_node();
  EXPECT_EQ(run({"cloud", "events", "--cause", "spike", "--from", "2026-11-21"}), kExitOk);
  expect_golden("events", output_->text);
  EXPECT_EQ(output_->errors, "press-07: 5 events before that of 2026-11-21T02:00:00Z were too many "
                             "at once, and are at the machine alone\n");
  EXPECT_EQ(run({"cloud", "events", "--state", "cleared"}), kExitOk);
  EXPECT_EQ(output_->errors, "no such events; their causes are range, rate, stuck, spike, and of a "
                             "limit hihi, hi, lo, lolo\n");
  EXPECT_EQ(run({"cloud", "events", "--state", "open"}), kExitUsage);
}

TEST_F(CloudCli, DeadLettersAreListedAndShown) {
  store_.set_dead_letters({some_letter(7, store::LetterReason::dictionary_missing, {}, start_),
                           some_letter(8, store::LetterReason::unreadable, 3, start_)});
  start_node();
  EXPECT_EQ(run({"cloud", "deadletter", "list"}), kExitOk);
  expect_golden("deadletter_list", output_->text);
  EXPECT_EQ(run({"cloud", "deadletter", "show", "3/8"}), kExitOk);
  expect_golden("deadletter_show", output_->text);
  EXPECT_EQ(run({"cloud", "deadletter", "list", "--why", "unreadable", "--json"}), kExitOk);
  const auto listed = Json::parse(output_->text);
  ASSERT_EQ(listed["deadletters"].size(), 1u);
  EXPECT_EQ(listed["deadletters"][0]["partition"], 3);
  EXPECT_EQ(listed["deadletters"][0]["incarnation"], "000000000000000b");
  EXPECT_EQ(run({"cloud", "deadletter", "list", "--why", "unknown"}), kExitUsage);
  EXPECT_EQ(run({"cloud", "deadletter", "show", "9"}), kExitNoInput);
  EXPECT_EQ(output_->errors, "error: there is no dead letter 9; among those there are: 7, 3/8\n"
                             "  try: tidemark cloud deadletter list\n");
  EXPECT_EQ(run({"cloud", "deadletter", "retry", "9"}), kExitNoInput);
  EXPECT_EQ(run({"cloud", "deadletter", "drop", "9", "--reason", "r"}), kExitNoInput);
  EXPECT_EQ(run({"cloud", "deadletter", "show", "nine"}), kExitUsage);
  EXPECT_EQ(run({"cloud", "status"}), kExitDegraded);
  EXPECT_NE(output_->text.find("letters 2 kept aside (dictionary_missing 1, unreadable 1)"),
            std::string::npos);
  const auto file = std::filesystem::temp_directory_path() /
                    ("tidemark-letter-" + std::to_string(::getpid()));
  EXPECT_EQ(run({"cloud", "deadletter", "show", "7", "--raw", file.string()}), kExitOk);
  std::ifstream in(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "\x01\x02\x03");
  std::filesystem::remove(file);
}

TEST_F(CloudCli, DeadLettersAreRetriedAndDroppedWhereTheyLie) {
  using Orders = std::vector<std::pair<int, std::string>>;
  store_.set_dead_letters({some_letter(7, store::LetterReason::unreadable, 1, start_),
                           some_letter(8, store::LetterReason::unreadable, 3, start_),
                           some_letter(9, store::LetterReason::unreadable, 3, start_),
                           some_letter(9, store::LetterReason::bound, 4, start_)});
  start_node();
  outcome_ = "ok: 1 taken, with 20 readings";
  EXPECT_EQ(run({"cloud", "deadletter", "retry", "3/8", "--by", "ada"}), kExitOk);
  EXPECT_EQ(run({"cloud", "deadletter", "retry", "unreadable", "--by", "ada"}), kExitOk);
  EXPECT_EQ(run({"cloud", "deadletter", "drop", "1/7", "--by", "ada", "--reason", "burnt card"}),
            kExitOk);
  EXPECT_EQ(orders_, (Orders{{3, "letter retry 8 ada"},
                             {1, "letter retry unreadable ada"},
                             {3, "letter retry unreadable ada"},
                             {1, "letter drop 7 ada burnt%20card"}}));
  orders_.clear();
  EXPECT_EQ(run({"cloud", "deadletter", "drop", "7", "--by", "ada"}), kExitUsage);
  EXPECT_EQ(run({"cloud", "deadletter", "drop", "all", "--reason", "x"}), kExitUsage);
  EXPECT_EQ(run({"cloud", "deadletter", "retry", "seven"}), kExitUsage);
  EXPECT_EQ(orders_, Orders{});
}

TEST_F(CloudCli, AnOrderToAGroupSaysWhatEachPartitionDid) {
  grouped_ = true;
  outcomes_ = {{0, "ok: nothing waits"}, {1, "ok: 3 readings are back"}, {2, "ok: nothing waits"}};
  EXPECT_EQ(run({"cloud", "late", "replay"}), kExitOk);
  EXPECT_EQ(output_->text, "partitions 0, 2: nothing waits\npartition 1: 3 readings are back\n");
  EXPECT_EQ(run({"cloud", "late", "replay", "--json"}), kExitOk);
  const auto body = nlohmann::json::parse(output_->text);
  EXPECT_EQ(body["ok"], true);
  EXPECT_EQ(body["partitions"][1]["text"], "3 readings are back");
  outcomes_ = {{0, "ok: done"}, {1, "ok: done"}};
  EXPECT_EQ(run({"cloud", "view", "backfill", "hall"}), kExitOk);
  EXPECT_EQ(output_->text, "done\n") << "all say the same";
  outcomes_ = {{2, "error: no edge is called 'pres-07'"}};
  EXPECT_EQ(run({"cloud", "edge", "accept", "pres-07", "b2"}), kExitBadData);
  EXPECT_EQ(output_->errors, "error: no edge is called 'pres-07'\n");
  outcomes_ = {{0, "ok: done"}, {1, std::nullopt}};
  EXPECT_EQ(run({"cloud", "late", "replay"}), kExitTryAgain);
  EXPECT_EQ(output_->text, "partition 0: done\n");
  EXPECT_EQ(output_->errors, "partition 1: no node has answered yet; the order lies in Kafka and "
                             "will be obeyed\n  try: tidemark cloud orders\n");
}

TEST_F(CloudCli, ViewsOfAGroupAreReadByWhatTheNodeHas) {
  grouped_ = true;
  start_node();
  EXPECT_EQ(run({"cloud", "view", "apply", "energy.toml"}), kExitOk);
  EXPECT_EQ(ordered_, "") << "no partition is open here";
  EXPECT_NE(output_->text.find("it reads its views with each that it gets"), std::string::npos);
  store_.set_partitions({{.number = 1, .here = true}, {.number = 2}, {.number = 4, .here = true}});
  outcomes_ = {{1, "ok: views in force: a"}, {4, "ok: views in force: a"}};
  EXPECT_EQ(run({"cloud", "view", "apply", "energy.toml"}), kExitOk);
  EXPECT_EQ(orders_, (std::vector<std::pair<int, std::string>>{{1, "views"}, {4, "views"}}));
  EXPECT_EQ(output_->text, "views in force: a\n");
}

TEST_F(CloudCli, OrdersAreListedWithWhatCameOfThem) {
  EXPECT_EQ(run({"cloud", "orders"}), kExitOk);
  EXPECT_EQ(output_->errors, "nothing was ordered\n");
  listed_ = {{"waive press-08/line1 1763596800000000000 ada cable%20cut", "ada", start_,
              {{2, "ok: 1 source of press-08: waived until 2025-11-20T00:00:00Z"}}},
             {"replay ** -9223372036854775808 9223372036854775807", "bob", start_,
              {{0, "ok: nothing"}, {1, std::nullopt}, {2, "ok: nothing"}}}};
  EXPECT_EQ(run({"cloud", "orders"}), kExitOk);
  expect_golden("orders", output_->text);
  EXPECT_EQ(run({"cloud", "orders", "--json"}), kExitOk);
  const auto body = nlohmann::json::parse(output_->text);
  EXPECT_EQ(body["orders"][1]["outcomes"][1]["ok"], nullptr);
  EXPECT_EQ(body["orders"][0]["outcomes"][0]["partition"], 2);
}

}  // namespace
}  // namespace tidemark::cloud_cli
