// What an answer says: figures from exact state, and how well the cloud knows them.
#pragma once

#include <span>

#include "cloud/answers/answer.h"
#include "cloud/reconcile/manifest.h"
#include "cloud/reconcile/off_times.h"
#include "cloud/store/letter_rows.h"
#include "cloud/store/waiver_rows.h"
#include "common/model/series.h"
#include "common/window/summary.h"

namespace tidemark::answers {

// "time_in_state:RUN" and the like, those that look the same together.
void put_states(Answer& answer, const std::vector<std::pair<std::string, double>>& states);
// values and texts, by the names of `aggregates`; approximate, where one of them is. time_in_state
// is one value a state: "time_in_state:1", in seconds.
void fill_values(Answer& answer, const window::Summary& sum, const SeriesDescription& series,
                 const std::vector<std::string>& aggregates);
// What a person should know of an increase: where its meter was swapped, where the counter began
// anew, and that it goes over a gap, which makes the answer an estimate. After judge().
void note_increase(Answer& answer, const window::Summary& sum,
                   const window::OrderedOptions& options, const SeriesDescription& series);
// What an answer's completeness rests on.
struct Basis {
  reconcile::ManifestSum manifest;  // of the window's minutes
  std::uint64_t readings = 0;       // in the window
  std::uint64_t unplaced = 0;       // of this time, in sums that reach beyond the window
  std::uint64_t forgotten = 0;      // of about this time, which the archive no longer keeps
  std::uint64_t waiting = 0;        // of about this time, in the late ledger or in quarantine
  std::uint64_t uncounted = 0;      // blocks of about this time that nobody counted, lost or aside
  bool reaches_back = false;        // the manifest speaks of earlier minutes, too, in which a sum
                                    // may start that reaches into the window
  bool sealed = false;              // the frontier has passed the window's end
  bool waived = false;              // it has not, and a person said not to wait for it
  bool estimated = false;           // nobody counts, and the frontier is an estimate, no proof
  bool whole_minutes = false;       // the manifest speaks of exactly this window
  bool none_given_up = false;       // no block of this time was evicted or lost; looked at only
                                    // for a sealed window that is finer than a minute
  std::optional<double> deadband;   // the edge left out readings within it; the widest
  Nanoseconds off{};                // of the window's time, in which the edge was switched off

  // What another series of the same source adds.
  void add_series(const Basis& other);
};
// After the values: state (sealed, by proof or by word, or provisional), completeness, coverage,
// lost, estimated; values that thinning touches make the answer approximate, and a note says by how
// much. A finer window than a minute has no coverage; it is complete when it is sealed and nothing
// was given up, whatever its minute counts by then. Completeness is estimated until the window is
// sealed by proof: more may have been taken than was said so far. Coverage counts the time that the
// edge was off as not heard, at the rate of the rest; a window that it was off for has coverage 0,
// schedule or not. What nobody can place counts as missing from the window, and makes its
// completeness an estimate. What was lost is counted by the minute: a finer window has none of it,
// and names it as missing. Where blocks were lost that nobody counted there is no completeness;
// where the edge has no counts any more no coverage either. Where a power cut may have taken
// readings before anybody counted them it is an estimate, and so it always is of a source that
// nobody counts: all of what came, came; there is none where a block of it was kept aside.
void judge(Answer& answer, const Basis& known);
// The minutes whose counts speak of a window from `start` of a series: those before it, in which a
// sum of the edge may start that reaches into it, as well.
[[nodiscard]] EventTime counted_from(EventTime start, Nanoseconds widest_sum);
// "34 readings came in sums that are wider than this window", for that source; and those that are
// older than what the archive keeps, or are set aside; and of which minutes there are no counts.
void note_unplaced(const std::string& source, const Basis& known, std::vector<Missing>& missing);
// What the edge of a source has to do with a window of it that is not sealed.
struct Whereabouts {
  std::string_view edge;       // its name
  bool connected = false;
  EventTime seen{};            // of its last frame, the node's clock
  std::string_view away;       // why it is not connected, where nobody said bye
  std::uint64_t missing = 0;   // blocks
  EventTime frontier = kEventTimeMin;  // of the source
  bool estimated = false;      // which is no proof
};
// "edge press-07 offline since …", "3 blocks under way", "proved until …, edge press-07 last heard
// at …" of a source that does not seal though its edge is there; "estimated until …" of one that
// nobody proves.
void note_waiting(const std::string& source, const Whereabouts& edge, EventTime end,
                  std::vector<Missing>& missing);
// A dead letter of which readings are counted nowhere else.
struct Aside {
  std::int64_t letter = 0;
  EventTime from{}, until{};  // of its readings
  std::uint64_t readings = 0;
  store::LetterState state = store::LetterState::kept;
  std::string why;  // it lies there, or went

  [[nodiscard]] bool meets(EventTime start, EventTime end) const {
    return until > start && from < end;
  }
};
inline constexpr std::size_t kAsideMax = 1'000;  // of an edge, that answers name
// How many of them meet [start, end).
[[nodiscard]] std::uint64_t count_aside(std::span<const Aside> all, EventTime start, EventTime end);
// Whether a window lacks something, or nobody knows: what one minute has beyond its counts does not
// hide what another lacks, and where nobody counts, or no longer knows, nothing seems to lack.
[[nodiscard]] bool may_lack(const Basis& basis);
// Of a window that may lack something the first three that meet it, as "20 readings of about this
// time dropped by operator (dead letter 7): ada: burnt", and the like of one that is kept, or went
// for want of room. False: none does. Of which source they are, only who can read them knows: it is
// said of all.
bool note_aside(const std::string& source, std::span<const Aside> all, const Answer& answer,
                std::vector<Missing>& missing);
// Whether it is of readings that are kept no longer.
[[nodiscard]] bool is_dropped(const Missing& missing);
// Whether it is one of these: they are as old as the answer, and may be said anew.
[[nodiscard]] bool is_waiting(const Missing& missing);
Waived waived_of(const store::Waiver& waiver);
// "retired by ada at …: burnt", of each that the answer was sealed without.
void note_waived(const Answer& answer, std::vector<Missing>& missing);
// "edge was off from … to …", for the source of that name; one for each span.
void note_off(const std::string& source, const std::vector<reconcile::OffTimes::Span>& off,
              std::vector<Missing>& missing);

}  // namespace tidemark::answers
