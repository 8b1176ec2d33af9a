#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/model/series.h"
#include "edge/config/schema.h"

namespace tidemark::config {
namespace {

constexpr std::size_t kNameLengthMax = 64;

constexpr std::string_view kADay = "/day";
constexpr Bytes kBudgetMin{2 << 20};  // a block of the largest size fits (edge/uplink/budget.h)

Bytes budget_of(Section& s, std::string_view text) {
  if (text == "unlimited") return {};
  const bool a_day = text.ends_with(kADay);
  const auto bytes = a_day ? parse_bytes(text.substr(0, text.size() - kADay.size()))
                           : Result<Bytes>(Error(Fault::bad_input, "no bytes a day"));
  if (!bytes) {
    s.complain("budget", fmt::format("'{}' is neither \"unlimited\" nor bytes a day, such as "
                                     "\"50 MiB/day\"", text));
  } else if (*bytes < kBudgetMin) {
    s.complain("budget", fmt::format("'{}' is less than 2 MiB/day: a large block would never be "
                                     "sent", text));
  } else {
    return *bytes;
  }
  return {};
}

// Duplicate names are told at the second one and name the first one's place.
class Names {
 public:
  explicit Names(Section& s) : section_(s) {}
  template <typename Config>
  void add(std::string_view list, const std::vector<Config>& sources) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto& source = sources[i];
      if (source.name.empty()) continue;
      const auto [known, fresh] = places_.emplace(source.name, source.place);
      if (fresh) continue;
      section_.complain(fmt::format("{}[{}].name", list, i),
                        fmt::format("'{}' is already the name of the source at {}; give this one "
                                    "another name, or remove one of them",
                                    source.name, known->second));
    }
  }

 private:
  Section& section_;
  std::map<std::string, std::string> places_;
};

void check_proxy(Section& s, const UplinkConfig& c) {
  if (c.proxy.empty()) {
    if (!c.proxy_login_file.empty()) s.complain("proxy_login_file", "there is no proxy with it");
    return;
  }
  const auto url = parse_url(c.proxy, 0);
  if (!url) {
    s.complain("proxy", url.error().text());
  } else if (url->scheme != "http" || url->port == 0) {
    s.complain("proxy", fmt::format("'{}' is not http://host:port, such as http://proxy:3128",
                                    c.proxy));
  }
}

}  // namespace

std::string UplinkConfig::proxy_address() const {
  const auto scheme_end = proxy.find("://");
  return scheme_end == std::string::npos ? "" : proxy.substr(scheme_end + 3);
}

void check_labels(Section& s, std::string_view key, const Labels& own, const Labels& of_the_edge) {
  auto all = own;
  all.insert(of_the_edge.begin(), of_the_edge.end());
  if (own.size() > Dictionary::kLabelsMax) {
    s.complain(key, fmt::format("{} labels, at most {} fit", own.size(), Dictionary::kLabelsMax));
  } else if (all.size() > Dictionary::kLabelsMax) {
    s.warn(key, fmt::format("{} labels with those of the edge, of which series have {}; leave out "
                            "what nobody asks for", all.size(), Dictionary::kLabelsMax));
  }
  for (const auto& [name, value] : own) {
    const auto longest = std::max(name.size(), value.size());
    if (longest <= Dictionary::kNameBytesMax) continue;
    s.complain(key, fmt::format("'{}…' has {} B, at most {} fit", name.substr(0, 60), longest,
                                Dictionary::kNameBytesMax));
  }
}

void check_name(Section& s, std::string_view key, const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
  };
  if (name.size() > kNameLengthMax || !std::all_of(name.begin(), name.end(), fits)) {
    s.complain(key, fmt::format("'{}' cannot be a level of a series name: letters, digits, '.', "
                                "'_' and '-' only, at most {}",
                                name, kNameLengthMax));
  }
}

void describe(Section& s, RingConfig& c) {
  s.bytes("size", c.size,
          {.preset = "256 MiB", .min = "1 MiB", .max = "1 TiB",
           .help = "Space on disk for what the cloud does not have yet; taken at once. "
                   "Another size is taken at the first start at which nothing waits in it.",
           .example = "\"2 GiB\""});
  s.duration("sync_interval", c.sync_interval,
             {.preset = "500ms", .min = "10ms", .max = "1min",
              .help = "The most that a power cut can take."});
  s.choice("write", c.write, {"always", "unacked"},
           {.preset = "always",
            .help = "unacked spares the flash: what the cloud acknowledges within sync_interval is "
                    "never written. A power cut then takes up to two sync_intervals, nothing that "
                    "was acknowledged; the cloud cannot ask again for what was not written."});
}

