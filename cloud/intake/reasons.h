// Why a window is not complete, in words for people.
#pragma once

#include "cloud/answers/judge.h"
#include "cloud/intake/catalogue.h"

namespace tidemark::intake {

void name_missing(const Edge& edge, const store::SeriesRow& series, const answers::Answer& answer,
                  const answers::Basis& basis, std::vector<answers::Missing>& missing);
// The seals of a window that is sealed now count other readings than came, though all blocks that
// they speak of came, and nothing of its time was given up. Then nothing is lost, as far as anybody
// knows, and how complete the window is, is an estimate. What counts more than came is wrong.
bool counts_contradict(const Edge& edge, const answers::Answer& answer,
                       const answers::Basis& basis);

}  // namespace tidemark::intake
