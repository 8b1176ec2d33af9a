#include "cloud/cli/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cloud/cli/cells.h"
#include "common/base/exit_code.h"
#include "common/base/time.h"
#include "common/cli/table.h"

namespace tidemark::cloud_cli {
namespace {

using cli::Align;
using cli::Table;
using cli::Tone;

// Where a reading that was taken can be (common/model/seal.h).
constexpr std::array kPlaces = {"answered",    "thinned", "duplicate", "local",  "late_ledger",
                                "quarantined", "evicted", "lost",      "pending"};

// The figure that people ask for first; others follow in order of their names.
constexpr std::array kFirst = {"mean", "avg", "twa", "last", "increase", "sum", "min", "max"};

std::string grouped(std::string digits) {
  const auto end = std::min(digits.find('.'), digits.size());
  const std::size_t begin = digits.starts_with('-') ? 1 : 0;
  for (std::size_t i = end; i > begin + 3; i -= 3) digits.insert(i - 3, 1, ' ');
  return digits;
}

// What more may have been taken is not known yet: then the figure is estimated.
std::string completeness_of(const Json& answer) {
  const auto percent = percent_of(answer, "completeness");
  return answer.value("estimated", false) ? "~" + percent : percent;
}

std::string seconds_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number()) return "–";
  const double s = at->get<double>();
  if (s < 10) return fmt::format("{:.1f} s", s);
  if (s < 120) return fmt::format("{:.0f} s", s);
  if (s < 7200) return fmt::format("{:.0f} min", s / 60);
  if (s < 172800) return fmt::format("{:.0f} h", s / 3600);
  return fmt::format("{:.0f} d", s / 86400);
}

bool on_one_day(const Json& answers) {
  std::set<std::string> days;
  for (const auto& a : answers) days.insert(text_of(a, "start").substr(0, 10));
  return days.size() <= 1;
}

// "power_1m v2": of which definition an answer is.
std::string view_of(const Json& answer) {
  const auto version = count_of(answer, "view_version");
  const auto name = text_of(answer, "view");
  return version == 0 ? name : fmt::format("{} v{}", name, version);
}

bool one_view(const Json& answers) {
  std::set<std::string> views;
  for (const auto& a : answers) views.insert(view_of(a));
  return views.size() <= 1;
}

std::string group_of(const Json& answer) {
  auto series = text_of(answer, "series");
  if (!series.empty() || !answer.contains("labels")) return series;
  for (const auto& [key, value] : answer["labels"].items()) {
    series += fmt::format("{}{}={}", series.empty() ? "" : " ", key,
                          value.is_string() ? value.get<std::string>() : value.dump());
  }
  return series;
}

Tone tone_of(const std::string& state) {
  if (state == "sealed" || state == "frozen" || state == "connected") return Tone::good;
  if (state == "revised") return Tone::warning;
  if (state == "away") return Tone::bad;
  return Tone::dim;
}

// "2  (late, was 4 871)"
std::string revision_of(const Json& a, const std::string& shown) {
  std::string out = fmt::format("{}", count_of(a, "revision"));
  const auto cause = text_of(a, "cause");
  const auto previous = a.find("previous");
  const bool was = previous != a.end() && previous->contains(shown);
  if (cause.empty() && !was) return out;
  out += "  (" + cause;
  if (was) out += fmt::format("{}was {}", cause.empty() ? "" : ", ",
                              figure_of(*previous, shown.c_str()));
  return out + ")";
}

std::vector<std::string> aggregates_of(const Json& answers) {
  std::vector<std::string> names;
  for (const auto& a : answers) {
    if (!a.contains("values")) continue;
    for (const auto& [name, value] : a["values"].items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  const auto rank = [](const std::string& name) {
    return std::find(kFirst.begin(), kFirst.end(), name) - kFirst.begin();
  };
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a < b;
  });
  return names;
}

std::string note_of(const Json& a) {
  std::string out;
  const auto add = [&](const std::string& text) {
    out += out.empty() ? "" : "; ";
    out += text;
  };
  if (const auto lost = count_of(a, "lost"); lost > 0) add(fmt::format("{} lost", lost));
  for (const auto& m : list_of(a, "missing")) {
    add(fmt::format("{}: {}", text_of(m, "source"), text_of(m, "reason")));
  }
  if (a.value("approximate", false)) add("approximate");
  for (const auto& n : list_of(a, "notes")) {
    if (n.is_string()) add(n.get<std::string>());
  }
  return out;
}

