// cloud.toml, and views.d/*.toml beside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cloud/answers/view.h"
#include "cloud/reconcile/tiers.h"
#include "common/base/number_text.h"
#include "common/config/section.h"
#include "common/kafka/settings.h"

namespace tidemark::cloud {

struct KafkaConfig : kafka::Settings {
  std::string group;      // empty: this node reads all
  Nanoseconds session{};  // of a member of the group
  Nanoseconds checkpoint_interval{};  // 0: no checkpoints
  std::string serve;  // own, answers
};
// Plain JSON readings of a topic, of machines that have no edge yet (cloud/plain/json_records.h).
struct JsonConfig {
  std::string topic;  // empty: there is none
  std::string edge;
  std::string series, device, metric, time, value;  // keys of an object
  std::string time_format;
  Nanoseconds lateness{}, idle{}, gather{};
  bool once = false;

  [[nodiscard]] TimeUnit time_unit() const;
};
struct IntakeConfig {
  std::string zmq;
  KafkaConfig kafka;  // without brokers: gateways connect by zmq
  JsonConfig json;

  [[nodiscard]] bool by_kafka() const { return !kafka.brokers.empty(); }
  // Takes no blocks: reads what nodes with publish.answers say, and serves it.
  [[nodiscard]] bool serves_only() const { return kafka.serve == "answers"; }
};
struct PublishConfig {
  bool answers = false;
};
struct HttpConfig {
  std::string listen;
};
struct AnswersConfig {  // how long each resolution is kept and still revised
  Nanoseconds second{}, minute{}, quarter{}, day{};
};
struct RetentionConfig {
  Nanoseconds blocks{};
  Nanoseconds revisions{};
  AnswersConfig answers;
};
struct SeriesConfig {  // what a person says of series beyond what their edges do
  std::string select;
  Nanoseconds max_hold{};
  double rollover = 0;
};
struct CloudConfig {
  std::string data_dir;
  IntakeConfig intake;
  PublishConfig publish;
  HttpConfig http;
  RetentionConfig retention;
  std::vector<SeriesConfig> series;
  std::vector<answers::View> views;
  std::vector<answers::Relabel> relabels;

  [[nodiscard]] reconcile::Horizons horizons() const;
};

void describe(config::Section& s, KafkaConfig& c);
void describe(config::Section& s, JsonConfig& c);
void describe(config::Section& s, IntakeConfig& c);
void describe(config::Section& s, PublishConfig& c);
void describe(config::Section& s, HttpConfig& c);
void describe(config::Section& s, AnswersConfig& c);
void describe(config::Section& s, RetentionConfig& c);
void describe(config::Section& s, SeriesConfig& c);
void describe(config::Section& s, CloudConfig& c);

// Where a configuration named by --config is read from: drop-ins are views.d in its folder.
config::Sources cloud_sources(const std::filesystem::path& file);

struct Loaded {
  CloudConfig config;
  std::vector<config::Problem> problems;
  std::vector<config::Setting> settings;
  bool ok = false;
};
// Of a configuration that is not ok.
Error first_problem(const Loaded& loaded);
// Whether the configuration would be right with this file in views.d; then puts it there, in place
// of one of its name. bad_input names the first problem.
Result<> take_view_file(const std::filesystem::path& config, const std::filesystem::path& view,
                        bool install);
Loaded load_cloud(const config::Sources& sources);
Loaded parse_cloud(std::string_view toml, std::string name);

}  // namespace tidemark::cloud
