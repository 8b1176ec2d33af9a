#include "common/kafka/topics.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/base/random.h"
#include "common/kafka/admin.h"
#include "common/kafka/producer.h"

namespace tidemark::kafka {
namespace {

using json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::string_view kLayoutKey = "layout";
// What a gateway says to its edges is said anew all the time.
constexpr Nanoseconds kControlKept = std::chrono::hours(1);
// Brokers compact closed segments alone: what is out of date is read again by whoever takes over.
constexpr std::uint64_t kCheckpointSegmentBytes = 64 << 20;
constexpr Nanoseconds kCheckpointSegmentAge = std::chrono::minutes(10);

std::int64_t milliseconds(Nanoseconds n) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(n).count();
}

std::vector<NewTopic> topics_of(const Settings& s, const Layout& layout) {
  const auto topic = [&](std::string name, int partitions, bool compacted) {
    NewTopic t{std::move(name), partitions, layout.replication, {}};
    t.settings = {{"message.timestamp.type", "LogAppendTime"},
                  {"min.insync.replicas", std::to_string(layout.min_insync)},
                  {"unclean.leader.election.enable", "false"},
                  {"max.message.bytes", std::to_string(kRecordBytesMax)},
                  {"cleanup.policy", compacted ? "compact" : "delete"}};
    if (!compacted) t.settings["retention.ms"] = std::to_string(milliseconds(layout.retention));
    return t;
  };
  auto control = topic(s.control(), layout.partitions, false);
  control.settings["retention.ms"] = std::to_string(milliseconds(kControlKept));
  auto answers = topic(s.answers(), layout.partitions, false);
  answers.settings["cleanup.policy"] = "compact,delete";
  auto partials = topic(s.partials(), layout.partitions, false);
  partials.settings["cleanup.policy"] = "compact,delete";
  auto checkpoints = topic(s.checkpoints(), layout.partitions, true);
  checkpoints.settings["segment.bytes"] = std::to_string(kCheckpointSegmentBytes);
  checkpoints.settings["segment.ms"] = std::to_string(milliseconds(kCheckpointSegmentAge));
  return {topic(s.live(), layout.partitions, false), topic(s.backlog(), layout.partitions, false),
          topic(s.dictionaries(), layout.partitions, true), std::move(control),
          std::move(answers), topic(s.history(), layout.partitions, false), std::move(partials),
          topic(s.events(), layout.partitions, false),
          topic(s.dead_letters(), layout.partitions, false), std::move(checkpoints),
          topic(s.orders(), layout.partitions, true), topic(s.registry(), 1, true)};
}

// How a setting of a topic must compare with what init would have set.
enum class Rule : std::uint8_t { same, at_least, at_least_or_unbounded, whatever };

Rule rule_of(const std::string& key) {
  if (key == "retention.ms") return Rule::at_least_or_unbounded;
  if (key.starts_with("segment.")) return Rule::whatever;
  if (key == "min.insync.replicas" || key == "max.message.bytes") return Rule::at_least;
  return Rule::same;
}

const char* reason_of(const std::string& key) {
  if (key == "retention.ms") return "blocks would go before their time";
  if (key == "min.insync.replicas") return "an acknowledged block could be on one disk alone";
  if (key == "max.message.bytes") return "large blocks would be refused";
  if (key == "message.timestamp.type") return "late data would be deleted by its event time";
  if (key == "unclean.leader.election.enable") return "acknowledged blocks could be lost";
  return "records would go before their time or stay for ever";
}

bool fits(Rule rule, const std::string& is, const std::string& wanted) {
  if (rule == Rule::whatever) return true;
  if (rule == Rule::same) return is == wanted;
  const auto number = [](const std::string& text) {
    std::int64_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
  };
  if (rule == Rule::at_least_or_unbounded && number(is) == -1) return true;
  return number(is) >= number(wanted);
}

void compare(const NewTopic& wanted, const Shape& is, const TopicSettings& settings,
             std::vector<TopicFinding>& out) {
  const auto& t = wanted.name;
  if (is.partitions != wanted.partitions) {
    out.push_back({t, fmt::format("has {} partitions, recorded are {}: edges would change their "
                                  "partition; make topics under another prefix",
                                  is.partitions, wanted.partitions)});
  }
  if (is.replication < wanted.replication) {
    out.push_back({t, fmt::format("has {} replicas, needed are {}: a broker that dies would take "
                                  "acknowledged blocks with it; reassign its partitions",
                                  is.replication, wanted.replication)});
  }
  for (const auto& [key, value] : wanted.settings) {
    const auto at = settings.find(key);
    const std::string found = at == settings.end() ? "not said" : at->second;
    const auto rule = rule_of(key);
    if (at != settings.end() && fits(rule, found, value)) continue;
    out.push_back({t, fmt::format("{} is {}, needed is {}{}: {}; correct it with kafka-configs",
                                  key, found, rule == Rule::same ? "" : "at least ", value,
                                  reason_of(key))});
  }
}

Result<std::optional<Layout>> recorded(Admin& admin, const Settings& settings) {
  TIDE_ASSIGN(const auto shape, admin.shape(settings.registry()));
  if (!shape) return std::optional<Layout>{};
  TIDE_ASSIGN(const auto text, admin.last_value(settings.registry(), kLayoutKey));
  if (!text) return std::optional<Layout>{};
  TIDE_ASSIGN(auto layout, Layout::parse(*text));
  return std::optional(layout);
}

Result<> record(const Settings& settings, const Layout& layout) {
  TIDE_ASSIGN(const auto producer, Producer::open(settings, {.patience = kWithin,
                                                           .topics = {settings.registry()}}));
  const auto text = layout.text();
  TIDE_TRY(producer->send(settings.registry(), 0, as_bytes(kLayoutKey), as_bytes(text), {}, 1));
  const auto outcome = producer->finish(kWithin + std::chrono::seconds(1));
  if (outcome.empty()) return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT, settings.registry());
  if (outcome.front().fault) return *outcome.front().fault;
  return {};
}

}  // namespace

