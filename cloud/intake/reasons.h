// Why a window is not complete, in words for people.
#pragma once

#include "cloud/answers/judge.h"
#include "cloud/intake/catalogue.h"

namespace tidemark::intake {

void name_missing(const Edge& edge, const store::SeriesRow& series, const answers::Answer& answer,
                  const answers::Basis& basis, std::vector<answers::Missing>& missing);

}  // namespace tidemark::intake
