// Manifests of quarters of an hour and of days, in place of their minutes when these are older than
// minutes are kept, so that an answer about a day of years ago knows what that day was sent.
//
// Exact      counts of minutes add up; an edge states no minute of a start again that is more than
//            kRestatedWithin old, so what is folded does not change. A later start's statement of
//            that minute, and late readings, are rows of minutes again, and fold in their turn.
// Bound      kMinutesAtATime a call; a further call goes on.
// Threads    one a connection.
#pragma once

#include <unordered_map>

#include "cloud/reconcile/manifest.h"
#include "cloud/store/ids.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

class FoldedManifests {
 public:
  explicit FoldedManifests(sqlite::Database& database);
  // Of every quarter and day that [from, to) touches.
  [[nodiscard]] reconcile::ManifestSum sum(SourceId source, EventTime from, EventTime to);

 private:
  sqlite::Statement select_;
};

class ManifestFolder {
 public:
  static constexpr Nanoseconds kRestatedWithin = std::chrono::hours(24 * 8);
  static constexpr std::size_t kMinutesAtATime = 20'000;
  explicit ManifestFolder(sqlite::Database& database);

  struct Floors {  // what starts before goes: into quarters, into days, away
    EventTime minutes = kEventTimeMin;
    EventTime quarters = kEventTimeMin;
    EventTime days = kEventTimeMin;
  };
  // Minutes before have been folded; the start of time while none have.
  [[nodiscard]] EventTime folded_until(SourceId source);
  // Whether there may be something to do: floors move by whole quarters.
  [[nodiscard]] bool due(SourceId source, const Floors& floors);
  struct Folded {
    EventTime from, to;
  };
  // The time of which minutes moved into quarters; of quarters into days nobody asks for less.
  Folded fold(SourceId source, const Floors& floors);

 private:
  sqlite::Statement newest_, minutes_, forget_minutes_, add_, add_days_, forget_quarters_,
      forget_days_;
  std::unordered_map<SourceId, EventTime> until_;  // folded_until() of those that were asked for
};

}  // namespace tidemark::store
