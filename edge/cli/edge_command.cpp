#include "edge/cli/edge_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/cli/doctor.h"
#include "common/cli/table.h"
#include "edge/cli/agent.h"
#include "edge/cli/clock_command.h"
#include "edge/cli/history_command.h"
#include "edge/cli/profile_command.h"
#include "edge/cli/status_text.h"
#include "edge/control/control.h"
#include "edge/history/reader.h"
#include "edge/uplink/enroll.h"
#include "edge/uplink/identity.h"

namespace tidemark::edge {
namespace {

using cli::Align;
using cli::Output;
using cli::Table;
using cli::Tone;
using json = nlohmann::ordered_json;

constexpr std::string_view kStart = "systemctl start tidemark-edge, or tidemark-edge --config FILE";

int not_running(Output& out, const Error& error) {
  out.err("error: the edge agent does not answer: " + error.text() + "\n  try: " +
          std::string(kStart) + "\n");
  return kExitUnreachable;
}

std::string tap_line(const json& j) {
  const auto type = text_of(j, "type");
  if (type == "event") {
    return fmt::format("{}  {:<32} event {} {}: {}\n", text_of(j, "time"),
                       printable(text_of(j, "series")), count_of(j, "id"), text_of(j, "state"),
                       printable(text_of(j, "text")));
  }
  if (type == "window") {
    const auto remarks = remarks_of(j);
    return fmt::format("{}  {:<32} window to {}  {}{}\n", text_of(j, "start"),
                       printable(text_of(j, "series")), text_of(j, "end"),
                       j.value("values", json::object()).dump(),
                       remarks.empty() ? "" : "  " + remarks);
  }
  return fmt::format("{}  {:<32} {:>14} {:<4} {}\n", text_of(j, "time"),
                     printable(text_of(j, "series")), j["value"].dump(),
                     printable(text_of(j, "unit")), text_of(j, "quality"));
}

// What tells series of one name apart: "number", "text", "decimal 0.1".
std::string type_of(const json& series) {
  auto type = text_of(series, "type");
  const auto exponent = number_of(series, "exponent");
  if (exponent != 0) type += fmt::format(" {}", std::pow(10.0, exponent));
  return type;
}

class Words {
 public:
  Words(cli::Command& root, Output& out) : out_(out) {
    edge(root.add("edge", "The agent on this machine."));
    tap(root.add("tap", "Readings, results of windows and events as they pass."));
    series(root.add("series", "The series of this edge.")
               .details("Where the cloud is also: tidemark series swap-meter, when a meter was "
                        "swapped."));
    history_.emplace(root.add("series", ""),
                     root.add("event", "What the detectors raised, and who has seen it."), out);
    buffer(root.add("buffer", "What waits for the link."));
    enroll(root.add("enroll", "Gives this edge an identity that the gateway knows."));
    doctor(root.add("doctor", "Checks this part and says what to do."));
  }

 private:
  void common(cli::Command& c) {
    c.flag("--json", json_, "One JSON object instead of text.");
    c.option("--config", where_.config, "The agent's configuration.", "FILE");
  }
  // Of commands that the running agent answers, whatever has become of its file.
  void common_running(cli::Command& c) {
    common(c);
    c.option("--socket", where_.socket, "Of the running agent, in its run_dir; its configuration "
                                        "is not read then.", "PATH");
  }

  void act(cli::Command& c, std::function<int()> action) {
    c.action(with_running_agent(where_, agent_, out_, std::move(action)));
  }
  void act_on_file(cli::Command& c, std::function<int()> action) {
    c.action(with_agent(where_.config, agent_, out_, std::move(action)));
  }

  int answer(const json& request, const std::function<int(const json&)>& print) {
    const auto reply = agent_.ask(request);
    if (!reply) {
      return reply.error().fault() == Fault::bad_input ? out_.fail(reply.error())
                                                       : not_running(out_, reply.error());
    }
    if (!json_) return print(*reply);
    out_.out(reply->dump() + "\n");
    return request["command"] == "status" && degraded(*reply) ? kExitDegraded : kExitOk;
  }

