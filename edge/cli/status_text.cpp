#include "edge/cli/status_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/base/time.h"

namespace tidemark::edge {

using json = nlohmann::ordered_json;

std::string text_of(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_string() ? at->get<std::string>() : std::string();
}
double number_of(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_number() ? at->get<double>() : 0;
}
std::uint64_t count_of(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::string remarks_of(const json& window) {
  std::string out;
  const auto add = [&](const std::string& word) { out += (out.empty() ? "" : ", ") + word; };
  if (const auto n = count_of(window, "revision"); n > 0) add(fmt::format("revision {}", n));
  for (const char* word : {"cut", "approximate", "withdrawn"}) {
    if (window.value(word, false)) add(word);
  }
  return out;
}

cli::Command::Glossary remark_words() {
  return {{"revision N", "corrected N times, by readings that came after its first result"},
          {"cut", "readings are missing: it began before this start of the agent heard any, or a "
                  "bound of memory was reached"},
          {"approximate", "a reading came too late for the figures that go by the order of time, "
                          "or a percentile is coarser than usual"},
          {"withdrawn", "taken back: its readings are in another window now (sessions)"}};
}

std::string short_time(double seconds) {
  const auto hours = static_cast<std::uint64_t>(seconds / 3600);
  if (hours >= 24) return fmt::format("{} d {} h", hours / 24, hours % 24);
  if (seconds >= 3600) return fmt::format("{:.1f} h", seconds / 3600);
  if (seconds >= 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.0f} s", seconds);
}

bool degraded(const json& status) {
  for (const auto& s : status["sources"]) {
    if (text_of(s, "state") != "ok" || s.contains("away")) return true;
  }
  const auto uplink = text_of(status["uplink"], "state");
  return (uplink != "up" && uplink != "off") || !status["ring"]["error"].is_null() ||
         text_of(status["clock"], "state") == "unknown";
}

std::string rejected_of(const json& source) {
  const auto rejected = source.value("rejected", json::object());
  std::string text;
  for (const auto& [reason, items] : rejected.items()) {
    text += fmt::format("{}{}x {}", text.empty() ? "refused since the start: " : ", ",
                        items.dump(), printable(reason));
  }
  return text;
}

std::string skipped_events(const json& status) {
  const auto events = status.value("events", json::object());
  const auto skipped = count_of(events, "skipped");
  if (skipped == 0) return {};
  return fmt::format("{} were sent, {} were not: they came faster than 100 a second",
                     count_of(events, "sent"), skipped);
}

namespace {

std::string rejected_lines(const json& source) {
  const auto text = rejected_of(source);
  return text.empty() ? text : "          " + text + "\n";
}

// Devices that say themselves that they are not there.
std::string away_lines(const json& s) {
  constexpr std::size_t kShown = 10;
  const auto away = s.value("away", json::array());
  std::string text;
  for (std::size_t i = 0; i < std::min(away.size(), kShown); ++i) {
    text += fmt::format("          away: {} since {}: {}\n",
                        printable(text_of(away[i], "device")), text_of(away[i], "since"),
                        printable(text_of(away[i], "reason")));
  }
  if (away.size() > kShown) {
    text += fmt::format("          away: {} more; --json names all\n", away.size() - kShown);
  }
  return text;
}

std::string source_line(const json& s) {
  const auto due = count_of(s, "due");
  auto coverage = due == 0 ? std::string()
                           : fmt::format("   {} of {} polls", count_of(s, "good"), due);
  auto line = fmt::format(" {:<8} {:<16} {:>5} series  {:>10.1f} readings/s{}   {}",
                          text_of(s, "protocol"), text_of(s, "name"), count_of(s, "series"),
                          number_of(s, "rate"), coverage, text_of(s, "state"));
  if (const auto error = text_of(s, "error"); !error.empty()) line += "\n          " + error;
  return line + "\n" + away_lines(s) + rejected_lines(s);
}

// Nothing when the files say what is in force.
std::string config_line(const json& c) {
  const auto state = text_of(c, "state");
  if (state == "changed on disk") {
    return " config   its files were changed since they were read: tidemark edge reload\n";
  }
  if (state != "restart needed") return "";
  std::string keys;
  for (const auto& key : c.value("waits", json::array())) {
    keys += (keys.empty() ? "" : ", ") + key.get<std::string>();
  }
  return " config   counts from the next start on: " + printable(keys) + "\n";
}

// What was done so that the ring did not overflow.
std::string pressure_line(const json& ring) {
  std::string text;
  const auto add = [&](const char* key, const char* words) {
    if (const auto n = count_of(ring, key); n > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, words);
    }
  };
  add("readings_merged", "in merged blocks");
  add("readings_reduced_1s", "kept as partials of 1 s");
  add("readings_reduced_1min", "as partials of 1 min");
  add("readings_evicted", "EVICTED");
  return text.empty() ? "" : "          for want of room: readings " + text + "\n";
}

std::string uplink_lines(const json& uplink) {
  std::string text;
  if (text_of(uplink, "state") == "off") {
    text = " uplink   none configured: readings are kept here only, while there is room\n";
  } else {
    text = fmt::format(" uplink   {}  {}   rtt {:.1f} ms   sent {}   acknowledged {}",
                       text_of(uplink, "gateway"), text_of(uplink, "state"),
                       number_of(uplink, "rtt_ms"), count_of(uplink, "sent"),
                       count_of(uplink, "acked"));
    if (uplink["bytes_per_reading"].is_number()) {
      text += fmt::format("   {:.1f} B/reading", number_of(uplink, "bytes_per_reading"));
    }
    text += "\n";
  }
  if (const auto& tier = uplink.value("tier", json::object()); !tier.empty()) {
    text += fmt::format("          packs {} ({})   {:.1f} % of a CPU\n", text_of(tier, "now"),
                        text_of(tier, "why"), 100 * number_of(tier, "cpu_share"));
  }
  if (const auto& budget = uplink.value("budget", json()); budget.is_object()) {
    text += fmt::format("          {} of {} a day are spent\n",
                        format_bytes({count_of(budget, "spent")}),
                        format_bytes({count_of(budget, "bytes_a_day")}));
  }
  if (const auto error = text_of(uplink, "error"); !error.empty()) {
    text += "          " + error + "\n";
  }
  return text;
}

std::string local_lines(const json& s) {
  std::string text;
  const auto trouble = [](const json& part) {
    const auto error = text_of(part, "error");
    return error.empty() ? std::string() : "   " + error;
  };
  if (const auto h = s.find("history"); h != s.end() && h->is_object()) {
    text +=
        fmt::format(" history  {} of {}   {}, {} since the start   written {}{}\n",
                    format_bytes({count_of(*h, "bytes")}), format_bytes({count_of(*h, "size")}),
                    counted(count_of(*h, "windows"), "window"),
                    counted(count_of(*h, "events"), "event"),
                    format_bytes({count_of(*h, "bytes_written")}), trouble(*h));
  }
  if (const auto p = s.find("publish"); p != s.end() && p->is_object()) {
    text += fmt::format(" publish  {}  {}   {} published, {} dropped{}\n", text_of(*p, "url"),
                        text_of(*p, "state"), count_of(*p, "published"), count_of(*p, "dropped"),
                        trouble(*p));
  }
  if (const auto r = s.find("recorder"); r != s.end() && count_of(*r, "contexts") > 0) {
    text += fmt::format(" context  {} anomalies, {} readings; {} of {}, {} began late\n",
                        count_of(*r, "contexts"), count_of(*r, "readings"),
                        format_bytes({count_of(*r, "bytes")}), format_bytes({count_of(*r, "size")}),
                        count_of(*r, "cut"));
  }
  if (const auto skipped = skipped_events(s); !skipped.empty()) {
    text += " events   " + skipped + "   look at them here: tidemark event list\n";
  }
  return text;
}

}  // namespace

std::string room_text(const json& ring) {
  const auto size = count_of(ring, "size");
  const auto room = fmt::format("room for {} more",
                                format_bytes({size - std::min(size, count_of(ring, "bytes"))}));
  if (!ring.contains("time_left_over_s") || !ring["time_left_over_s"].is_number()) {
    return room + "; for how long can be told after a minute";
  }
  const auto over = short_time(number_of(ring, "time_left_over_s"));
  if (!ring["time_left_s"].is_number()) {
    return fmt::format("{}; nothing came in the last {}", room, over);
  }
  // Flushes take whole pages; small blocks are merged before any is given up.
  return fmt::format("{}: at least {} if nothing is sent, at the rate of the last {}", room,
                     short_time(number_of(ring, "time_left_s")), over);
}

std::string status_text(const json& s) {
  const auto& ring = s["ring"];
  const auto& uplink = s["uplink"];
  const auto& ledger = s["ledger"];
  std::string text = fmt::format("{}   running {}   version {}   memory {}\n", text_of(s, "edge"),
                                 short_time(number_of(s, "uptime_s")), text_of(s, "version"),
                                 format_bytes({count_of(s, "rss_bytes")}));
  text += config_line(s.value("config", json::object()));
  for (const auto& source : s["sources"]) text += source_line(source);
  if (s["sources"].empty())
    text += " no sources: add [[source.mqtt]] or [[source.modbus]] to the configuration\n";
  text += fmt::format(" buffer   {} of {}   {} waiting   oldest {}\n",
                      format_bytes({count_of(ring, "bytes")}),
                      format_bytes({count_of(ring, "size")}),
                      counted(count_of(ring, "blocks_pending"), "block"),
                      ring["oldest"].is_null() ? "-" : text_of(ring, "oldest"));
  const auto size = count_of(ring, "size");
  text += "          " + room_text(ring);
  if (const auto configured = count_of(ring, "size_configured"); configured / 4096 != size / 4096) {
    text += fmt::format("\n          {} from the first start on at which nothing waits in it",
                        format_bytes({configured}));
  }
  if (const auto spared = count_of(ring, "bytes_spared"); spared > 0) {
    text += fmt::format("   {} were never written", format_bytes({spared}));
  }
  text += "\n" + pressure_line(ring);
  text += uplink_lines(uplink);
  text += local_lines(s);
  if (const auto wear = s.value("wear", json()); wear.is_object()) {
    text += fmt::format(" wear     {} written to storage since the start",
                        format_bytes({count_of(wear, "bytes_written")}));
    if (wear["bytes_a_day"].is_number()) {
      const auto day = static_cast<std::uint64_t>(number_of(wear, "bytes_a_day"));
      text += fmt::format(": {} a day at the pace of the last hour", format_bytes({day}));
    } else {
      text += "; a day's worth is told after ten minutes";
    }
    text += "\n";
  }
  text += fmt::format(" ledger   taken {} = answered {}", count_of(ledger, "taken"),
                      count_of(ledger, "answered"));
  for (const char* key : {"thinned", "duplicate", "local", "late_ledger", "quarantined", "evicted",
                          "lost", "pending"}) {
    if (count_of(ledger, key) > 0) text += fmt::format(" + {} {}", key, count_of(ledger, key));
  }
  text += "\n";
  if (count_of(s, "rejected_messages") > 0) {
    text += fmt::format(" refused  {} since the start, or parts of them: one can have several "
                        "reasons   look at them: tidemark edge quarantine\n",
                        counted(count_of(s, "rejected_messages"), "message"));
  }
  return text;
}

}  // namespace tidemark::edge
