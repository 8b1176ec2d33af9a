// Makes the panes of a series anew from the archived blocks: all that ever came of one day, whether
// it is in panes by now or in the late ledger.
//
// Promise    the panes then hold what they would hold had all of it come in time, to the bit; or
//            nothing changes, and the error says why. Never does a reading go: the archive must
//            have each one that the panes and the ledger count.
// Cost       decodes every block that has readings of the series' sources on that day.
// Threads    that of its Store, inside a batch.
#pragma once

#include <map>

#include "cloud/intake/catalogue.h"
#include "cloud/reconcile/pane.h"
#include "cloud/reconcile/tiers.h"
#include "cloud/store/store.h"
#include "common/model/block.h"

namespace tidemark::intake {

class Rebuilder {
 public:
  static constexpr Nanoseconds kDay = std::chrono::hours(24);
  static constexpr std::size_t kReadingsMax = 20'000'000;  // of one day

  Rebuilder(store::Store& store, Catalogue& catalogue, const reconcile::Horizons& horizons)
      : store_(store), catalogue_(catalogue), horizons_(horizons) {}

  struct Outcome {
    std::uint64_t returned = 0;  // readings that were set aside and are in panes now
    std::uint64_t stayed = 0;    // of the ledger: in sums that reach over midnight and fit no pane
    std::uint64_t blocks = 0;    // looked at
    std::map<Incarnation, std::uint64_t> by_start;  // readings of that day
  };
  // `day` is a midnight UTC. Fault::unavailable: blocks are missing, by retention; full: more
  // readings than kReadingsMax; bad_input: a day that is not over, and some of it in quarantine.
  Result<Outcome> day(Edge& edge, const Series& series, EventTime day, EventTime now);

 private:
  struct Key {
    reconcile::Tier tier;
    EventTime start;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Day;  // what is gathered of one
  Result<> gather(Edge& edge, const Series& series, Day& day);
  void put_in_order(const Series& series, Day& day);
  void add_rows(const Series& series, const Group& group, const Column& column, Day& day);
  // Where a reading of that time belongs by now; the widest pane where all horizons have passed.
  [[nodiscard]] reconcile::Tier tier_at(const Series& series, EventTime t, const Day& day) const;
  reconcile::Pane& pane_of(const Series& series, reconcile::Tier tier, EventTime start, Day& day);

  store::Store& store_;
  Catalogue& catalogue_;
  const reconcile::Horizons& horizons_;
};

}  // namespace tidemark::intake
