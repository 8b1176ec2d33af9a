// [publish], [history], [recorder]: what windows and events become at the machine itself.
#include <fmt/format.h>

#include "edge/config/schema.h"
#include "edge/mqtt/topic.h"

namespace tidemark::config {

void describe(Section& s, PublishConfig& c) {
  s.text("url", c.url,
         {.preset = "mqtt://127.0.0.1:1883",
          .help = "Broker that the rules' `publish` topics are at: mqtt://host:port, mqtts://."});
  s.text("client_id", c.client_id, {.help = "Empty: tidemark-EDGE-publish."});
  s.text("username", c.username, {.help = "Empty: none."});
  s.text("password_file", c.password_file,
         {.path = true, .help = "File that holds the password, mode 0600."});
  s.text("ca_file", c.ca_file,
         {.path = true, .help = "mqtts: whom to trust; empty: the system's list."});
  s.text("cert_file", c.cert_file, {.path = true, .help = "mqtts: this client's certificate."});
  s.text("key_file", c.key_file, {.path = true, .help = "mqtts: its key."});
  s.flag("retain", c.retain, {.preset = "false", .help = "The broker keeps the last of a topic."});
  if (!c.url.starts_with("mqtt://") && !c.url.starts_with("mqtts://")) {
    s.complain("url", fmt::format("'{}' is not mqtt://host:port or mqtts://host:port", c.url));
  } else if (const auto url = parse_url(c.url, 1883); !url) {
    s.complain("url", url.error().text());
  }
}

void describe(Section& s, HistoryConfig& c) {
  s.bytes("size", c.size,
          {.preset = "64 MiB", .max = "64 GiB",
           .help = "Most that the local history of windows and events takes; 0: none."});
  s.duration("keep", c.keep, {.preset = "7 days", .min = "1min", .help = "Older ones go."});
  s.duration("commit_interval", c.commit_interval,
             {.preset = "1min", .min = "1s", .max = "1h",
              .help = "How long rows wait in memory: longer spares the flash, an end of the agent "
                      "without notice takes that much of the history."});
  s.bytes("budget", c.budget,
          {.preset = "1 GiB", .min = "1 MiB", .max = "1 TiB",
           .help = "Most that results of windows may write a day; what is beyond is not stored."});
  constexpr std::uint64_t kLeast = 1 << 20;
  if (c.size.count > 0 && c.size.count < kLeast) {
    s.complain("size", "it is below the 1 MiB minimum; 0 keeps no history");
  }
}

void describe(Section& s, RecorderConfig& c) {
  s.bytes("memory", c.memory,
          {.preset = "4 MiB", .min = "64 KiB", .max = "1 GiB",
           .help = "Of the flight recorder (rules with context), all series together, 24 B a "
                   "reading; full: contexts begin later."});
}

// A topic that a source subscribes to at the same broker would come back as a reading.
void check_loops(Section& s, const EdgeConfig& c) {
  for (std::size_t i = 0; i < c.rules.size(); ++i) {
    auto topic = c.rules[i].publish;
    for (auto at = topic.find('{'); at != std::string::npos; at = topic.find('{')) {
      const auto end = topic.find('}', at);
      if (end == std::string::npos) break;
      const bool series = topic.compare(at, end - at, "{series") == 0;
      topic.replace(at, end - at + 1, series ? "x/x" : "x");
    }
    if (topic.empty()) continue;
    for (const auto& source : c.mqtt) {
      if (source.url != c.publish.url) continue;
      for (const auto& filter : source.topics) {
        std::vector<std::string_view> wild;
        if (!mqtt::topic_matches(filter, topic, wild)) continue;
        s.complain(
            fmt::format("rule[{}].publish", i),
            fmt::format("source {} subscribes to {} at the same broker and would take it for "
                        "readings; choose a topic that it does not match",
                        source.name, filter));
      }
    }
  }
}

bool EdgeConfig::says_locally() const {
  for (const auto& r : rules) {
    if (r.window || !r.filter.empty()) return true;
  }
  return false;
}

}  // namespace tidemark::config
