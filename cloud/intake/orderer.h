// Puts the readings of panes in order again, from the archived blocks, after some came in the
// middle of others (semantics E16).
//
// Promise    the runs of a pane then say what they would say had all of it come in order, to the
//            bit; or nothing changes, because the archive lacks some, and what depends on their
//            order stays approximate.
// Cost       decodes every block that has readings of these series in the panes' times, once for
//            all of them.
// Bounds     some kReadingsAtOnce readings and kBlocksAtOnce blocks a call, or one pane's: panes
//            beyond are left for the next call. A pane of more than kReadingsMax stays approximate.
// Threads    that of its Store, inside a batch.
#pragma once

#include <span>
#include <vector>

#include "cloud/intake/archived.h"
#include "cloud/intake/catalogue.h"
#include "cloud/store/store.h"

namespace tidemark::intake {

class Orderer {
 public:
  static constexpr std::size_t kReadingsMax = 5'000'000;   // of one pane: 120 MB
  static constexpr std::size_t kReadingsAtOnce = 400'000;  // of several: 10 MB
  static constexpr std::size_t kBlocksAtOnce = 300;        // some 30 ms

  struct Wanted {
    const Series* series = nullptr;
    store::OrderedRows::Pane pane;
  };
  enum class Found {
    in_order,
    lacking,  // the archive lacks some, or they are too many
    folded,   // the pane is not there any more
  };
  struct Outcome {
    std::vector<Found> found;  // of as many of the first panes as were looked at
    std::uint64_t blocks = 0;  // that were read
  };

  Orderer(store::Store& store, Catalogue& catalogue) : store_(store), catalogue_(catalogue) {}
  // Panes of one edge and tier, by their start.
  Outcome put(Edge& edge, std::span<const Wanted> panes);

 private:
  struct Work;
  std::vector<Work> work_of(std::span<const Wanted> panes);
  // Where the blocks lie; fewer panes where those were too many.
  std::vector<store::ArchivePosition> blocks_of(std::vector<Work>& work);
  void gather(Edge& edge, std::vector<Work>& work,
              const std::vector<store::ArchivePosition>& blocks);
  bool settle(Work& work);
  store::Store& store_;
  Catalogue& catalogue_;
};

}  // namespace tidemark::intake
