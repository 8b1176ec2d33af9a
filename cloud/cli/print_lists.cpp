// What came late or could not be taken, what edges and persons said: a row for each.
#include <fmt/format.h>

#include "cloud/cli/cells.h"
#include "cloud/cli/print.h"
#include "common/base/exit_code.h"
#include "common/cli/table.h"

namespace tidemark::cloud_cli {
namespace {

using cli::Align;
using cli::Table;

// What a person can do about one that is kept.
std::string advice_of(const Json& letter) {
  const auto name = letter_name(letter);
  const auto why = text_of(letter, "why");
  const auto drop = fmt::format("tidemark cloud deadletter drop {} --reason TEXT", name);
  const auto retry = fmt::format("tidemark cloud deadletter retry {}", name);
  if (text_of(letter, "state") != "kept") return "";
  if (text_of(letter, "frame").empty()) return fmt::format("read it, then: {}", drop);
  if (why == "dictionary_missing") {
    return fmt::format("it is taken by itself when its dictionary comes; to ask its edge again: "
                       "{}", retry);
  }
  if (why == "unreadable") {
    return fmt::format("a later version may read it: {}; if nothing can, its readings are lost: {}",
                       retry, drop);
  }
  if (why == "bound") return fmt::format("when there is room: {}", retry);
  if (why == "second_box") {
    return fmt::format("decide which box is the edge (tidemark cloud edge accept|refuse), then: {} "
                       "or {}", retry, drop);
  }
  return fmt::format("the first one stands; to clear it: {}", drop);
}

}  // namespace

std::string letter_name(const Json& letter) {
  const auto at = letter.find("partition");
  const auto id = count_of(letter, "id");
  if (at == letter.end() || !at->is_number()) return fmt::format("{}", id);
  return fmt::format("{}/{}", at->get<int>(), id);
}

int print_late(const Json& body, cli::Output& output) {
  Table table({{"series"}, {"time"}, {"readings", Align::right}, {"went to"}, {"window"},
               {"complete", Align::right}, {"state"}, {"revision", Align::right}});
  for (const auto& r : list_of(body, "late")) {
    std::vector<std::string> cells{text_of(r, "series"), moment(text_of(r, "start"), true),
                                   figure_of(r, "readings"), text_of(r, "placement")};
    const auto w = r.value("window", Json());
    if (w.is_object()) {
      cells.insert(cells.end(), {fmt::format("{} {}", text_of(w, "view"),
                                             moment(text_of(w, "start"), true)),
                                 percent_of(w, "completeness"), text_of(w, "state"),
                                 figure_of(w, "revision")});
    } else {
      cells.insert(cells.end(), {"–", "–", "–", "–"});
    }
    table.row(std::move(cells));
  }
  if (table.empty()) {
    output.err("none came late\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_events(const Json& body, const std::string& limit, cli::Output& output) {
  Table table({{"time"}, {"series"}, {"event"}, {"is"}, {"id", Align::right}, {"known at"}});
  for (const auto& e : list_of(body, "events")) {
    const auto skipped = count_of(e, "skipped");
    if (skipped > 0) {
      output.err(fmt::format("{}: {} events before that of {} were too many at once, and are at "
                             "the machine alone\n", text_of(e, "edge"), skipped,
                             text_of(e, "time")));
    }
    table.row({moment(text_of(e, "time"), true), text_of(e, "series"), text_of(e, "text"),
               text_of(e, "state"), fmt::format("{}", count_of(e, "id")),
               moment(text_of(e, "known_at"), true)});
  }
  if (table.empty()) {
    output.err("no such events; their causes are range, rate, stuck, spike, and of a limit hihi, "
               "hi, lo, lolo\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  const auto shown = list_of(body, "events").size();
  if (fmt::format("{}", shown) == limit) {
    output.err(fmt::format("the newest {} are shown; more by --limit, others by --to\n", shown));
  }
  return kExitOk;
}

int print_swaps(const Json& body, cli::Output& output) {
  Table table({{"series"}, {"at"}, {"old end", Align::right}, {"new start", Align::right},
               {"said at"}});
  for (const auto& s : list_of(body, "swaps")) {
    table.row({text_of(s, "series"), moment(text_of(s, "at"), true), figure_of(s, "old_end"),
               figure_of(s, "new_start"), moment(text_of(s, "known_at"), true)});
  }
  if (table.empty()) {
    output.err("no meter was swapped\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_waived(const Json& body, cli::Output& output) {
  Table table({{"source"}, {"is"}, {"until"}, {"said by"}, {"at"}, {"reason"}, {"ended"}});
  for (const auto& w : list_of(body, "waived")) {
    const auto ended = text_of(w, "ended");
    table.row({text_of(w, "source"), text_of(w, "kind"), moment(text_of(w, "until"), true),
               text_of(w, "by"), moment(text_of(w, "at"), true), text_of(w, "reason"),
               ended.empty() ? "–" : fmt::format("{} by {}", moment(ended, true),
                                                 text_of(w, "ended_by"))});
  }
  if (table.empty()) {
    output.err("no source is retired or waived\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_letters(const Json& body, cli::Output& output) {
  Table table({{"letter"}, {"edge"}, {"block"}, {"why"}, {"at"}, {"bytes", Align::right},
               {"readings", Align::right}, {"state"}, {"reason"}});
  for (const auto& l : list_of(body, "deadletters")) {
    const auto incarnation = text_of(l, "incarnation");
    const auto frame = text_of(l, "frame");
    table.row({letter_name(l), text_of(l, "edge"),
               incarnation.empty() ? (frame.empty() ? "–" : frame)
                                   : fmt::format("{}/{}", incarnation, count_of(l, "sequence")),
               text_of(l, "why"), moment(text_of(l, "at"), true), figure_of(l, "bytes"),
               figure_of(l, "readings"), text_of(l, "state"), text_of(l, "reason")});
  }
  if (table.empty()) {
    output.err("no dead letters: all that came could be taken\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_letter(const Json& body, cli::Output& output) {
  const auto l = body.value("deadletter", Json::object());
  Table table({{"letter"}, {letter_name(l)}});
  for (const auto& [key, value] : l.items()) {
    if (key == "id" || key == "partition" || value.is_null()) continue;
    table.row({key, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  if (const auto advice = advice_of(l); !advice.empty()) table.row({"next", advice});
  output.out(table.text(output.terminal()));
  return kExitOk;
}

int print_views(const Json& body, cli::Output& output) {
  Table table({{"view"}, {"version", Align::right}, {"since"}, {"until"}});
  for (const auto& v : list_of(body, "versions")) {
    const auto until = text_of(v, "until");
    table.row({text_of(v, "view"), fmt::format("{}", count_of(v, "version")),
               moment(text_of(v, "since"), true),
               until.empty() ? "in force" : moment(until, true)});
  }
  output.out(table.text(output.terminal()));
  if (list_of(body, "views").empty()) output.err("no views; they are declared in views.d/*.toml\n");
  return kExitOk;
}

}  // namespace tidemark::cloud_cli
