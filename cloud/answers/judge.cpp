#include "cloud/answers/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::answers {

void fill_values(Answer& answer, const window::Partial& sum, const SeriesDescription& series,
                 const std::vector<std::string>& aggregates) {
  const auto figures = window::Aggregates::of(sum, series.exponent);
  for (const auto& name : aggregates) {
    answer.values[name] = figures.get(name);
    if (series.type == ValueType::text && sum.count() > 0) {
      if (name == "first") answer.texts[name] = figures.first_text;
      if (name == "last") answer.texts[name] = figures.last_text;
    }
  }
}

namespace {

void judge_completeness(Answer& answer, const Basis& known) {
  if (known.sealed && !known.whole_minutes && known.none_given_up) {
    answer.completeness = 1.0;
    return;
  }
  const auto& manifest = known.manifest;
  // Blocks may be here before the seal that counts them.
  const auto sent = std::max(manifest.sent, manifest.received);
  if (sent > 0) {
    answer.completeness = static_cast<double>(manifest.received) / static_cast<double>(sent);
  } else if (known.sealed) {
    answer.completeness = 1.0;
  }
  const bool differs = manifest.received != manifest.sent &&
                       (!known.whole_minutes || manifest.received > manifest.sent);
  answer.estimated = answer.completeness && (!known.sealed || differs);
  // What may lie in a sum that is here is not lost.
  const auto absent = sent - manifest.received;
  if (known.sealed) answer.lost = absent - std::min(absent, known.unplaced);
  if (known.reaches_back && absent > 0) answer.estimated = true;
}

}  // namespace

void judge(Answer& answer, const Basis& known) {
  answer.state = known.sealed ? State::sealed : State::provisional;
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
  const auto unplaced = known.unplaced + known.forgotten + known.waiting;
  if (unplaced == 0) return;
  const auto certain = static_cast<double>(known.readings) /
                       static_cast<double>(known.readings + unplaced);
  answer.completeness = std::min(answer.completeness.value_or(1.0), certain);
  answer.estimated = true;
}

EventTime counted_from(EventTime start, Nanoseconds widest_sum) {
  return widest_sum > Nanoseconds{} ? floor_to(start, widest_sum) : start;
}

void note_unplaced(const std::string& source, const Basis& known, std::vector<Missing>& missing) {
  if (known.unplaced > 0) {
    missing.push_back({source, fmt::format("{} readings came in sums that are wider than this "
                                           "window", known.unplaced)});
  }
  if (known.forgotten > 0) {
    missing.push_back({source, fmt::format("{} readings are older than what the archive keeps and "
                                           "only in sums that are wider", known.forgotten)});
  }
  if (known.waiting > 0) {
    missing.push_back({source, fmt::format("{} readings wait in the late ledger or in quarantine: "
                                           "tidemark cloud late replay", known.waiting)});
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
