// Minutes of sources of which an edge has no counts any more, as its seals say (DroppedCounts), so
// that nobody takes what came of them for all there was.
//
// Promise    a stretch stays until all blocks that the saying seal spoke of are here, in which the
//            readings are, wherever they were counted; one of a start that its edge had lost, until
//            that start is heard of again; any other for good.
// Bound      kStretchesMax of one source: beyond it they become wider ones that stay for good.
// Threads    that of the Database.
#pragma once

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/reconcile/manifest.h"
#include "cloud/store/ids.h"
#include "common/base/time.h"
#include "common/model/seal.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

// What readers see.
class DroppedMinutes {
 public:
  explicit DroppedMinutes(sqlite::Database& database);
  // Adds those that [from, to) touches.
  void add_to(reconcile::ManifestSum& sum, SourceId source, EventTime from, EventTime to);

 private:
  sqlite::Statement select_;
};

class DroppedRows {
 public:
  static constexpr std::size_t kStretchesMax = 64;
  explicit DroppedRows(sqlite::Database& database);

  // A seal of that start says so, which speaks of the sequences below `next`. False: it is known.
  bool add(SourceId source, Incarnation start, Sequence next, const DroppedCounts& dropped);
  using Minutes = std::pair<std::int64_t, std::int64_t>;  // first and last
  using Resolved = std::vector<std::pair<SourceId, Minutes>>;
  [[nodiscard]] bool any(Incarnation start) const { return of_start_.contains(start); }
  // All blocks of the start below `whole` are here, with all that was in them: what goes by it.
  Resolved resolve(Incarnation start, Sequence whole);
  [[nodiscard]] bool any(SourceId source, Incarnation start, DroppedCounts::Why why) const;
  // The start is not lost after all: what goes by it.
  Resolved found(Incarnation start);
  // What its edge lost of this source was over with minute `last`: what goes by it.
  Resolved shorten(SourceId source, std::int64_t last);
  void add_to(reconcile::ManifestSum& sum, SourceId source, EventTime from, EventTime to) const;

 private:
  struct Stretch {
    Incarnation start;
    Sequence next;
    DroppedCounts counts;
  };
  void insert(SourceId source, const Stretch& stretch);
  void remove(SourceId source, const Stretch& stretch);
  void widen(SourceId source);
  std::unordered_map<SourceId, std::vector<Stretch>> all_;
  std::map<Incarnation, std::size_t> of_start_;  // how many may go by their blocks
  std::map<Incarnation, std::size_t> lost_;      // how many say that it is lost
  // Where it is counted that there is one, if it can go.
  std::map<Incarnation, std::size_t>* counted(DroppedCounts::Why why);
  sqlite::Statement insert_, remove_, remove_all_;
};

}  // namespace tidemark::store