  void edge(cli::Command& c) {
    auto& status = c.add("status", "Sources, buffer, uplink, ledger.");
    common_running(status);
    act(status, [this] {
      return answer({{"command", "status"}},
                    [this](const json& s) {
                      out_.out(status_text(s));
                      return degraded(s) ? kExitDegraded : kExitOk;
                    });
    });
    clock_.emplace(c, out_);
    auto& reload = c.add("reload", "Reads the configuration again; unchanged sources go on.");
    common(reload);
    act_on_file(reload, [this] { return run_reload(); });
    auto& quarantine = c.add("quarantine", "What could not be used, and why.");
    common_running(quarantine);
    quarantine.option("--limit", limit_, "How many of the newest.");
    act(quarantine, [this] {
      return answer({{"command", "quarantine"}, {"limit", limit_}}, [this](const json& q) {
        Table table({{"time"}, {"source"}, {"topic"}, {"readings", Align::right}, {"reason"}});
        for (const auto& item : q["items"]) {
          table.row({text_of(item, "time"), text_of(item, "source"),
                     printable(text_of(item, "topic")),
                     std::to_string(count_of(item, "readings")),
                     printable(text_of(item, "reason"))});
        }
        out_.out(table.empty() ? "nothing is in quarantine\n" : table.text(out_.terminal()));
        const auto reasons = q.value("reasons", json::array());
        if (!reasons.empty()) out_.out("since the first start of this agent:\n");
        for (const auto& r : reasons) {
          out_.out(fmt::format("{}x, {}: {}\n", count_of(r, "items"),
                               counted(count_of(r, "readings"), "reading"),
                               printable(text_of(r, "reason"))));
        }
        return kExitOk;
      });
    });
  }

  int run_reload() {
    const auto reply = agent_.ask({{"command", "reload"}});
    if (!reply && reply.error().fault() != Fault::bad_input) {
      return not_running(out_, reply.error());
    }
    if (!reply) {
      out_.fail(reply.error());
      return kExitConfig;
    }
    if (json_) {
      out_.out(reply->dump() + "\n");
      return kExitOk;
    }
    const auto names = [&](const char* key, const char* text) {
      std::string all;
      for (const auto& name : (*reply)[key]) {
        all += (all.empty() ? "" : ", ") + printable(name.get<std::string>());
      }
      if (!all.empty()) out_.out(fmt::format("{:<28} {}\n", text, all));
    };
    names("kept", "untouched");
    names("changed", "made anew");
    names("added", "new");
    names("removed", "stopped");
    names("restart", "counts from the next start");
    return kExitOk;
  }

  void tap(cli::Command& c) {
    common_running(c);
    c.argument("GLOB", glob_, "Which series, as line1/* or **.", false);
    c.flag("--raw", raw_, "Readings; alone when none of these is given.");
    c.flag("--windows", windows_, "Results of windows.");
    c.flag("--events", events_, "What detectors raise and clear.");
    c.option("--count", limit_count_, "Stop after so many lines.");
    c.option("--for", for_, "Stop after this time, as 10s.", "TIME");
    c.details("Of readings: time, series, value, unit, quality (good, uncertain, bad).");
    c.glossary("Remarks of windows", remark_words());
    act(c, [this] { return run_tap(); });
  }

  int run_tap() {
    SystemClock clock;
    std::optional<SteadyTime> until;
    if (!for_.empty()) {
      const auto patience = parse_duration(for_);
      if (!patience) return out_.usage("--for: " + patience.error().text());
      until = clock.steady() + std::chrono::duration_cast<SteadyTime::duration>(*patience);
    }
    std::uint64_t seen = 0, lost = 0;
    const auto show = [&](const std::string& line) {
      const auto j = json::parse(line, nullptr, false);
      if (!j.is_object()) return true;
      if (j.contains("lost_lines")) {
        lost = count_of(j, "lost_lines");
        return true;
      }
      if (j.contains("series")) {
        ++seen;
        out_.out(json_ ? line + "\n" : tap_line(j));
      }
      return (limit_count_ == 0 || seen < limit_count_) && (!until || clock.steady() < *until);
    };
    json kinds = json::array();
    const bool only_raw = !windows_ && !events_;
    if (only_raw) {
      const auto names = heard();
      if (!any_match(names)) await_series(names);
    }
    if (raw_ || only_raw) kinds.push_back("raw");
    if (windows_) kinds.push_back("windows");
    if (events_) kinds.push_back("events");
    const json request = {{"command", "tap"}, {"glob", glob_}, {"kinds", kinds}};
    const auto done = control::ask(agent_.socket, request.dump(), show, until);
    if (!done) return not_running(out_, done.error());
    if (!json_) out_.err(fmt::format("{}, {} lost\n", counted(seen, "line"), lost));
    return seen == 0 ? nothing_seen() : kExitOk;
  }

