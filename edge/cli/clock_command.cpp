#include "edge/cli/clock_command.h"

#include <fmt/format.h>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/cli/table.h"
#include "edge/cli/agent.h"

namespace tidemark::edge {
namespace {

using json = nlohmann::ordered_json;

std::string text_at(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

struct ClockWords::State {
  State(cli::Command& edge, cli::Output& output) : out(output) {
    auto& clock = edge.add("clock", "What the agent believes about the time.");
    common(clock);
    act(clock, [this] { return ask({{"command", "clock"}}); });
    auto& set = clock.add("set", "Tells the agent the time where neither NTP nor a gateway does.");
    common(set);
    set.argument("TIME", time, "Now, as 2026-11-21T14:30:00Z or 2026-11-21T15:30+01:00.");
    set.flag("--yes", yes, "Even if that is more than an hour from what the agent believes.");
    act(set, [this] {
      if (!told("TIME", time)) return wrong;
      return ask({{"command", "clock"}, {"set", time}, {"yes", yes}});
    });
    auto& release = clock.add("release", "Takes in what a boot heard that never learned the time.");
    common(release);
    release.argument("BOOT", boot, "As edge clock lists it.");
    release.option("--ended", time, "When its last message came, as 2026-11-21T14:30:00Z.",
                   "TIME");
    act(release, [this] {
      if (!told("--ended", time)) return wrong;
      return ask({{"command", "clock"}, {"release", boot}, {"ended", time}});
    });
  }

 private:
  void act(cli::Command& c, std::function<int()> action) {
    c.action(with_running_agent(where, agent, out, std::move(action)));
  }

  void common(cli::Command& c) {
    c.flag("--json", as_json, "One JSON object instead of text.");
    c.option("--config", where.config, "The agent's configuration.", "FILE");
    c.option("--socket", where.socket, "Of the running agent; its configuration is not read then.",
             "PATH");
  }

  bool told(const char* what, const std::string& text) {
    const auto parsed = parse_utc(text);
    if (!parsed) {
      wrong = out.usage(fmt::format("{}: {}", what, parsed.error().text()));
      return false;
    }
    // A day would be its midnight, and a watch on the wall does not say which zone it is in.
    const auto hour = text.find_first_of("Tt ");
    const bool has_zone = hour != std::string::npos &&
                          text.find_first_of("Zz+-", hour) != std::string::npos;
    if (has_zone) return true;
    wrong = out.usage(fmt::format(
        "{}: '{}' has no {}; write it as 2026-11-21T14:30:00Z or 2026-11-21T15:30+01:00", what,
        text, hour == std::string::npos ? "time of day" : "zone (Z, or +01:00)"));
    return false;
  }

  int ask(const json& request) {
    const auto reply = agent.ask(request);
    if (!reply && reply.error().fault() != Fault::bad_input) {
      out.err("error: the edge agent does not answer: " + reply.error().text() +
              "\n  try: systemctl start tidemark-edge, or tidemark-edge --config FILE\n");
      return kExitUnreachable;
    }
    if (!reply) return out.fail(reply.error());
    if (as_json) {
      out.out(reply->dump() + "\n");
    } else {
      print(*reply);
    }
    return text_at(*reply, "state") == "unknown" ? kExitDegraded : kExitOk;
  }

  void print(const json& c) {
    const auto from = text_at(c, "from");
    if (from.empty()) {
      out.out("the time is not known: what is heard waits for it\n"
              "  try: timedatectl, a link to the gateway, or tidemark edge clock set TIME\n");
    } else {
      out.out(fmt::format("{}   by {}   the system's clock is off by {}\n", text_at(c, "now"), from,
                          format_duration(std::chrono::milliseconds(
                              static_cast<std::int64_t>(c.value("system_off_ms", 0.0))))));
    }
    cli::Table table({{"boot"}, {"state"}, {"messages", cli::Align::right},
                      {"lasted", cli::Align::right}});
    for (const auto& b : c.value("held", json::array())) {
      const bool current = b.value("current", false);
      table.row({text_at(b, "boot"),
                 current                      ? "this one"
                 : !text_at(b, "ended").empty() ? "being taken in"
                                                : "time unknown",
                 std::to_string(b.value("entries", std::uint64_t{0})),
                 format_duration(std::chrono::seconds(
                     static_cast<std::int64_t>(b.value("lasted_s", 0.0))))});
    }
    if (!table.empty()) out.out(table.text(out.terminal()));
  }

  cli::Output& out;
  Agent agent;
  bool as_json = false, yes = false;
  int wrong = kExitUsage;
  Where where;
  std::string time, boot;
};

ClockWords::ClockWords(cli::Command& edge, cli::Output& out)
    : state_(std::make_unique<State>(edge, out)) {}
ClockWords::~ClockWords() = default;

}  // namespace tidemark::edge
