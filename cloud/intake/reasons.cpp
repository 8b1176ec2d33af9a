#include "cloud/intake/reasons.h"

#include <fmt/format.h>

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
  if (sealed) {
    if (answer.lost > 0) {
      missing.push_back({name, fmt::format("{} readings evicted or lost", answer.lost)});
    }
    return;
  }
  if (!edge.row.connected) {
    missing.push_back({name, fmt::format("edge {} offline since {}", edge.row.name,
                                         format_utc(edge.row.seen))});
  }
  if (const auto blocks = edge.books.missing(); blocks > 0) {
    missing.push_back({name, fmt::format("{} blocks under way", blocks)});
  }
}

}  // namespace tidemark::intake