// Who has which partition, a line each; empty where a node has all of its input.
std::string owners_of(const Json& status) {
  std::string lines;
  for (const auto& p : list_of(status, "owners")) {
    const auto owner = text_of(p, "owner");
    lines += fmt::format("part    {:03}  ", count_of(p, "partition"));
    if (p.value("here", false)) {
      lines += fmt::format("here since {}, {} records behind", moment(text_of(p, "since"), true),
                           count_of(p, "behind"));
      if (const auto waits = count_of(p, "unpublished"); waits > 0) {
        lines += fmt::format(", {} answers to publish", waits);
      }
      if (p.contains("takeover_ms") && p["takeover_ms"].is_number()) {
        lines += fmt::format(", taken over in {:.1f} s{}",
                             static_cast<double>(count_of(p, "takeover_ms")) / 1000,
                             p.value("restored", false) ? " from a checkpoint" : "");
      }
      const auto at = text_of(p, "checkpoint");
      lines += at.empty() ? ", no checkpoint yet" : ", checkpoint of " + moment(at, true);
      const auto problem = text_of(p, "checkpoint_problem");
      lines += problem.empty() ? "" : " (" + problem + ")";
      const auto why = text_of(p, "problem");
      lines += (why.empty() ? "" : ": " + why) + "\n";
    } else {
      lines += owner.empty() ? "nobody\n" : owner + "\n";
    }
  }
  return lines;
}

std::string letters_of(const Json& status) {
  const auto letters = status.value("dead_letters", Json::object());
  std::uint64_t all = 0;
  std::string reasons;
  for (const auto& [why, count] : letters.items()) {
    all += count_of(letters, why.c_str());
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", why,
                           count_of(letters, why.c_str()));
  }
  if (all == 0) return "";
  return fmt::format("letters {} kept aside ({}): tidemark cloud deadletter list", all, reasons);
}

}  // namespace

bool adds_up(const Json& status) {
  const auto ledger = status.value("ledger", Json::object());
  std::uint64_t sum = 0;
  for (const char* key : kPlaces) sum += count_of(ledger, key);
  return sum == count_of(ledger, "taken");
}

std::string figure(double v) {
  if (!std::isfinite(v)) return "–";
  const double size = std::fabs(v);
  if (v != 0 && (size < 1e-4 || size >= 1e15)) return fmt::format("{:.4g}", v);
  const int before = size < 1 ? 1 : static_cast<int>(std::floor(std::log10(size))) + 1;
  auto text = fmt::format("{:.{}f}", v, std::max(0, 6 - before));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return grouped(text);
}

bool serves_only(const Json& status) { return status.value("serves", Json()).is_object(); }

namespace {

// Of a node that makes no answers of its own.
int print_serving(const Json& body, const std::string& node, cli::Output& output) {
  const auto& s = body["serves"];
  const bool running = s.value("ready", Json()).is_boolean();
  const auto problem = text_of(s, "problem");
  output.out(fmt::format("cloud   {}   position {}   serves answers of other nodes\n", node,
                         count_of(body, "position")));
  output.out(fmt::format("read    {} records, {} of them again, {} behind a newer revision{}\n",
                         figure_of(s, "records"), figure_of(s, "repeated"), figure_of(s, "older"),
                         running ? fmt::format("; {} to go", figure_of(s, "behind")) : ""));
  if (const auto lost = count_of(s, "lost"); lost > 0) {
    output.out(output.paint(Tone::bad, fmt::format("lost    {} revisions went before they were "
                                                   "read", lost)) + "\n");
  }
  const auto floor = text_of(s, "known_from");
  if (!floor.empty()) {
    output.out(fmt::format("as-of   reaches back to {}\n", moment(floor, true)));
  }
  if (const auto refused = count_of(s, "refused"); refused > 0) {
    output.out(output.paint(Tone::warning, fmt::format("refused {} records that cannot be read",
                                                       refused)) + "\n");
  }
  for (const auto& r : list_of(s, "newest_refused")) {
    output.out(fmt::format("        {}: {} ({})\n", text_of(r, "record"), text_of(r, "reason"),
                           moment(text_of(r, "at"), true)));
  }
  if (!running || (problem.empty() && s.value("ready", false))) return kExitOk;
  output.err(fmt::format("exit 2: degraded ({})\n",
                         problem.empty() ? "what was there at its start is not read yet"
                                         : problem));
  return kExitDegraded;
}

}  // namespace