  // What is configured has no name here before its first reading.
  void await_series(const std::vector<std::string>& names) {
    const auto near = nearest_series(glob_, names);
    out_.err(fmt::format("note: no series '{}' was heard since the start of the agent{}; waiting "
                         "for it\n",
                         glob_, near.empty() ? "" : fmt::format(" (is it '{}'?)", near)));
  }

  // Windows of groups have names of their own, which the history knows.
  int nothing_seen() {
    auto names = heard();
    if (windows_ || events_) {
      const auto reader = history::Reader::open(agent_.data_dir);
      if (!reader) return kExitOk;
      const auto kept = (*reader)->series();
      if (kept) names.insert(names.end(), kept->begin(), kept->end());
    }
    return names.empty() || any_match(names) ? kExitOk : no_series(names);
  }

  // The series that this start of the agent has heard.
  std::vector<std::string> heard() {
    std::vector<std::string> names;
    const auto reply = agent_.ask({{"command", "series"}});
    if (!reply) return names;
    for (const auto& s : reply->value("series", json::array())) {
      names.push_back(text_of(s, "series"));
    }
    return names;
  }
  [[nodiscard]] bool any_match(const std::vector<std::string>& names) const {
    return std::ranges::any_of(names, [&](const auto& n) { return series_match(glob_, n); });
  }

  void series(cli::Command& c) {
    auto& list = c.add("list", "All series that this start has seen.");
    common_running(list);
    list.argument("GLOB", glob_, "Which, as line1/* or **.", false);
    act(list, [this] {
      const auto reply = agent_.ask({{"command", "series"}});
      if (!reply) return not_running(out_, reply.error());
      json kept = json::array();
      Table table({{"series"}, {"type"}, {"unit"}, {"source"}, {"readings", Align::right},
                   {"last"}});
      std::vector<json> all((*reply)["series"].begin(), (*reply)["series"].end());
      std::sort(all.begin(), all.end(), [](const json& a, const json& b) {
        return text_of(a, "series") < text_of(b, "series");
      });
      std::vector<std::string> names;
      for (const auto& s : all) {
        names.push_back(text_of(s, "series"));
        if (!series_match(glob_, names.back())) continue;
        kept.push_back(s);
        table.row({text_of(s, "series"), type_of(s), text_of(s, "unit"), text_of(s, "source"),
                   std::to_string(count_of(s, "readings")), text_of(s, "last")});
      }
      if (json_) out_.out(json{{"v", 1}, {"series", kept}}.dump() + "\n");
      if (kept.empty()) return no_series(names);
      if (!json_) out_.out(table.text(out_.terminal()));
      return static_cast<int>(kExitOk);
    });
    auto& release = c.add("release", "Lets another topic, path or source have a series.");
    release.details("A series belongs to the first way that brought it, also after a restart; "
                    "others are refused. Released, it belongs to the one that was refused last, "
                    "or, if there was none, to the next that brings it.");
    common(release);
    release.argument("SERIES", series_, "As it is listed, or DEVICE/METRIC.", true);
    act(release, [this] { return run_release(); });
  }

  int run_release() {
    return answer({{"command", "release"}, {"series", series_}}, [this](const json& r) {
      const auto last = text_of(r, "last");
      const auto now = text_of(r, "now");
      out_.out(fmt::format(
          "{} was of {}, {}\n{}\n", printable(text_of(r, "series")), printable(text_of(r, "was")),
          last.empty() ? "not heard since the agent's start" : "last heard " + last,
          now.empty() ? " nobody else has sent it: it is of the next that does"
                      : " it is of " + printable(now) + " now"));
      return kExitOk;
    });
  }