std::string Layout::text() const {
  return json{{"v", kVersion},
              {"id", id},
              {"partitions", partitions},
              {"replication", replication},
              {"min_insync", min_insync},
              {"retention_ms", milliseconds(retention)},
              {"dev", dev}}
      .dump();
}

Result<Layout> Layout::parse(std::string_view text) {
  const auto j = json::parse(text, nullptr, false);
  const auto whole = [&](const char* key, std::int64_t max) -> std::int64_t {
    const auto at = j.find(key);
    if (at == j.end() || !at->is_number_integer()) return 0;
    const auto n = at->get<std::int64_t>();
    return n > max ? 0 : n;
  };
  if (!j.is_object() || whole("v", 1'000'000) < 1) {
    return Error{Fault::corrupt, "the recorded layout of the topics does not read"};
  }
  if (whole("v", 1'000'000) > kVersion) {
    return Error{Fault::unsupported, "a newer version recorded the layout of the topics; upgrade"};
  }
  Layout l;
  l.partitions = static_cast<int>(whole("partitions", kPartitionsMax));
  l.replication = static_cast<int>(whole("replication", 100));
  l.min_insync = static_cast<int>(whole("min_insync", 100));
  constexpr std::int64_t kCentury = 3'155'760'000'000;  // ms
  l.retention = std::chrono::milliseconds(whole("retention_ms", kCentury));
  l.dev = j.value("dev", json()) == true;
  const auto named = j.value("id", json());
  l.id = named.is_string() ? named.get<std::string>() : "";
  if (l.id.empty() || l.partitions < 1 || l.replication < 1 || l.min_insync < 1 ||
      l.retention.count() <= 0) {
    return Error{Fault::corrupt, "the recorded layout of the topics says nothing of use"};
  }
  return l;
}

Result<std::vector<std::string>> init_topics(const Settings& settings, Layout layout) {
  TIDE_ASSIGN(auto admin, Admin::open(settings));
  TIDE_ASSIGN(const auto before, recorded(admin, settings));
  layout.id = before ? before->id : fmt::format("{:016x}", SystemRandom().next());
  if (before && *before != layout) {
    return Error{Fault::bad_input, "another layout is recorded for the prefix '" +
                                       settings.prefix + "', and it is fixed: " + before->text()};
  }
  std::vector<std::string> made;
  for (const auto& topic : topics_of(settings, layout)) {
    TIDE_ASSIGN(const bool created, admin.create(topic));
    if (created) made.push_back(topic.name);
  }
  if (!before) TIDE_TRY(record(settings, layout));
  return made;
}

Result<TopicsState> check_topics(const Settings& settings) {
  TIDE_ASSIGN(auto admin, Admin::open(settings));
  TopicsState state;
  TIDE_ASSIGN(state.layout, recorded(admin, settings));
  if (!state.layout) {
    state.findings.push_back({settings.registry(), "no layout of topics is recorded under the "
                                                   "prefix '" + settings.prefix +
                                                   "'; make them: tidemark gateway topics init"});
    return state;
  }
  for (const auto& wanted : topics_of(settings, *state.layout)) {
    TIDE_ASSIGN(const auto shape, admin.shape(wanted.name));
    if (!shape) {
      state.findings.push_back({wanted.name, "is not there; make it: tidemark gateway topics "
                                             "init"});
      continue;
    }
    state.topics.push_back({wanted.name, shape->partitions, shape->replication});
    TIDE_ASSIGN(const auto is, admin.settings_of(wanted.name));
    compare(wanted, *shape, is, state.findings);
  }
  return state;
}

Result<int> partitions_of(const Settings& settings, const std::string& topic) {
  TIDE_ASSIGN(auto admin, Admin::open(settings));
  TIDE_ASSIGN(const auto shape, admin.shape(topic));
  if (!shape) {
    return Error{Fault::bad_input, topic + ": there is no such topic; make it by Kafka's own tools "
                                           "(kafka-topics --create), or correct its name"};
  }
  return shape->partitions;
}

Result<Layout> good_layout(const Settings& settings) {
  TIDE_ASSIGN(const auto state, check_topics(settings));
  if (state.findings.empty()) return *state.layout;
  const auto& first = state.findings.front();
  auto text = first.topic + ": " + first.text;
  if (state.findings.size() > 1) {
    text += fmt::format(" ({} more: tidemark gateway topics check)", state.findings.size() - 1);
  }
  return Error{Fault::bad_input, text};
}

}  // namespace tidemark::kafka