int print_status(const Json& body, const std::string& node, cli::Output& output) {
  if (serves_only(body)) return print_serving(body, node, output);
  const auto lag = seconds_of(body, "lag");
  output.out(fmt::format("cloud   {}   position {}{}\n", node, count_of(body, "position"),
                         lag == "–" ? "" : fmt::format("   slowest edge {} behind", lag)));
  Table table({{" edge"}, {"state"}, {"watermark"}, {"behind", Align::right},
               {"complete", Align::right}, {"on the way", Align::right},
               {"missing blocks", Align::right}, {"lost", Align::right}});
  int away = 0;
  for (const auto& e : list_of(body, "edges")) {
    const auto state = text_of(e, "state");
    away += state == "away" ? 1 : 0;
    const auto ledger = e.value("ledger", Json::object());
    table.row({fmt::format(" {}", text_of(e, "name")), output.paint(tone_of(state), state),
               moment(text_of(e, "frontier"), true), seconds_of(e, "frontier_lag_s"),
               percent_of(e, "completeness"), figure_of(ledger, "pending"),
               figure_of(e, "blocks_missing"),
               figure(static_cast<double>(count_of(ledger, "evicted") + count_of(ledger, "lost") +
                                          count_of(ledger, "quarantined")))});
  }
  if (const auto owners = owners_of(body); !owners.empty()) output.out(owners);
  if (table.empty()) {
    output.out(" no edge has sent anything yet\n");
  } else {
    output.out(table.text(output.terminal()));
  }
  int alarms = 0;
  for (const auto& e : list_of(body, "edges")) {
    if (const auto why = text_of(e, "away"); !why.empty()) {
      output.out(output.paint(Tone::bad, fmt::format("away    {}: {}", text_of(e, "name"), why)) +
                 "\n");
    }
    for (const auto& a : list_of(e, "alarms")) {
      ++alarms;
      output.out(output.paint(Tone::bad, fmt::format("alarm   {}: {}", text_of(e, "name"),
                                                     text_of(a, "text"))) +
                 fmt::format(" ({}, {} times, last {})\n", text_of(a, "kind"),
                             count_of(a, "times"), moment(text_of(a, "last"), true)));
    }
  }
  if (const auto letters = letters_of(body); !letters.empty()) {
    output.out(output.paint(Tone::warning, letters) + "\n");
  }
  const auto ledger = body.value("ledger", Json::object());
  std::string terms;
  for (const char* key : kPlaces) {
    const auto n = count_of(ledger, key);
    if (n > 0) {
      terms += fmt::format("{}{} {}", terms.empty() ? " = " : " + ", key,
                           grouped(std::to_string(n)));
    }
  }
  output.out(fmt::format("ledger  taken {}{}\n", figure_of(ledger, "taken"), terms));
  if (!adds_up(body)) {
    output.out(output.paint(Tone::bad, "ledger  does not add up: please report this\n"));
    return kExitDegraded;
  }
  if (away == 0 && alarms == 0) return kExitOk;
  std::string why = away > 0 ? fmt::format("{} away", away) : "";
  if (alarms > 0) why += fmt::format("{}{} alarms", why.empty() ? "" : ", ", alarms);
  output.err(fmt::format("exit 2: degraded ({})\n", why));
  return kExitDegraded;
}

