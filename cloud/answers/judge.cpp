#include "cloud/answers/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace tidemark::answers {

void put_states(Answer& answer, const std::vector<std::pair<std::string, double>>& states) {
  for (const auto& [state, seconds] : states) {
    auto& all = answer.values["time_in_state:" + state];
    all = all.value_or(0) + seconds;
  }
}

void fill_values(Answer& answer, const window::Summary& sum, const SeriesDescription& series,
                 const std::vector<std::string>& aggregates) {
  const bool stddev = std::ranges::find(aggregates, "stddev") != aggregates.end();
  const window::Figures figures(sum, series.exponent, stddev);
  const bool texts = series.type == ValueType::text && sum.partial().count() > 0;
  for (const auto& name : aggregates) {
    answer.approximate = answer.approximate || !figures.exact(name);
    if (name == "time_in_state") {
      put_states(answer, figures.states());
      continue;
    }
    answer.values[name] = figures.get(name);
    if (texts && name == "first") answer.texts[name] = figures.plain().first_text;
    if (texts && name == "last") answer.texts[name] = figures.plain().last_text;
  }
}

void note_increase(Answer& answer, const window::Summary& sum,
                   const window::OrderedOptions& options, const SeriesDescription& series) {
  if (!answer.values.contains("increase") || !sum.totals()) return;
  const auto shown = [&](const window::OrderedSample& s) {
    return json_number(series.type == ValueType::f64 ? s.f64
                                                     : decimal_to_double(s.i64, series.exponent));
  };
  for (const auto& swap : options.swaps) {
    if (event_time(swap.time) < answer.start || event_time(swap.time) >= answer.end) continue;
    answer.notes.push_back(fmt::format("meter swapped at {}: the old one ended at {}, the new one "
                                       "began at {} (operator)", format_utc(event_time(swap.time)),
                                       shown(swap.old_end), shown(swap.new_start)));
  }
  const auto figures = sum.totals()->figures(series.exponent);
  if (figures.resets > 0) {
    answer.notes.push_back(fmt::format("the counter began anew {} times", figures.resets));
  }
  if (!figures.gap) return;
  answer.estimated = true;
  answer.notes.push_back(fmt::format("no reading from {} to {}: what was counted in between is in "
                                     "the increase of this window, and its time is estimated",
                                     format_utc(event_time(figures.gap->from)),
                                     format_utc(event_time(figures.gap->to))));
}

namespace {

void judge_completeness(Answer& answer, const Basis& known) {
  if (known.sealed && !known.whole_minutes && known.none_given_up) {
    answer.completeness = 1.0;
    return;
  }
  const auto& manifest = known.manifest;
  if (const auto all = manifest.all(); all > 0) {
    answer.completeness = static_cast<double>(manifest.received) / static_cast<double>(all);
  } else if (known.sealed) {
    answer.completeness = 1.0;
  }
  const bool differs = manifest.surplus() > 0 || (manifest.lacking > 0 && !known.whole_minutes);
  answer.estimated = answer.completeness && (!known.sealed || differs);
  // What may lie in a sum that is here is not lost.
  const auto absent = manifest.lacking;
  if (known.sealed && known.whole_minutes) answer.lost = absent - std::min(absent, known.unplaced);
  if (known.reaches_back && absent > 0) answer.estimated = true;
}

// What was left out lies within the deadband of a reading that is here.
void note_thinned(Answer& answer, double deadband) {
  constexpr std::array<std::string_view, 4> kWithin{"min", "max", "first", "last"};
  for (const auto& [name, value] : answer.values) {
    const bool within = std::find(kWithin.begin(), kWithin.end(), name) != kWithin.end();
    answer.approximate = answer.approximate || !within;
  }
  answer.notes.push_back(fmt::format(
      "thinned by the edge: readings within {} of the last one sent were left out; min, max, "
      "first, last and twa are off by at most that, what counts readings is of those that "
      "were sent",
      json_number(deadband)));
}

}  // namespace

