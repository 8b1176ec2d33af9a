// What an answer says: figures from exact state, and how well the cloud knows them.
#pragma once

#include "cloud/answers/answer.h"
#include "cloud/reconcile/manifest.h"
#include "cloud/reconcile/off_times.h"
#include "common/model/series.h"
#include "common/window/partial.h"

namespace tidemark::answers {

// values and texts, by the names of `aggregates`.
void fill_values(Answer& answer, const window::Partial& sum, const SeriesDescription& series,
                 const std::vector<std::string>& aggregates);
// What is known beside the counts of the window's minutes.
struct Knowledge {
  bool sealed = false;         // the frontier has passed the window's end
  bool whole_minutes = false;  // the manifest speaks of exactly this window
  bool none_given_up = false;  // no block of this time was evicted or lost; looked at only for a
                               // sealed window that is finer than a minute
  Nanoseconds off{};           // of the window's time, in which the edge was switched off
};
// state (sealed or provisional), completeness, coverage, lost, estimated. A finer window than a
// minute has no coverage; it is complete when it is sealed and nothing was given up, whatever its
// minute counts by then. Completeness is estimated until the window is sealed: more may have been
// taken than was said so far. Coverage counts the time that the edge was off as not heard, at the
// rate of the rest; a window that it was off for has coverage 0, schedule or not.
void judge(Answer& answer, const reconcile::ManifestSum& manifest, const Knowledge& known);
// "edge was off from … to …", for the source of that name; one for each span.
void note_off(const std::string& source, const std::vector<reconcile::OffTimes::Span>& off,
              std::vector<Missing>& missing);

}  // namespace tidemark::answers
