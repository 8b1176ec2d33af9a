// What an answer says: figures from exact state, and how well the cloud knows them.
#pragma once

#include "cloud/answers/answer.h"
#include "cloud/reconcile/manifest.h"
#include "common/model/series.h"
#include "common/window/partial.h"

namespace tidemark::answers {

// values and texts, by the names of `aggregates`.
void fill_values(Answer& answer, const window::Partial& sum, const SeriesDescription& series,
                 const std::vector<std::string>& aggregates);
// state (sealed or provisional), completeness, coverage, lost, estimated. `whole_minutes`: the
// window is made of minutes, so that the manifest speaks of exactly this window.
void judge(Answer& answer, const reconcile::ManifestSum& manifest, bool sealed,
           bool whole_minutes);

}  // namespace tidemark::answers
