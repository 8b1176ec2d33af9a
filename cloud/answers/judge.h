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
// What an answer's completeness rests on.
struct Basis {
  reconcile::ManifestSum manifest;  // of the window's minutes
  std::uint64_t readings = 0;       // in the window
  std::uint64_t unplaced = 0;       // of this time, in sums that reach beyond the window
  std::uint64_t forgotten = 0;      // of about this time, which the archive no longer keeps
  std::uint64_t waiting = 0;        // of about this time, in the late ledger or in quarantine
  bool reaches_back = false;        // the manifest speaks of earlier minutes, too, in which a sum
                                    // may start that reaches into the window
  bool sealed = false;              // the frontier has passed the window's end
  bool whole_minutes = false;       // the manifest speaks of exactly this window
  bool none_given_up = false;       // no block of this time was evicted or lost; looked at only
                                    // for a sealed window that is finer than a minute
  Nanoseconds off{};                // of the window's time, in which the edge was switched off
};
// state (sealed or provisional), completeness, coverage, lost, estimated. A finer window than a
// minute has no coverage; it is complete when it is sealed and nothing was given up, whatever its
// minute counts by then. Completeness is estimated until the window is sealed: more may have been
// taken than was said so far. Coverage counts the time that the edge was off as not heard, at the
// rate of the rest; a window that it was off for has coverage 0, schedule or not. What nobody can
// place counts as missing from the window, and makes its completeness an estimate.
void judge(Answer& answer, const Basis& known);
// The minutes whose counts speak of a window from `start` of a series: those before it, in which a
// sum of the edge may start that reaches into it, as well.
[[nodiscard]] EventTime counted_from(EventTime start, Nanoseconds widest_sum);
// "34 readings came in sums that are wider than this window", for that source; and those that are
// older than what the archive keeps, or are set aside.
void note_unplaced(const std::string& source, const Basis& known, std::vector<Missing>& missing);
// "edge was off from … to …", for the source of that name; one for each span.
void note_off(const std::string& source, const std::vector<reconcile::OffTimes::Span>& off,
              std::vector<Missing>& missing);

}  // namespace tidemark::answers