void judge(Answer& answer, const Basis& known) {
  if (known.deadband) note_thinned(answer, *known.deadband);
  answer.state = known.sealed || known.waived ? State::sealed : State::provisional;
  const auto width = answer.end - answer.start;
  if (known.off > Nanoseconds{} && known.off >= width) {
    answer.coverage = 0;
  } else if (known.whole_minutes && known.manifest.due > 0) {
    answer.coverage = static_cast<double>(known.manifest.good) /
                      static_cast<double>(known.manifest.due);
    if (known.off > Nanoseconds{}) {
      *answer.coverage *= static_cast<double>((width - known.off).count()) /
                          static_cast<double>(width.count());
    }
  }
  judge_completeness(answer, known);
  answer.estimated = answer.estimated || known.estimated;
  if (const auto unplaced = known.unplaced + known.forgotten + known.waiting; unplaced > 0) {
    const auto certain = static_cast<double>(known.readings) /
                         static_cast<double>(known.readings + unplaced);
    answer.completeness = std::min(answer.completeness.value_or(1.0), certain);
    answer.estimated = true;
  }
  const auto& dropped = known.manifest.dropped;
  if (known.uncounted > 0 || dropped.unknown()) answer.completeness.reset();
  if (dropped.unknown() && known.off < width) answer.coverage.reset();
  if (known.uncounted > 0 || !dropped.empty()) answer.estimated = true;
}

void Basis::add_series(const Basis& other) {
  manifest += other.manifest;
  readings += other.readings;
  unplaced += other.unplaced;
  forgotten += other.forgotten;
  waiting += other.waiting;
  uncounted = std::max(uncounted, other.uncounted);  // of the same edge
  reaches_back = reaches_back || other.reaches_back;
  deadband = std::max(deadband, other.deadband);  // nothing is less than any
}

EventTime counted_from(EventTime start, Nanoseconds widest_sum) {
  return widest_sum > Nanoseconds{} ? floor_to(start, widest_sum) : start;
}

namespace {
std::string span_text(const reconcile::DroppedSum::Stretch& stretch) {
  const auto until = "to " + format_utc(stretch.until);
  const bool known = stretch.from > EventTime{};  // where nothing was ever proved it begins nowhere
  return known ? "from " + format_utc(stretch.from) + " " + until : "up " + until;
}

void note_dropped(const std::string& source, const reconcile::DroppedSum& dropped,
                  std::vector<Missing>& missing) {
  using Why = DroppedCounts::Why;
  for (const auto why : {Why::bound, Why::start, Why::cut, Why::lost, Why::restored}) {
    const auto& stretch = dropped.of(why);
    if (!stretch) continue;
    const auto span = span_text(*stretch);
    if (why == Why::cut) {
      missing.push_back({source, fmt::format("the power went {}: what its edge took last may be "
                                             "lost before anything counted it", span)});
      continue;
    }
    if (why == Why::lost) {
      missing.push_back({source, fmt::format("its edge lost a start, with what that took and had "
                                             "not sent {}", span)});
      continue;
    }
    if (why == Why::restored) {
      missing.push_back({source, fmt::format("this cloud came back from a backup, and no longer "
                                             "knows what its edge told it {}", span)});
      continue;
    }
    const auto readings = stretch->readings > 0
                              ? fmt::format(", of up to {} readings", stretch->readings)
                              : std::string();
    missing.push_back({source, fmt::format("its edge has no counts any more {}{}{}", span, readings,
                                           why == Why::start
                                               ? ", nor the start that took them"
                                               : ", and not all of its blocks are here")});
  }
}
}  // namespace

void note_unplaced(const std::string& source, const Basis& known, std::vector<Missing>& missing) {
  const auto absent = known.manifest.lacking;
  if (known.sealed && !known.whole_minutes && !known.none_given_up && absent > known.unplaced) {
    missing.push_back({source, fmt::format("{} readings of the minutes that this window lies in "
                                           "were evicted or lost", absent - known.unplaced)});
  }
  if (known.unplaced > 0) {
    missing.push_back({source, fmt::format("{} readings came in sums that are wider than this "
                                           "window", known.unplaced)});
  }
  if (known.uncounted > 0) {
    const auto* what = known.estimated
                           ? "kept aside or dropped, and nobody counts what was sent"
                           : "lost with the power before anything counted them";
    missing.push_back({source, fmt::format("{} blocks were {}", known.uncounted, what)});
  }
  note_dropped(source, known.manifest.dropped, missing);
  if (known.forgotten > 0) {
    missing.push_back({source, fmt::format("{} readings are older than what the archive keeps and "
                                           "only in sums that are wider", known.forgotten)});
  }
  if (known.waiting > 0) {
    missing.push_back({source, fmt::format("{} readings wait in the late ledger or in quarantine: "
                                           "tidemark cloud late replay", known.waiting)});
  }
}

