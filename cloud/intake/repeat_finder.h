// Which readings of a device-stamped column were counted before (semantics A5).
//
// Promise    a reading that has the series, time and value of one in an archived block, or earlier
//            in its own, is a repeat, however long ago that came.
// Speed      readings later than all of their series are new; of series whose blocks come out of
//            order the newest readings are in memory (newest_readings.h). What is older than these
//            is compared with archived blocks of its time, which are decoded for it.
// Bounds     those of NewestReadings; kComparedReadingsMax readings of archived blocks stay
//            decoded, those used last.
// Threads    that of its Store, inside a batch.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/intake/catalogue.h"
#include "cloud/intake/incoming.h"
#include "cloud/reconcile/identities.h"
#include "cloud/reconcile/newest_readings.h"

namespace tidemark::intake {

class RepeatFinder {
 public:
  static constexpr std::size_t kComparedReadingsMax = 500'000;

  RepeatFinder(store::Store& store, Catalogue& catalogue)
      : store_(store), catalogue_(catalogue) {}

  // Another block, of which each column of a device-stamped series is looked at once, in their
  // order, before series.newest says that its readings are counted.
  void begin(const Block& block);
  // How many values of the column were counted before; its group is in the order of time.
  std::uint64_t find(const Incoming& in, const Group& group, const Column& column,
                     const Bound& bound);
  // Whether that one was, by value index; only where find() found any.
  [[nodiscard]] bool marked(std::size_t value) const { return repeated_[value] != 0; }
  // With how many archived blocks the column would have to be compared, at most; its group in any
  // order.
  std::size_t beside(const Group& group, const Column& column, const Bound& bound);
  // Archived blocks that were read.
  [[nodiscard]] std::uint64_t compared() const { return compared_blocks_; }

 private:
  // Blocks that columns were compared with lately, newest first.
  struct Compared {
    std::uint64_t position;
    std::unique_ptr<reconcile::BlockIdentities> identities;
  };
  using Followed = reconcile::NewestReadings::Followed;

  Followed& follow(const Incoming& in, const Bound& bound);
  static std::vector<store::SourceId> sources_of(const Bound& bound);
  [[nodiscard]] std::pair<std::size_t, std::size_t> known_of(const Followed& followed) const;
  // Marks what of values_, which are of rising times, archived blocks hold, or earlier columns.
  void compare(const Incoming& in, const Bound& bound);
  // Archived blocks with readings of the series at these times.
  std::vector<store::ArchivePosition> beside(std::vector<std::int64_t> times,
                                             const Bound& bound);
  const reconcile::BlockIdentities* identities_of(Edge& edge, store::ArchivePosition at);

  store::Store& store_;
  Catalogue& catalogue_;
  reconcile::NewestReadings newest_;
  std::vector<reconcile::Identity> rising_;  // of the column at hand, by value
  std::vector<std::size_t> values_;          // of it, that memory says nothing of
  reconcile::Marks repeated_;
  std::unordered_map<store::SourceId, store::BlockIndex::Reach> reaches_;  // before this block
  std::list<Compared> compared_;
  std::unordered_map<std::uint64_t, std::list<Compared>::iterator> by_position_;
  std::size_t compared_readings_ = 0;
  std::uint64_t compared_blocks_ = 0;
  bool twice_ = false;                  // the block has two columns of one series
  reconcile::BlockIdentities earlier_;  // then: columns of this block that came before
};

}  // namespace tidemark::intake