  int no_series(const std::vector<std::string>& names) {
    if (names.empty() || glob_ == "**") {
      out_.err("no series yet: nothing was read\n  try: tidemark edge status\n");
      return kExitOk;
    }
    const auto near = nearest_series(glob_, names);
    out_.err(fmt::format("error: no such series '{}'{}\n  try: tidemark series list\n", glob_,
                         near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
    return kExitNoInput;
  }

  void buffer(cli::Command& c) {
    auto& status = c.add("status", "How full the ring is, and what waits in it.");
    common_running(status);
    act(status, [this] {
      return answer({{"command", "buffer"}}, [this](const json& b) {
        const auto& ring = b["ring"];
        out_.out(fmt::format(
            "{}\n {} of {} hold {}, {}; oldest {}\n {}\n "
            "evicted {}; written {} with {} since the start\n",
            text_of(b, "folder"), format_bytes({count_of(ring, "bytes")}),
            format_bytes({count_of(ring, "size")}),
            counted(count_of(ring, "blocks_pending"), "block"),
            counted(count_of(ring, "readings_pending"), "reading"),
            ring["oldest"].is_null() ? "-" : text_of(ring, "oldest"), room_text(ring),
            counted(count_of(ring, "blocks_evicted"), "block"),
            format_bytes({count_of(ring, "bytes_written")}),
            counted(count_of(ring, "syncs"), "sync")));
        return kExitOk;
      });
    });
  }

  void enroll(cli::Command& c) {
    common(c);
    c.argument("TOKEN", token_, "From: tidemark gateway token create.", true);
    c.flag("--replace", replace_, "Replace the identity that is here already.");
    c.option("--gateway", gateway_, "Where the gateway is, if the token's address does not lead "
                                    "there from here.", "HOST:PORT");
    act_on_file(c, [this] { return run_enroll(); });
  }

  int run_enroll() {
    uplink::EnrollOptions options;
    options.token = token_;
    options.edge = agent_.edge;
    options.gateway = gateway_;
    options.proxy = agent_.proxy;
    options.identity_folder = agent_.identity_folder;
    options.replace = replace_;
    if (auto owner = become_owner_of(agent_.identity_folder); !owner) {
      return out_.fail(owner.error());
    }
    const SystemClock clock;
    const auto done = uplink::enroll(options, clock);
    if (!done) return out_.fail(done.error());
    if (json_) {
      out_.out(json{{"v", 1},
                    {"edge", done->edge},
                    {"site", done->site},
                    {"gateway", done->gateway},
                    {"authority", done->authority},
                    {"expires", format_utc(done->expires)}}
                   .dump() +
               "\n");
    } else {
      out_.out(fmt::format("{} is enrolled at {} (CA {}), certificate until {}\n", done->edge,
                           done->gateway, done->authority, format_utc(done->expires)));
    }
    return kExitOk;
  }

  void doctor(cli::Command& c) {
    common_running(c);
    c.action([this] {
      auto agent = find_running_agent(where_);
      if (!agent) return cannot_be_found(agent.error());
      agent_ = *std::move(agent);
      return run_doctor();
    });
  }

  // Told as a finding, since the front program reads findings of all parts.
  int cannot_be_found(const Error& error) {
    const auto& text = error.text();
    const auto first = text.find("error: ");  // of the problems, without the lines of the file
    const auto from = first == std::string::npos ? 0 : text.rfind('\n', first) + 1;
    return cli::print_checks(out_,
                             {{cli::CheckState::fail, "configuration",
                               text.substr(from, text.find('\n', from) - from),
                               "mend it, then tidemark config check"}},
                             json_);
  }

  [[nodiscard]] cli::Check uplink_check(const json& uplink) const {
    using cli::CheckState;
    const auto state = text_of(uplink, "state");
    if (state == "up") return {CheckState::ok, "uplink", text_of(uplink, "gateway"), ""};
    if (state != "off") {
      return {CheckState::fail, "uplink", state + ": " + text_of(uplink, "error"),
              "tidemark gateway status, on the gateway's machine"};
    }
    if (uplink::is_enrolled(agent_.identity_folder)) {
      return {CheckState::warn, "uplink", "enrolled, but uplink.gateway is empty: nothing is sent",
              "uplink.gateway = [\"HOST:PORT\"] in " + agent_.config.string()};
    }
    return {CheckState::ok, "uplink", "none configured: readings are kept here only", ""};
  }

  int run_doctor() {
    using cli::CheckState;
    std::vector<cli::Check> checks;
    if (!agent_.broken.empty()) {
      checks.push_back({CheckState::fail, "configuration", agent_.broken,
                        "mend it, then tidemark config check"});
    }
    const auto reply = agent_.ask({{"command", "status"}});
    if (!reply) {
      checks.push_back({CheckState::fail, "agent", reply.error().text(), std::string(kStart)});
      return cli::print_checks(out_, checks, json_);
    }
    const auto& s = *reply;
    const auto check = [&](bool ok, std::string name, std::string text, std::string next) {
      checks.push_back({ok ? CheckState::ok : CheckState::fail, std::move(name), std::move(text),
                        ok ? "" : std::move(next)});
    };
    check(true, "agent", "running, memory " + format_bytes({count_of(s, "rss_bytes")}), "");
    if (const auto state = text_of(s.value("config", json::object()), "state");
        state == "changed on disk" && agent_.broken.empty()) {
      checks.push_back({CheckState::warn, "configuration", "changed on disk, and not in force",
                        "tidemark config check, then tidemark edge reload"});
    }
    for (const auto& source : s["sources"]) {
      const auto state = text_of(source, "state");
      const auto error = text_of(source, "error");
      if (const auto rejected = rejected_of(source); state == "ok" && !rejected.empty()) {
        checks.push_back({CheckState::warn, "source " + text_of(source, "name"), rejected,
                          "tidemark edge quarantine"});
        continue;
      }
      if (state == "ok" && !error.empty()) {  // a note
        checks.push_back({CheckState::warn, "source " + text_of(source, "name"), error, ""});
        continue;
      }
      check(state == "ok", "source " + text_of(source, "name"),
            state == "ok"   ? text_of(source, "protocol")
            : error.empty() ? state
                            : state + ": " + error,
            "tidemark edge status");
    }
    if (const auto ways = text_of(s, "ways_error"); !ways.empty()) {
      checks.push_back({CheckState::warn, "series", ways, "tidemark series list"});
    }
    checks.push_back(uplink_check(s["uplink"]));
    const auto& ring = s["ring"];
    if (ring["error"].is_null() && count_of(ring, "blocks_evicted") > 0) {
      checks.push_back({CheckState::warn, "buffer", "blocks were evicted",
                        "a larger ring.size, or mend the uplink"});
    } else {
      check(ring["error"].is_null(), "buffer",
            ring["error"].is_null() ? format_bytes({count_of(ring, "bytes")}) + " in use"
                                    : text_of(ring, "error"),
            "tidemark buffer status");
    }
    if (const auto skipped = skipped_events(s); !skipped.empty()) {
      checks.push_back({CheckState::warn, "events", skipped,
                        "tidemark event list; then hold, or other levels, in the rule that raises "
                        "them"});
    }
    const bool clock = text_of(s["clock"], "state") != "unknown";
    check(clock, "clock", clock ? "set" : "not set: readings wait for it", "timedatectl");
    return cli::print_checks(out_, checks, json_);
  }

  Output& out_;
  Agent agent_;
  std::optional<HistoryWords> history_;
  std::optional<ClockWords> clock_;
  bool json_ = false, raw_ = false, windows_ = false, events_ = false;
  Where where_;
  std::string glob_ = "**";
  std::string for_;
  std::string series_;
  std::string token_;
  std::string gateway_;
  bool replace_ = false;
  std::uint64_t limit_ = 20;
  std::uint64_t limit_count_ = 0;
};

}  // namespace

int run_cli(const std::vector<std::string>& words, Output& output) {
  cli::Command root("tidemark", "The edge agent.");
  const Words declared(root, output);
  const auto profile = add_profile(root, output);
  const auto modbus = add_modbus(root, output);
  return root.run(words, output);
}

}  // namespace tidemark::edge