int print_answers(const Json& body, bool every_revision, cli::Output& output) {
  const auto& answers = list_of(body, "answers");
  if (answers.empty()) {
    output.err("no answers in that range\n  try: tidemark cloud series\n");
    return kExitOk;
  }
  std::vector<std::string> names = aggregates_of(answers);
  // The count has a column of its own; it is the figure only where nothing else was asked for.
  const bool counted = std::erase(names, "count") > 0 && !names.empty();
  if (names.empty()) names.emplace_back("count");

  std::set<std::string> groups;
  for (const auto& a : answers) groups.insert(group_of(a));
  const bool grouped_rows = groups.size() > 1;
  const bool days = !on_one_day(answers);
  const bool views = !one_view(answers);
  bool notes = false;
  bool covered = false;  // somewhere: a plant without schedules needs no column of dashes
  for (const auto& a : answers) {
    notes = notes || !note_of(a).empty();
    covered = covered || (a.contains("coverage") && a["coverage"].is_number());
  }

  std::vector<cli::Column> columns;
  if (grouped_rows) columns.push_back({"series"});
  if (views) columns.push_back({"view"});
  columns.push_back({"window"});
  for (const auto& name : names) {
    columns.push_back({names.size() == 1 ? "value" : name, Align::right});
  }
  if (counted) columns.push_back({"n", Align::right});
  columns.push_back({"complete", Align::right});
  if (covered) columns.push_back({"coverage", Align::right});
  columns.insert(columns.end(), {{"state"}, {"revision"}});
  if (every_revision) columns.push_back({"known at"});
  if (notes) columns.push_back({"note"});
  Table table(columns);
  for (const auto& a : answers) {
    const auto values = a.value("values", Json::object());
    const auto unit = text_of(a, "unit");
    std::vector<std::string> cells;
    if (grouped_rows) cells.push_back(group_of(a));
    if (views) cells.push_back(view_of(a));
    cells.push_back(moment(text_of(a, "start"), days));
    for (const auto& name : names) {
      auto cell = figure_of(values, name.c_str());
      if (!unit.empty() && cell != "–" && name != "count") cell += fmt::format(" {}", unit);
      cells.push_back(std::move(cell));
    }
    if (counted) cells.push_back(figure_of(values, "count"));
    const auto state = text_of(a, "state");
    cells.push_back(completeness_of(a));
    if (covered) cells.push_back(percent_of(a, "coverage"));
    cells.insert(cells.end(),
                 {output.paint(tone_of(state), state), revision_of(a, names.front())});
    if (every_revision) cells.push_back(moment(text_of(a, "known_at"), days));
    if (notes) cells.push_back(note_of(a));
    table.row(std::move(cells));
  }
  if (!grouped_rows && output.terminal().interactive) {
    output.err(fmt::format("{}, UTC\n", group_of(answers.front())));
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_series(const Json& body, cli::Output& output) {
  Table table({{"series"}, {"value", Align::right}, {"last"}, {"readings", Align::right},
               {"kind"}, {"site"}});
  for (const auto& s : list_of(body, "series")) {
    auto value = text_of(s, "text");
    if (value.empty()) value = figure_of(s, "value");
    const auto unit = text_of(s, "unit");
    if (value != "–" && !unit.empty()) value += fmt::format(" {}", unit);
    table.row({text_of(s, "series"), value, moment(text_of(s, "last"), true),
               figure_of(s, "readings"), text_of(s, "kind"), text_of(s, "site")});
  }
  if (table.empty()) {
    output.err("no series yet: nothing was measured\n  try: tidemark cloud status\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_watermark(const Json& body, cli::Output& output) {
  Table table({{"edge"}, {"source"}, {"class"}, {"watermark"}, {"sealed until"},
               {"due", Align::right}, {"good", Align::right}, {"taken", Align::right},
               {"edge complete", Align::right}, {"stamped"}});
  for (const auto& e : list_of(body, "edges")) {
    for (const auto& s : list_of(e, "sources")) {
      table.row({text_of(e, "name"), text_of(s, "name"), text_of(s, "poll_class"),
                 moment(text_of(s, "frontier"), true), moment(text_of(s, "sealed_until"), true),
                 figure_of(s, "due"), figure_of(s, "good"), figure_of(s, "taken"),
                 percent_of(e, "completeness"),
                 s.value("device_stamped", false) ? "by the device" : "by the edge"});
    }
  }
  if (serves_only(body)) {
    output.err("sources are not known here; ask a node that makes answers: this one serves what "
               "others said\n");
    return kExitNoInput;
  }
  if (table.empty()) {
    output.err("no source has sealed anything yet\n  try: tidemark cloud status\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

}  // namespace tidemark::cloud_cli