void describe(Section& s, UplinkConfig& c) {
  s.texts("gateway", c.gateway,
          {.help = "Gateways as host:port, tried in turn. Empty: nothing is sent.",
           .example = "[\"gw1.example:7443\"]"});
  s.text("proxy", c.proxy,
         {.help = "HTTP proxy that leads to the gateways; TLS goes through it unopened (CONNECT).",
          .example = "\"http://proxy:3128\""});
  s.text("proxy_login_file", c.proxy_login_file,
         {.path = true,
          .help = "File that holds user:password for the proxy, mode 0600."});
  std::string budget;
  s.text("budget", budget,
         {.preset = "unlimited",
          .help = "Bytes of a UTC day, both directions, at least 2 MiB/day. Live data may take "
                  "what the day has brought so far and an hour more, old data what it has brought, "
                  "the last tenth is for alarms. When it is spent, blocks wait in the ring.",
          .example = "\"50 MiB/day\""});
  c.budget = budget_of(s, budget);
  s.choice("tier", c.tier, {"fast", "standard", "dense", "auto"},
           {.preset = "standard",
            .help = "How hard blocks are packed. auto: dense with a budget, else standard, and "
                    "lighter where the CPU is short."});
  s.number("cpu_share", c.cpu_share,
           {.preset = "0.1", .min = "0.001", .max = "1",
            .help = "Part of one CPU that packing may take with tier = \"auto\"."});
  s.number("backlog_share", c.backlog_share,
           {.preset = "0.2", .min = "0.01", .max = "1",
            .help = "Part of the link that old data may take while new data comes."});
  s.duration("live_interval", c.live_interval,
             {.preset = "200ms", .min = "10ms", .max = "1min",
              .help = "How long readings gather into a block while the link is up; at most "
                      "ring.sync_interval, which holds while it is down or has a budget. Shorter: "
                      "fresher answers, more bytes on wire and flash. Syncs stay as they are."});
  s.duration("skew", c.skew,
             {.preset = "2s", .max = "1day",
              .help = "Readings further ahead of the clock than this are quarantined."});
  check_proxy(s, c);
  for (const auto& gateway : c.gateway) {
    const auto url = parse_url("tls://" + gateway, 0);
    if (!url || url->port == 0) {
      s.complain("gateway", fmt::format("'{}' is not host:port, such as gw1.example:7443",
                                        gateway));
    }
  }
}

void describe(Section& s, JournalConfig& c) {
  s.bytes("capacity", c.capacity,
          {.preset = "4 MiB", .min = "256 KiB", .max = "1 GiB",
           .help = "Memory between sources and pipeline (a file in run_dir); full: sources wait."});
}

void describe(Section& s, ClockConfig& c) {
  s.choice("trust", c.trust, {"plausible", "always", "confirmed"},
           {.preset = "plausible",
            .help = "When the system's clock is believed without NTP. plausible: when it says a "
                    "time that can be, and not one that a box without a battery may have saved "
                    "before it was cut off. always: when it says a time that can be. confirmed: "
                    "never, readings wait for NTP, the gateway or edge clock set."});
  s.bytes("untimed", c.untimed,
          {.preset = "64 MiB", .min = "1 MiB", .max = "16 GiB",
           .help = "Room on disk for messages that came before the time is known; full: sources "
                   "wait."});
}

void describe(Section& s, EdgeConfig& c) {
  s.text("edge", c.edge,
         {.required = true,
          .help = "Logical name of this edge; it stays when the hardware is replaced.",
          .example = "\"press-07\""});
  check_name(s, "edge", c.edge);
  s.text("site", c.site, {.help = "Where it stands.", .example = "\"plant7\""});
  s.pairs("labels", c.labels,
          {.help = "Labels of every series of this edge.", .example = "{ area = \"stamping\" }"});
  check_labels(s, "labels", c.labels, {});
  std::string data_dir, run_dir;
  s.text("data_dir", data_dir,
         {.preset = "/var/lib/tidemark/edge", .path = true,
          .help = "Ring, identity and ledger live here. A relative path, as all in this file, "
                  "counts from the file's folder."});
  s.text("run_dir", run_dir,
         {.preset = "/run/tidemark", .path = true,
          .help = "Control socket and intake journal; best on tmpfs, it wears no flash."});
  c.data_dir = data_dir;
  c.run_dir = run_dir;
  s.texts("profile_path", c.profile_path,
          {.path = true,
           .help = "Folders with device profiles, before /etc/tidemark/profiles and the installed "
                   "ones; the first that has a profile wins."});
  s.choice("log_level", c.log_level, {"debug", "info", "warning", "error"},
           {.preset = "info", .help = "The least that is logged."});
  s.table("ring", c.ring, "The store that survives power cuts and outages of the link.");
  s.table("uplink", c.uplink, "The link to the gateways.");
  s.table("journal", c.journal, "The intake journal.");
  s.tables("source.mqtt", c.mqtt, "A broker to subscribe at.", Applies::at_reload);
  s.tables("source.modbus", c.modbus, "A Modbus device to poll; sources of one url share a bus.",
           Applies::at_reload);
  s.tables("rule", c.rules,
           "What becomes of the series that `select` matches; the first matching rule decides.");
  s.table("publish", c.publish, "The broker nearby that windows and events are published to.");
  s.table("history", c.history, "Results of windows and events of the last days, at the machine.");
  s.table("recorder", c.recorder, "The flight recorder.");
  s.table("clock", c.clock, "What is believed about the time.");
  check_loops(s, c);
  check_reach(s, c.rules);
  Names names(s);
  names.add("source.mqtt", c.mqtt);
  for (std::size_t i = 0, plugins = 0; i < c.mqtt.size(); ++i) {
    if (!c.mqtt[i].plugin || ++plugins == 1) continue;
    s.complain("source.mqtt", "source '" + c.mqtt[i].name + "' is the second with plugin = true: "
                              "the journal has one broker; put the topics of both into one");
  }
  names.add("source.modbus", c.modbus);
}

}  // namespace tidemark::config