namespace {
constexpr std::string_view kOffline = " offline since ";
constexpr std::string_view kUnderWay = " blocks under way";
constexpr std::string_view kProvedUntil = "proved until ";
constexpr std::string_view kNothingProved = "nothing of it is proved so far";
constexpr std::string_view kEstimatedUntil = "estimated until ";
constexpr std::string_view kNothingEstimated = "how far it is cannot be estimated so far";
}  // namespace

void note_waiting(const std::string& source, const Whereabouts& edge, EventTime end,
                  std::vector<Missing>& missing) {
  const auto seen = format_utc(edge.seen);
  if (!edge.connected) {
    missing.push_back({source, fmt::format("edge {}{}{}{}{}", edge.edge, kOffline, seen,
                                           edge.away.empty() ? "" : ": ", edge.away)});
  }
  if (edge.missing > 0) {
    missing.push_back({source, fmt::format("{}{}", edge.missing, kUnderWay)});
  }
  if (edge.connected && edge.frontier < end && edge.seen >= end) {
    const auto nothing = edge.estimated ? kNothingEstimated : kNothingProved;
    const auto until = edge.estimated ? kEstimatedUntil : kProvedUntil;
    missing.push_back(
        {source, fmt::format("{}, edge {} last heard at {}",
                             edge.frontier == kEventTimeMin
                                 ? std::string(nothing)
                                 : fmt::format("{}{}", until, format_utc(edge.frontier)),
                             edge.edge, seen)});
  }
}

bool is_waiting(const Missing& m) {
  return m.reason.find(kOffline) != std::string::npos || m.reason.ends_with(kUnderWay) ||
         m.reason.starts_with(kProvedUntil) || m.reason.starts_with(kNothingProved) ||
         m.reason.starts_with(kEstimatedUntil) || m.reason.starts_with(kNothingEstimated);
}

namespace {
constexpr std::string_view kDropped = " readings of about this time dropped ";
constexpr std::size_t kAsideNamed = 3;  // of a window

std::string aside_text(const Aside& a) {
  if (a.state == store::LetterState::kept) {
    return fmt::format("{} readings of about this time kept aside (dead letter {}): {}",
                       a.readings, a.letter, a.why);
  }
  return fmt::format("{}{}{} (dead letter {}): {}", a.readings, kDropped,
                     a.state == store::LetterState::dropped ? "by operator" : "for want of room",
                     a.letter, a.why);
}
}  // namespace

std::uint64_t count_aside(std::span<const Aside> all, EventTime start, EventTime end) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(all, [&](const Aside& a) { return a.meets(start, end); }));
}

bool may_lack(const Basis& basis) {
  const auto& counts = basis.manifest;
  return counts.lacking > 0 || counts.dropped.unknown() || basis.estimated;
}

bool note_aside(const std::string& source, std::span<const Aside> all, const Answer& answer,
                std::vector<Missing>& missing) {
  std::size_t named = 0;
  for (const auto& a : all) {
    if (!a.meets(answer.start, answer.end)) continue;
    if (++named > kAsideNamed) break;
    missing.push_back({source, aside_text(a)});
  }
  return named > 0;
}

bool is_dropped(const Missing& m) { return m.reason.find(kDropped) != std::string::npos; }

Waived waived_of(const store::Waiver& w) {
  return {w.name(), w.retired, w.until, w.by, w.reason, w.at};
}

void note_waived(const Answer& answer, std::vector<Missing>& missing) {
  for (const auto& w : answer.waived) {
    missing.push_back({w.source, fmt::format("{} by {} at {}: {}", w.retired ? "retired" : "waived",
                                             w.by, format_utc(w.at), w.reason)});
  }
}

void note_off(const std::string& source, const std::vector<reconcile::OffTimes::Span>& off,
              std::vector<Missing>& missing) {
  constexpr std::size_t kNamed = 3;
  for (std::size_t i = 0; i < off.size(); ++i) {
    if (i == kNamed) {
      missing.push_back({source, fmt::format("edge was off {} more times until {}",
                                             off.size() - kNamed, format_utc(off.back().until))});
      return;
    }
    missing.push_back({source, fmt::format("edge was off from {} to {}", format_utc(off[i].from),
                                           format_utc(off[i].until))});
  }
}

}  // namespace tidemark::answers
