// Poll classes that mean something by their name. Others are an edge's schedules.
#pragma once

#include <string_view>

#include "common/model/series.h"

namespace tidemark {

// Of sources of which nobody counts what they took, nor proves how far they are: plain readings, of
// no edge. What is said of both is an estimate.
inline constexpr std::string_view kEstimatedClass = "estimated";

inline bool is_estimated(const SeriesDescription& series) {
  return series.poll_class == kEstimatedClass;
}

}  // namespace tidemark
