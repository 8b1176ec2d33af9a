#include "cloud/daemon/cloud_config.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "common/base/clean_name.h"
#include "common/kafka/section.h"
#include "common/model/series.h"

namespace tidemark::cloud {

using config::Section;

reconcile::Horizons CloudConfig::horizons() const {
  const auto& a = retention.answers;
  return {{a.second, a.minute, a.quarter, a.day}};
}

void describe(Section& s, KafkaConfig& c) {
  kafka::describe(s, static_cast<kafka::Settings&>(c));
  s.text("group", c.group,
         {.help = "Nodes that name the same group share the partitions out among themselves, each "
                  "with a data_dir of its own. Without it this node reads all of them.",
          .example = "tidemark-cloud"});
  s.duration("session", c.session,
             {.preset = "10s", .min = "6s", .max = "5min",
              .help = "Of a group: what a node may be silent for, before others take over what it "
                      "has."});
  s.duration("checkpoint_interval", c.checkpoint_interval,
             {.preset = "1min", .min = "0s", .max = "1day",
              .help = "Of a group: how often what a partition's store has is put into the topic "
                      "PREFIX.checkpoints, from where another node takes over; 0s: never, then it "
                      "reads all from the start of retention."});
  s.choice("serve", c.serve, {"own", "answers"},
           {.preset = "own",
            .help = "own: what this node makes of blocks. answers: it takes no blocks, but reads "
                    "the answers of nodes with publish.answers, and their history, into a store of "
                    "its own. There can be any number of such nodes."});
  if (!c.group.empty() && c.brokers.empty()) s.complain("group", "group: there are no brokers");
  if (c.serve != "answers") return;
  if (c.brokers.empty()) s.complain("serve", "serve: there are no brokers");
  if (!c.group.empty()) {
    s.complain("serve", "serve: a member of a group makes answers; give a node that serves them a "
                        "configuration without group");
  }
}

namespace {

struct TimeFormat {
  std::string_view word;
  TimeUnit unit;
};
constexpr std::array<TimeFormat, 6> kTimeFormats{{{"auto", TimeUnit::automatic},
                                                  {"unix_s", TimeUnit::s},
                                                  {"unix_ms", TimeUnit::ms},
                                                  {"unix_us", TimeUnit::us},
                                                  {"unix_ns", TimeUnit::ns},
                                                  {"iso8601", TimeUnit::iso8601}}};

// Names of a record's keys, of which none is another's.
void check_keys(Section& s, const JsonConfig& c) {
  const std::array<std::pair<std::string_view, const std::string*>, 5> keys{
      {{"series", &c.series}, {"device", &c.device}, {"metric", &c.metric}, {"time", &c.time},
       {"value", &c.value}}};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [name, key] = keys[i];
    if (key->empty()) s.complain(name, fmt::format("{}: it names no key", name));
    for (std::size_t j = 0; j < i; ++j) {
      if (key->empty() || *keys[j].second != *key) continue;
      s.complain(s.has(name) ? name : keys[j].first,
                 fmt::format("{}: '{}' is the key of {} already", name, *key, keys[j].first));
    }
  }
}

}  // namespace

TimeUnit JsonConfig::time_unit() const {
  const auto known = std::ranges::find(kTimeFormats, time_format, &TimeFormat::word);
  return known == kTimeFormats.end() ? TimeUnit::automatic : known->unit;
}

