// Why a window is not complete, in words for people.
#pragma once

#include "cloud/answers/answer.h"
#include "cloud/intake/catalogue.h"
#include "cloud/reconcile/manifest.h"

namespace tidemark::intake {

void name_missing(const Edge& edge, const store::SeriesRow& series, const answers::Answer& answer,
                  const reconcile::ManifestSum& manifest, std::vector<answers::Missing>& missing);

}  // namespace tidemark::intake
