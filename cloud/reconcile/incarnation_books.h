// What the cloud knows of one start of one edge: which blocks came, what its seals say of them, and
// where every reading went. Plain state: no I/O, same calls in, same books out.
//
// Promise    ledger().adds_up() after every call; an older or repeated seal changes nothing; a
//            block is received once. Coverage, strongest first: received, replaced (by a block
//            that was received), evicted, lost. A statement counts only if it is newer than the one
//            that stands; an older one still says how far its sources were, if it is one of the
//            last kSealsKnown, whose content is known and compared.
// Bounds     kSealsWaitingMax seals of kStatementsMax lines wait for their blocks; beyond it
//            neighbours are merged into the later one, which proves the same a little later. What
//            else grows with what an edge sends is weight(), which the edge's books bound.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/sequence_ranges.h"

namespace tidemark::reconcile {

inline constexpr std::size_t kSealsWaitingMax = 256;
inline constexpr std::size_t kStatementsMax = 16'384;
inline constexpr std::uint64_t kSealsKnown = 8;

// Where the readings of received blocks went.
struct Placed {
  std::uint64_t answered = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t late_ledger = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t dropped = 0;  // lost here: they came, could not be read, and are kept no longer
  [[nodiscard]] std::uint64_t total() const {
    return answered + duplicate + late_ledger + quarantined + dropped;
  }
  Placed& operator+=(const Placed& other) {
    answered += other.answered;
    duplicate += other.duplicate;
    late_ledger += other.late_ledger;
    quarantined += other.quarantined;
    dropped += other.dropped;
    return *this;
  }
};

// Index of a (source, poll class) within its edge's books.
using SourceIndex = std::uint32_t;

class IncarnationBooks {
 public:
  // Sum of readings of received blocks in a range; asked only when an evicted range meets them.
  using ReadingsIn = std::function<std::uint64_t(SequenceRange)>;

  // Its readings are here: in this block, or in one that replaces it.
  [[nodiscard]] bool has(Sequence s) const {
    return received_.contains(s) || replaced_.contains(s);
  }
  // The block is in, with those that it replaces, and all its readings have their place. False when
  // it was in already.
  bool receive(Sequence s, std::uint64_t readings, const Placed& placed,
               const SequenceRanges& replaces = {});
  // So many readings of its late ledger, or of quarantine, are answered now, if it holds as many;
  // how many are.
  std::uint64_t bring_back(std::uint64_t readings, bool from_quarantine);
  // A block that was kept aside, and counted as quarantined, is taken, or dropped.
  void settle_aside(const Placed& placed);
  // Whether one of them has come by itself: they cannot be replaced then.
  [[nodiscard]] bool received_any(const SequenceRanges& blocks) const;
  // False when the statement is not newer than the one that stands. `sources` are the seal's
  // sources in its order; readings that it gives up are of times before `now`.
  bool seal(const Seal& seal, const std::vector<SourceIndex>& sources, const ReadingsIn& readings,
            EventTime now);
  // How far the source is proved by this start.
  [[nodiscard]] EventTime proved(SourceIndex source) const {
    const auto at = proved_.find(source);
    return at == proved_.end() ? kEventTimeMin : at->second;
  }
  // How far its statements speak of the source, be their blocks here or not.
  [[nodiscard]] EventTime said_until(SourceIndex source) const;
  // The sources that its statements named so far.
  [[nodiscard]] std::vector<SourceIndex> stated() const;
  // Another statement stands under the number of this one: one of the two is none of this start's.
  // Compared with the last kSealsKnown: numbers of blocks, ledger, what was evicted, and how far
  // the sources are that both name. Of a start that is closed the last words are made anew and
  // prove nothing. `seal` as it came, with the sources named that it means.
  [[nodiscard]] bool contradicts(const Seal& seal) const;
  // It is taken: to be known to contradicts().
  void know(const Seal& seal);
  void close(const Closing& closing, EventTime now);
  // The edge no longer knows this incarnation: what did not come will not come.
  void close_forgotten(EventTime now);
  // It is not forgotten after all: it says hello.
  void reopen();
  void set_ordinal(std::uint64_t ordinal) { ordinal_ = ordinal; }

  // Applies the seals whose blocks are all in, and calls visit(source, sealed_until) for each.
  template <typename Visit>
  void prove(Visit visit) {
    const auto end = covered_end();
    while (!waiting_.empty() && waiting_.begin()->first <= end) {
      for (const auto& [source, until] : waiting_.begin()->second) {
        auto& proved = proved_.try_emplace(source, kEventTimeMin).first->second;
        if (until > proved) proved = until;
      }
      statements_ -= waiting_.begin()->second.size();
      waiting_.erase(waiting_.begin());
    }
    for (const auto& [source, until] : proved_) visit(source, until);
  }