void describe(Section& s, JsonConfig& c) {
  s.text("topic", c.topic,
         {.help = "A topic of plain JSON readings in intake.kafka, of machines that have no edge "
                  "yet: an object a reading, or arrays of them. How complete their answers are is "
                  "estimated. Nodes of a group all say the same here, and one of them reads it. "
                  "Without it there are none.",
          .example = "plant.readings"});
  s.text("edge", c.edge, {.preset = "json",
                          .help = "What their series are called: EDGE/device/metric. No real edge "
                                  "may have this name."});
  s.text("series", c.series,
         {.preset = "series",
          .help = "Key of a series' name, \"press-07/power\": its last level is the metric, those "
                  "before it are the device."});
  s.text("device", c.device, {.preset = "device", .help = "Key of the device, where a record has "
                                                          "no series."});
  s.text("metric", c.metric, {.preset = "metric",
                              .help = "Key of the metric beside the device; where it is missing, "
                                      "the metric is called as the key of the value."});
  s.text("time", c.time, {.preset = "time", .help = "Key of the time."});
  std::vector<std::string> formats;
  for (const auto& f : kTimeFormats) formats.emplace_back(f.word);
  s.choice("time_format", c.time_format, formats,
           {.preset = "auto",
            .help = "Of the time: a number since 1970, or ISO 8601 text, which is read under each "
                    "of them. auto tells the unit of a number by its size."});
  s.text("value", c.value, {.preset = "value",
                            .help = "Key of the value: a number, true, false or a text."});
  s.duration("lateness", c.lateness,
             {.preset = "5s", .min = "0s", .max = "30day",
              .help = "So much out of order readings may come before their windows are sealed. "
                      "What comes later revises them."});
  s.duration("idle", c.idle,
             {.preset = "0s", .min = "0s", .max = "30day",
              .help = "When nothing has come for so long, windows are sealed as the clock goes on; "
                      "0s: they wait for the next reading."});
  s.duration("gather", c.gather,
             {.preset = "500ms", .min = "10ms", .max = "10s",
              .help = "For so long readings are gathered into one block. Longer costs less."});
  s.flag("once", c.once,
         {.preset = "false",
          .help = "A reading that comes again with its series, time and value counts once, as "
                  "those of edges do. Its search costs."});
  if (c.edge.empty() || c.edge.size() > Dictionary::kNameBytesMax || c.edge != clean_name(c.edge)) {
    s.complain("edge", fmt::format("edge: '{}' is no name: at most {} characters, without blanks, "
                                   "quotes, brackets, '/', '*' and '?'", c.edge,
                                   Dictionary::kNameBytesMax));
  }
  check_keys(s, c);
}

void describe(Section& s, IntakeConfig& c) {
  s.text("zmq", c.zmq, {.preset = "ipc:///run/tidemark/cloud.zmq", .path = true,
                        .help = "Where gateways connect; ipc:// or a loopback address."});
  s.table("kafka", c.kafka);
  s.table("json", c.json);
  if (c.json.topic.empty()) return;
  const auto& k = c.kafka;
  const auto complain = [&](const std::string& why) { s.complain("json.topic", "topic: " + why); };
  if (!c.by_kafka()) return complain("there is no Kafka; say brokers in intake.kafka");
  if (c.serves_only()) return complain("a node with serve = \"answers\" makes none");
  for (const auto& own : {k.live(), k.backlog(), k.dictionaries(), k.control(), k.answers(),
                          k.history(), k.orders(), k.registry(), k.partials(),
                          k.checkpoints(), k.dead_letters()}) {
    if (c.json.topic == own) return complain(own + " is a topic of ours");
  }
}

void describe(Section& s, PublishConfig& c) {
  s.flag("answers", c.answers, {.preset = "false",
                                .help = "Answers go to the topic PREFIX.answers of intake.kafka, "
                                        "too, as JSON."});
}

void describe(Section& s, HttpConfig& c) {
  s.text("listen", c.listen, {.preset = "127.0.0.1:8080",
                              .help = "Page, API, event stream and metrics."});
}

void describe(Section& s, AnswersConfig& c) {
  s.duration("1s", c.second, {.preset = "4day", .min = "1min",
                              .help = "Horizon of windows under a minute."});
  s.duration("1min", c.minute, {.preset = "90day", .min = "1min",
                                .help = "Horizon of windows of whole minutes: behind it they are "
                                        "frozen, and their panes merge into quarter hours."});
  s.duration("15min", c.quarter, {.preset = "3650day", .min = "15min",
                                  .help = "Horizon of quarter hours."});
  s.duration("1day", c.day, {.preset = "10950day", .min = "1day",
                             .help = "Horizon of days; older readings go to the late ledger."});
  if (c.second > c.minute || c.minute > c.quarter || c.quarter > c.day) {
    s.complain("1s", "horizons rise from 1s to 1day: a coarser resolution is kept longer");
  }
}

void describe(Section& s, RetentionConfig& c) {
  s.duration("blocks", c.blocks, {.preset = "90day", .min = "1day",
                                  .help = "How long received blocks stay in the archive. Repeats "
                                          "are known, and windows under a minute can be asked "
                                          "for, that long."});
  s.duration("revisions", c.revisions, {.preset = "90day", .min = "1min",
                                        .help = "How long superseded answers are kept."});
  s.table("answers", c.answers);
}

