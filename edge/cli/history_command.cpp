#include "edge/cli/history_command.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/table.h"
#include "edge/cli/agent.h"
#include "edge/cli/status_text.h"
#include "edge/history/reader.h"

namespace tidemark::edge {
namespace {

using cli::Align;
using cli::Table;
using history::Gap;
using history::Reader;
using history::Selection;
using history::StoredEvent;
using history::Window;
using json = nlohmann::ordered_json;

constexpr Nanoseconds kAround = std::chrono::minutes(1);  // of an event that is explained
constexpr std::size_t kWindowsAround = 12;

// Numbers as written, text without quotes, states as "RUN 12.5 s".
std::string cell_of(const json& value) {
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_null()) return "-";
  if (!value.is_object()) return value.dump();
  std::string out;
  for (const auto& [state, seconds] : value.items()) {
    out += fmt::format("{}{} {} s", out.empty() ? "" : ", ", printable(state), seconds.dump());
  }
  return out;
}

json window_json(const Window& w) {
  json out = {{"series", w.series},
              {"unit", w.unit},
              {"window", w.type},
              {"start", format_utc(event_time(w.start))},
              {"end", format_utc(event_time(w.end))},
              {"revision", w.revision},
              {"readings", w.readings},
              {"values", json::parse(w.values, nullptr, false)}};
  if (w.cut) out["cut"] = true;
  if (w.approximate) out["approximate"] = true;
  return out;
}

json gaps_json(const std::vector<Gap>& gaps) {
  json list = json::array();
  for (const auto& g : gaps) {
    list.push_back({{"from", format_utc(g.from)}, {"to", format_utc(g.to)}});
  }
  return list;
}

json optional_time(const std::optional<EventTime>& t) {
  return t ? json(format_utc(*t)) : json(nullptr);
}

bool is_shelved(const StoredEvent& s) {
  const SystemClock clock;
  return s.shelved && *s.shelved > clock.wall();
}

json event_json(const StoredEvent& s) {
  const auto& e = s.event;
  return {{"id", e.id},
          {"series", e.series},
          {"unit", e.unit},
          {"time", format_utc(e.time)},
          {"cause", e.cause},
          {"detector", e.detector},
          {"text", e.text},
          {"value", e.value},
          {"expected", e.expected},
          {"score", e.score},
          {"context", e.context},
          {"cleared", optional_time(s.cleared)},
          {"acked", optional_time(s.acked)},
          {"acked_by", s.acked_by},
          {"note", s.note},
          {"shelved", is_shelved(s) ? json(format_utc(*s.shelved)) : json(nullptr)},
          {"shelved_by", is_shelved(s) ? s.shelved_by : ""}};
}

// Where several windows have the same aggregates they share the columns.
Table windows_table(const std::vector<Window>& windows, bool with_series) {
  std::vector<std::string> names;
  std::vector<json> values;
  for (const auto& w : windows) {
    values.push_back(json::parse(w.values, nullptr, false));
    for (const auto& [name, value] : values.back().items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<cli::Column> columns;
  if (with_series) columns.push_back({"series"});
  columns.insert(columns.end(), {{"start"}, {"end"}});
  for (const auto& name : names) columns.push_back({name, Align::right});
  columns.insert(columns.end(), {{"unit"}, {"remarks"}});
  Table table(std::move(columns));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& w = windows[i];
    std::vector<std::string> row;
    if (with_series) row.push_back(printable(w.series));
    row.push_back(format_utc(event_time(w.start)));
    row.push_back(format_utc(event_time(w.end)));
    for (const auto& name : names) row.push_back(cell_of(values[i].value(name, json())));
    row.push_back(printable(w.unit));
    row.push_back(remarks_of(window_json(w)));
    table.row(std::move(row));
  }
  return table;
}

std::string state_of(const StoredEvent& s) {
  std::string out = s.cleared ? "cleared" : "raised";
  out += s.acked ? ", acked by " + printable(s.acked_by) : ", open";
  if (is_shelved(s)) {
    out += fmt::format(", shelved until {} by {}", format_utc(*s.shelved), printable(s.shelved_by));
  }
  return out;
}

std::string user_name() {
  if (const char* by = std::getenv("SUDO_USER"); by != nullptr) return by;
  const auto* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

}  // namespace

struct HistoryWords::State {
  State(cli::Command& series, cli::Command& event, cli::Output& output) : out(output) {
    auto& history = series.add("history", "Results of its windows, from the local history.");
    common(history, true);
    history.argument("GLOB", glob, "Which series, as line1/* or **.", false);
    history.glossary("Remarks", remark_words());
    act(history, [this](Reader& reader) { return show_windows(reader); });

    auto& list = event.add("list", "The newest events, from the local history.");
    list.details("State: raised, or cleared when the value of a limit came back; open until "
                 "somebody acknowledges it, cleared or not.");
    common(list, true);
    list.argument("GLOB", glob, "Of which series, as line1/* or **.", false);
    list.flag("--open", open, "Only those that nobody has acknowledged, cleared ones too.");
    list.flag("--shelved", shelved, "Those that are put aside too.");
    act(list, [this](Reader& reader) { return show_events(reader); });

    auto& ack = event.add("ack", "Says that somebody has seen an event.");
    common(ack, false);
    ack.argument("ID", id, "From: tidemark event list.", true);
    ack.option("--by", by, "Who; the user's name otherwise.", "NAME");
    ack.option("--note", note, "What was found or done.");
    act(ack, [this](Reader& reader) { return acknowledge(reader); });

    auto& shelve = event.add("shelve", "Puts events of its series and cause aside for a while.");
    common(shelve, false);
    shelve.argument("ID", id, "From: tidemark event list.", true);
    shelve.option("--for", span, "How long, as 8h, at most 7d; 0s takes them back.", "TIME");
    shelve.option("--by", by, "Who; the user's name otherwise.", "NAME");
    shelve.option("--note", note, "Why.");
    act(shelve, [this](Reader& reader) { return put_aside(reader); });

    auto& explain =
        event.add("explain", "Why an event was raised, and what was measured around it.");
    common(explain, false);
    explain.argument("ID", id, "From: tidemark event list.", true);
    act(explain, [this](Reader& reader) { return explain_event(reader); });
  }

  void common(cli::Command& c, bool selects) {
    c.flag("--json", as_json, "One JSON object instead of text.");
    c.option("--config", where.config, "The agent's configuration.", "FILE");
    if (!selects) return;
    const auto time = [](std::optional<EventTime>& when) {
      return [&when](const std::string& text) -> Result<> {
        const SystemClock clock;
        TIDE_ASSIGN(when, parse_time(text, clock.wall()));
        return {};
      };
    };
    c.parsed("--from", time(from), "From this time on, as 2026-11-21T02:00:00Z or -2h.", "TIME");
    c.parsed("--to", time(to), "Before this time.", "TIME");
    c.option("--limit", limit, "How many of the newest (of each series).");
  }

  // Commits what a running agent holds, then reads.
  void act(cli::Command& c, std::function<int(Reader&)> action) {
    c.action(with_running_agent(where, agent, out, [this, action = std::move(action)] {
      const auto told = agent.ask({{"command", "history"}});
      if (told.ok() && told->contains("error")) {
        out.err("warning: the agent cannot write its history: " +
                (*told)["error"].get<std::string>() + "\n");
      }
      auto reader = Reader::open(agent.data_dir);
      if (reader) return action(**reader);
      const bool none = reader.error().fault() == Fault::bad_input;
      const int code = out.fail(reader.error(), none ? "tidemark config check" : "");
      return none ? static_cast<int>(kExitNoInput) : code;
    }));
  }

  [[nodiscard]] Selection selection() const {
    return {.glob = glob,
            .from = from.value_or(kEventTimeMin),
            .to = to.value_or(kEventTimeMax),
            .limit = static_cast<std::size_t>(limit)};
  }

  int show_windows(Reader& reader) {
    const auto windows = reader.windows(selection());
    if (!windows) return out.fail(windows.error());
    auto shown = selection();
    if (!from && !windows->empty()) {
      shown.from = event_time(std::ranges::min(*windows, {}, &Window::start).start);
    }
    const auto gaps = reader.gaps(shown);
    if (!gaps) return out.fail(gaps.error());
    if (as_json) {
      json list = json::array();
      for (const auto& w : *windows) list.push_back(window_json(w));
      out.out(json{{"v", 1}, {"windows", std::move(list)}, {"gaps", gaps_json(*gaps)}}.dump() +
              "\n");
    }
    if (windows->empty()) {
      const int code = no_windows(reader);
      if (!as_json && code == kExitOk) tell_gaps(*gaps);
      return code;
    }
    if (as_json) return kExitOk;
    const bool several = windows->front().series != windows->back().series;
    if (!several) out.err(printable(windows->front().series) + "\n");
    out.out(windows_table(*windows, several).text(out.terminal()));
    tell_gaps(*gaps);
    return kExitOk;
  }

  void tell_gaps(const std::vector<Gap>& gaps) {
    if (gaps.empty()) return;
    for (const auto& g : gaps) {
      out.err(fmt::format("gap: the agent ended between {} and {}\n", format_utc(g.from),
                          format_utc(g.to)));
    }
    out.err("  windows that ended or were under way then are missing here, or cut; what is "
            "forwarded is not\n");
  }

  int no_windows(Reader& reader) {
    const auto names = reader.series();
    if (!names) return out.fail(names.error());
    const bool known =
        glob == "**" || std::any_of(names->begin(), names->end(),
                                    [&](const auto& n) { return series_match(glob, n); });
    if (known) {
      const auto kept = reader.span(glob);
      if (!kept) return out.fail(kept.error());
      out.err(*kept ? fmt::format("no windows in this time: those that are kept go from {} to {}\n",
                                  format_utc((*kept)->from), format_utc((*kept)->to))
                    : std::string("no windows yet: a window is stored when it ends\n"));
      return kExitOk;
    }
    const auto near = nearest_series(glob, *names);
    out.err(fmt::format("error: the history has no series '{}'{}\n  try: tidemark series history\n",
                        glob, near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
    return kExitNoInput;
  }

  int show_events(Reader& reader) {
    auto events = reader.events(selection(), open);
    if (!events) return out.fail(events.error());
    if (!shelved) std::erase_if(*events, is_shelved);
    if (as_json) {
      json list = json::array();
      for (const auto& e : *events) list.push_back(event_json(e));
      out.out(json{{"v", 1}, {"events", std::move(list)}}.dump() + "\n");
      return kExitOk;
    }
    Table table({{"id", Align::right}, {"time"}, {"series"}, {"state"}, {"event"}});
    for (const auto& e : *events) {
      table.row({std::to_string(e.event.id), format_utc(e.event.time), printable(e.event.series),
                 state_of(e), printable(e.event.text)});
    }
    out.out(table.empty() ? "no events\n" : table.text(out.terminal()));
    return kExitOk;
  }

  // The event that `id` names; nothing after saying why not.
  std::optional<StoredEvent> find(Reader& reader, int& code) {
    std::uint64_t number = 0;
    const auto [at, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (error != std::errc() || at != id.data() + id.size()) {
      code = out.usage("ID: '" + id + "' is not a number", "tidemark event list");
      return std::nullopt;
    }
    auto found = reader.event(number);
    if (!found) {
      code = out.fail(found.error());
      return std::nullopt;
    }
    if (!*found) {
      const auto newest = reader.events({.limit = 1}, false);
      out.err(fmt::format("error: there is no event {}{}\n  try: tidemark event list\n", number,
                          !newest           ? ""
                          : newest->empty() ? ": there is none at all"
                                            : fmt::format("; the newest is {}",
                                                          newest->front().event.id)));
      code = kExitNoInput;
    }
    return *found;
  }

  int acknowledge(Reader& reader) {
    int code = kExitOk;
    const auto event = find(reader, code);
    if (!event) return code;
    const SystemClock clock;
    if (auto owner = become_owner_of(agent.data_dir); !owner) return out.fail(owner.error());
    const auto name = by.empty() ? user_name() : by;
    const auto done =
        history::acknowledge(agent.data_dir, event->event.id, name, note, clock.wall());
    if (!done) return out.fail(done.error());
    if (as_json) {
      out.out(json{{"v", 1}, {"id", event->event.id}, {"acked_by", name}, {"note", note}}.dump() +
              "\n");
    } else {
      out.out(fmt::format("event {} is acknowledged by {}\n", event->event.id, printable(name)));
    }
    return kExitOk;
  }

  int put_aside(Reader& reader) {
    const auto time = parse_duration(span);
    if (!time) return out.usage("--for: " + time.error().text());
    int code = kExitOk;
    const auto event = find(reader, code);
    if (!event) return code;
    const SystemClock clock;
    if (auto owner = become_owner_of(agent.data_dir); !owner) return out.fail(owner.error());
    const auto name = by.empty() ? user_name() : by;
    const auto until = clock.wall() + *time;
    const auto done =
        history::shelve(agent.data_dir, event->event.id, until, name, note, clock.wall());
    if (!done) return out.fail(done.error());
    const auto& e = event->event;
    if (as_json) {
      out.out(json{{"v", 1}, {"id", e.id}, {"series", e.series}, {"cause", e.cause},
                   {"until", format_utc(until)}, {"by", name}, {"note", note}}.dump() + "\n");
    } else {
      out.out(fmt::format("{} of {} is put aside until {} by {}\n", printable(e.cause),
                          printable(e.series), format_utc(until), printable(name)));
    }
    return kExitOk;
  }

  int explain_event(Reader& reader) {
    int code = kExitOk;
    const auto found = find(reader, code);
    if (!found) return code;
    const auto& e = found->event;
    const auto windows = reader.windows({.glob = e.series,
                                         .from = e.time - kAround,
                                         .to = e.time + kAround,
                                         .limit = kWindowsAround});
    if (!windows) return out.fail(windows.error());
    if (as_json) {
      json told = {{"v", 1}};
      told.update(event_json(*found));
      told["windows"] = json::array();
      for (const auto& w : *windows) told["windows"].push_back(window_json(w));
      out.out(told.dump() + "\n");
      return kExitOk;
    }
    out.out(fmt::format("event {}   {}   {}   {}\n {}\n", e.id, format_utc(e.time),
                        printable(e.series), state_of(*found), printable(e.text)));
    out.out(fmt::format(" measured {} {}, expected {} {}, score {:.2f} (1 is the threshold)\n",
                        e.value, printable(e.unit), e.expected, printable(e.unit), e.score));
    if (!e.detector.empty()) out.out(fmt::format(" detector: {}\n", printable(e.detector)));
    if (found->cleared) out.out(fmt::format(" cleared {}\n", format_utc(*found->cleared)));
    if (found->acked) {
      out.out(fmt::format(" acknowledged {} by {}{}\n", format_utc(*found->acked),
                          printable(found->acked_by),
                          found->note.empty() ? "" : ": " + printable(found->note)));
    }
    out.out(e.context ? " the raw readings around it were sent on the alarm lane\n"
                      : " no raw context was sent: forward = \"windows+context\" does\n");
    if (!windows->empty()) out.out(windows_table(*windows, false).text(out.terminal()));
    return kExitOk;
  }

  cli::Output& out;
  Agent agent;
  bool as_json = false, open = false, shelved = false;
  Where where;
  std::string glob = "**", id, by, note, span = "8h";
  std::optional<EventTime> from, to;
  std::uint64_t limit = 100;
};

HistoryWords::HistoryWords(cli::Command& series, cli::Command& event, cli::Output& out)
    : state_(std::make_unique<State>(series, event, out)) {}
HistoryWords::~HistoryWords() = default;

}  // namespace tidemark::edge
