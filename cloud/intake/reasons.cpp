#include "cloud/intake/reasons.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/model/poll_class.h"

namespace tidemark::intake {
void name_missing(const Edge& edge, const store::SeriesRow& series, const answers::Answer& answer,
                  const answers::Basis& basis, std::vector<answers::Missing>& missing) {
  const auto name = edge.row.name + "/" + series.description.source;
  const bool sealed = answer.state != answers::State::provisional;
  answers::note_off(name, edge.books.off().meeting(answer.start, answer.end), missing);
  if (basis.manifest.due > 0 && basis.manifest.good == 0 && missing.empty()) {
    missing.push_back({name, "not heard"});
  }
  answers::note_unplaced(name, basis, missing);
  if (counts_contradict(edge, answer, basis)) {
    missing.push_back({name, fmt::format("its seals count {} readings, their blocks hold {}",
                                         basis.manifest.sent, basis.manifest.received)});
  }
  if (sealed) {
    const bool aside = answers::may_lack(basis) &&
                       answers::note_aside(name, edge.aside, answer, missing);
    if (answer.lost > 0) {
      missing.push_back({name, fmt::format("{} readings evicted{} lost", answer.lost,
                                           aside ? ", kept aside or" : " or")});
    }
    return;
  }
  const auto& sources = edge.books.sources();
  const auto source = std::find_if(sources.begin(), sources.end(),
                                   [&](const auto& s) { return s.id == series.source; });
  const auto frontier = source == sources.end() ? kEventTimeMin : source->frontier;
  answers::note_waiting(name,
                        {edge.row.name, edge.row.connected, edge.row.seen, edge.row.away,
                         edge.books.missing(), frontier, is_estimated(series.description)},
                        answer.end, missing);
}

bool counts_contradict(const Edge& edge, const answers::Answer& answer,
                       const answers::Basis& basis) {
  const auto& counts = basis.manifest;
  if (!counts.dropped.empty()) return false;
  // A late reading may be older than the minutes that an edge still counts.
  const bool contradicts = counts.lacking > 0 || (counts.surplus() > 0 &&
                                                  answer.state == answers::State::sealed);
  return contradicts && basis.sealed && !basis.estimated && basis.whole_minutes &&
         !basis.reaches_back && !edge.books.gave_up(answer.start) && edge.books.as_sealed();
}

}  // namespace tidemark::intake