void describe(Section& s, SeriesConfig& c) {
  s.text("select", c.select, {.required = true, .help = "Glob over series: edge/device/metric. The "
                                                        "first [[series]] that matches counts.",
                              .example = "*/energy_import"});
  s.duration("max_hold", c.max_hold,
             {.preset = "1h", .min = "1ms",
              .help = "twa, integral, time_in_state: a value counts for so long at most; increase: "
                      "a longer silence is a gap."});
  s.number("rollover", c.rollover,
           {.preset = "0", .min = "0", .help = "increase: where the counter begins anew, in the "
                                               "unit of the series; 0: nowhere."});
}

void describe(Section& s, CloudConfig& c) {
  s.text("data_dir", c.data_dir, {.preset = "/var/lib/tidemark/cloud", .path = true,
                                  .help = "Database and archive of this node. A relative path, "
                                          "as all in this file, counts from the file's folder."});
  s.table("intake", c.intake);
  s.table("publish", c.publish);
  if (c.publish.answers && !c.intake.by_kafka()) {
    s.complain("publish", "answers: there is no Kafka; say brokers in intake.kafka");
  }
  if (c.publish.answers && c.intake.serves_only()) {
    s.complain("publish", "answers: a node with serve = \"answers\" makes none");
  }
  s.table("http", c.http);
  s.table("retention", c.retention);
  s.tables("series", c.series, "What is known of series beyond what their edges say. Panes that "
                               "are there keep to what was in force: tidemark cloud view backfill "
                               "makes them anew.");
  s.tables("view", c.views, "A question that is answered all the time. The view \"minute\" (one "
                            "minute, every series) is there without being declared.");
  s.tables("relabel", c.relabels, "Labels that the cloud gives to series, whatever their edges "
                                  "say. Of two that give the same label the later stands.");
  if (c.intake.serves_only() && !c.views.empty()) {
    s.warn("view", "views are those of the nodes that make the answers: these here do nothing");
  }
  if (auto views = answers::views_in_force(c.views); !views.ok()) {
    s.complain("view", views.error().text());
  }
}

config::Sources cloud_sources(const std::filesystem::path& file) {
  return {file, file.parent_path() / "views.d", "TIDEMARK_CLOUD__"};
}

namespace {
Loaded finish(config::Document document) {
  Loaded out;
  document.fill(out.config);
  out.problems = document.problems();
  out.settings = document.settings();
  out.ok = document.ok();
  return out;
}
}  // namespace

Error first_problem(const Loaded& loaded) {
  for (const auto& problem : loaded.problems) {
    if (!problem.warning) return {Fault::bad_input, config::render(problem)};
  }
  return {Fault::bad_input, "the configuration is wrong"};
}

Result<> take_view_file(const std::filesystem::path& config, const std::filesystem::path& view,
                        bool install) {
  namespace fs = std::filesystem;
  const auto sources = cloud_sources(config);
  std::error_code fault;
  if (!fs::is_regular_file(view, fault)) {
    return Error(Fault::unavailable, view.string() + ": no such file");
  }
  if (view.extension() != ".toml") {
    return Error(Fault::bad_input, view.string() + ": files of views.d end in .toml");
  }
  // A copy of the folder as it would be.
  auto trial = (fs::temp_directory_path(fault) / "tidemark-views-XXXXXX").string();
  if (::mkdtemp(trial.data()) == nullptr) return Error(Fault::unavailable, "no temporary folder");
  if (fs::is_directory(sources.drop_ins, fault)) {
    fs::copy(sources.drop_ins, trial, fs::copy_options::recursive, fault);
  }
  fs::copy_file(view, fs::path(trial) / view.filename(), fs::copy_options::overwrite_existing,
                fault);
  auto as_it_would_be = sources;
  as_it_would_be.drop_ins = trial;
  const auto loaded = load_cloud(as_it_would_be);
  fs::remove_all(trial, fault);
  if (!loaded.ok) return first_problem(loaded);
  const auto target = sources.drop_ins / view.filename();
  if (!install || fs::equivalent(view, target, fault)) return {};
  fs::create_directories(sources.drop_ins, fault);
  const auto fresh = sources.drop_ins / (view.filename().string() + ".new");
  fault.clear();
  fs::copy_file(view, fresh, fs::copy_options::overwrite_existing, fault);
  if (!fault) fs::rename(fresh, target, fault);
  if (fault) return Error(Fault::denied, target.string() + ": " + fault.message());
  return {};
}

Loaded load_cloud(const config::Sources& sources) {
  return finish(config::Document::read(sources));
}
Loaded parse_cloud(std::string_view toml, std::string name) {
  return finish(config::Document::parse(toml, std::move(name)));
}

}  // namespace tidemark::cloud
