#include "cloud/answers/judge.h"

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

void judge(Answer& answer, const reconcile::ManifestSum& manifest, bool sealed,
           bool whole_minutes) {
  answer.state = sealed ? State::sealed : State::provisional;
  // Blocks may be here before the seal that counts them.
  const auto sent = std::max(manifest.sent, manifest.received);
  if (sent > 0) {
    answer.completeness = static_cast<double>(manifest.received) / static_cast<double>(sent);
  } else if (sealed) {
    answer.completeness = 1.0;
  }
  answer.estimated = manifest.received != manifest.sent &&
                     (!sealed || !whole_minutes || manifest.received > manifest.sent);
  if (sealed && manifest.sent > manifest.received) answer.lost = manifest.sent - manifest.received;
  if (manifest.due > 0) {
    answer.coverage = static_cast<double>(manifest.good) / static_cast<double>(manifest.due);
  }
}

}  // namespace tidemark::answers
