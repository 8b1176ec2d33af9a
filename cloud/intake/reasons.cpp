#include "cloud/intake/reasons.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/model/poll_class.h"

namespace tidemark::intake {
namespace {

constexpr std::size_t kAsideNamed = 3;

// Of which source they are, only who can read them knows: it is said of all that lack something.
bool name_aside(const std::string& name, const Edge& edge, const answers::Answer& answer,
                std::vector<answers::Missing>& missing) {
  std::size_t named = 0;
  for (const auto& a : edge.aside) {
    if (a.until <= answer.start || a.from >= answer.end) continue;
    if (++named > kAsideNamed) break;
    missing.push_back({name, answers::aside_text(a.letter, a.readings, a.state, a.why)});
  }
  return named > 0;
}

}  // namespace

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
    // What one minute has beyond its counts does not hide what another lacks; and where nobody
    // counts, or no longer knows, nothing seems to lack.
    const auto& counts = basis.manifest;
    const bool lacks = counts.lacking > 0 || counts.dropped.unknown() || basis.estimated;
    const bool aside = lacks && name_aside(name, edge, answer, missing);
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
