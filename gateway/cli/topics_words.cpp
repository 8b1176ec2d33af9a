#include "gateway/cli/topics_words.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/base/exit_code.h"
#include "common/cli/table.h"

namespace tidemark::gateway {
namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t kReplicationMax = 100;

Result<kafka::Settings> settings_of(const Files& files) {
  const auto& cloud = files.config().cloud;
  if (cloud.by_kafka()) return cloud.kafka;
  return Error{Fault::bad_input, "this gateway's configuration names no Kafka; say [cloud] kafka = "
                                 "{ brokers = \"host:9092\" }"};
}

}  // namespace

TopicsWords::TopicsWords(cli::Command& topics, cli::Output& out, const bool& json_wanted,
                         const std::function<void(cli::Command&, Action)>& act)
    : out_(out), json_(json_wanted), partitions_(static_cast<std::uint64_t>(layout_.partitions)),
      replication_(static_cast<std::uint64_t>(layout_.replication)) {
  auto& make = topics.add("init", "Makes the topics that are missing; changes no other.");
  make.option("--partitions", partitions_, "Of each topic of blocks, for good; 12 if not given.");
  make.option("--replication", replication_, "Copies of each; 3 if not given.");
  make.parsed(
      "--retention",
      [this](const std::string& text) -> Result<> {
        TIDE_ASSIGN(layout_.retention, parse_duration(text));
        if (layout_.retention < std::chrono::minutes(1)) {
          return Error{Fault::bad_input, "at least 1min"};
        }
        return {};
      },
      "How long blocks are kept; 90 days if not given.", "TIME");
  make.flag("--dev", layout_.dev, "One broker is enough: for trying things, not for data.");
  act(make, [this](Files& files) -> Result<int> {
    TIDE_ASSIGN(const auto settings, settings_of(files));
    return init(settings);
  });
  act(topics.add("check", "Names what is missing or set so that blocks could be lost."),
      [this](Files& files) -> Result<int> {
        TIDE_ASSIGN(const auto settings, settings_of(files));
        return check(settings);
      });
}

Result<int> TopicsWords::init(const kafka::Settings& settings) {
  if (partitions_ < 1 || partitions_ > kafka::kPartitionsMax) {
    return out_.usage("--partitions: from 1 to " + std::to_string(kafka::kPartitionsMax), "");
  }
  if (layout_.dev) replication_ = 1;
  if (!layout_.dev && (replication_ < 3 || replication_ > kReplicationMax)) {
    return out_.usage("--replication: from 3 to 100; fewer would let one broker take acknowledged "
                      "blocks with it", "tidemark gateway topics init --dev, for trying things");
  }
  layout_.partitions = static_cast<int>(partitions_);
  layout_.replication = static_cast<int>(replication_);
  layout_.min_insync = layout_.dev ? 1 : 2;
  TIDE_ASSIGN(const auto made, kafka::init_topics(settings, layout_));
  if (json_) {
    out_.out(json{{"v", 1}, {"made", made}, {"layout", json::parse(layout_.text())}}.dump() + "\n");
  } else {
    for (const auto& topic : made) out_.out("made " + topic + "\n");
    if (made.empty()) out_.out("all topics were there; see: tidemark gateway topics check\n");
  }
  return static_cast<int>(kExitOk);
}

Result<int> TopicsWords::check(const kafka::Settings& settings) {
  TIDE_ASSIGN(const auto state, kafka::check_topics(settings));
  const bool good = state.findings.empty();
  const int code = good ? kExitOk : kExitProblems;
  if (json_) {
    auto topics = json::array();
    for (const auto& t : state.topics) {
      topics.push_back({{"topic", t.topic}, {"partitions", t.partitions},
                        {"replication", t.replication}});
    }
    auto findings = json::array();
    for (const auto& f : state.findings) {
      findings.push_back({{"topic", f.topic}, {"problem", f.text}});
    }
    out_.out(json{{"v", 1},
                  {"good", good},
                  {"layout", state.layout ? json::parse(state.layout->text()) : json()},
                  {"topics", std::move(topics)},
                  {"findings", std::move(findings)}}.dump() + "\n");
    return code;
  }
  cli::Table table({{"TOPIC"}, {"PARTITIONS", cli::Align::right},
                    {"REPLICAS", cli::Align::right}});
  for (const auto& t : state.topics) {
    table.row({t.topic, std::to_string(t.partitions), std::to_string(t.replication)});
  }
  if (!table.empty()) out_.out(table.text(out_.terminal()));
  for (const auto& f : state.findings) out_.out(fmt::format("FAIL  {}: {}\n", f.topic, f.text));
  if (good && state.layout->dev) {
    out_.out("made for development: a broker that dies takes its blocks with it\n");
  }
  if (good) out_.out("the topics are as they must be\n");
  return code;
}

}  // namespace tidemark::gateway