  [[nodiscard]] Ledger ledger() const;
  // Readings that came in blocks of which a seal speaks, beyond all that it counts: it is wrong.
  [[nodiscard]] std::uint64_t beyond_seal() const;
  // All blocks that its seals speak of have come, as they were, and no others.
  [[nodiscard]] bool as_sealed() const {
    return beyond_.empty() && replaced_.empty() && evicted_.empty() && missing().empty();
  }
  // All readings of its blocks below are here, and no readings ended before a block had them.
  [[nodiscard]] Sequence whole_below() const;
  // What the edge cannot know by itself: the part of the ledger that was found here. `evicted` are
  // readings that the edge gave up and that had arrived all the same.
  [[nodiscard]] Ledger found() const;
  // Closed, and every number it used is received, evicted or lost.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] bool closed() const { return closing_.has_value(); }
  // Its edge did not name it when it said hello: close_forgotten().
  [[nodiscard]] bool forgotten() const {
    return closing_ && closing_->incarnation == Incarnation{};
  }
  [[nodiscard]] const std::optional<Closing>& closing() const { return closing_; }
  [[nodiscard]] std::uint64_t ordinal() const { return ordinal_; }
  [[nodiscard]] std::uint64_t seal_number() const { return seal_number_; }
  [[nodiscard]] const SequenceRanges& received() const { return received_; }
  // Taking it opens no gap in what is received or given up.
  [[nodiscard]] bool fits(Sequence s) const;
  // Pieces that are held: ranges, blocks that no seal speaks of yet, seals that wait.
  [[nodiscard]] std::size_t weight() const;
  // Nothing came of it and nothing is missing.
  [[nodiscard]] bool blank() const;
  [[nodiscard]] bool was_given_up(Sequence s) const;  // evicted, or declared lost
  // Readings of a block that is received could not be read: of times before `until`.
  void give_up(EventTime until) { given_up_until_ = std::max(given_up_until_, until); }
  // Readings of times before it may have been evicted, lost or kept aside; none from it on.
  // kEventTimeMin: none at all.
  [[nodiscard]] EventTime given_up_until() const { return given_up_until_; }
  // Blocks that were lost though later ones came, and that no seal counted: nobody knows what was
  // in them. Their times lie in [from, until): behind the last that was proved of the start, but
  // for what a device sent late.
  struct Uncounted {
    std::uint64_t blocks = 0;
    EventTime from = kEventTimeMin, until = kEventTimeMin;
    friend bool operator==(const Uncounted&, const Uncounted&) = default;
  };
  [[nodiscard]] Uncounted uncounted() const;
  // Numbers below the highest that is known of, which neither came nor were given up.
  [[nodiscard]] SequenceRanges missing() const;

  void encode(ByteWriter& out) const;
  static IncarnationBooks decode(ByteReader& in);

 private:
  using Statement = std::map<SourceIndex, EventTime>;
  // The first number that is not covered; the end of time when it is closed and covered.
  [[nodiscard]] std::uint64_t covered_end() const;
  void wait(std::uint64_t next, const Statement& statement);
  void merge_waiting(std::map<std::uint64_t, Statement>::iterator earlier);
  void note_lost(EventTime now);
  [[nodiscard]] Ledger counted() const;  // `taken` as stated, nothing pending or lost by it
  [[nodiscard]] EventTime given_up_by_counts() const;

  std::uint64_t ordinal_ = 0;
  SequenceRanges received_;
  SequenceRanges replaced_;
  SequenceRanges evicted_;
  SequenceRanges covered_;  // all three
  std::optional<Closing> closing_;
  std::uint64_t seal_number_ = 0;
  Sequence seal_next_{1};
  Ledger sealed_;  // of the highest seal
  std::map<std::uint64_t, std::uint64_t> beyond_;  // readings of blocks at or above seal_next_
  std::uint64_t beyond_readings_ = 0;
  std::uint64_t evicted_but_here_ = 0;  // readings of evicted blocks that had arrived
  Placed placed_;
  std::map<std::uint64_t, Statement> waiting_;  // by `next`
  std::size_t statements_ = 0;                  // in waiting_
  Statement proved_;
  EventTime given_up_until_ = kEventTimeMin;
  // What stands under a number: a hash of all that is the same however often it is said, and how
  // far its sources are, by a hash of their names; these in memory only, and while it is open.
  struct Known {
    std::uint64_t number = 0;
    std::uint64_t content = 0;
    std::vector<std::pair<std::uint64_t, EventTime>> sources;
  };
  std::vector<Known> known_;  // by number, newest last
};

}  // namespace tidemark::reconcile
