// One edge as the cloud knows it: the books of its starts, and how far each of its sources is
// proved (its frontier). Plain state: no I/O.
//
// Promise    a frontier never goes back; it passes T only when every block that a seal of T speaks
//            of is received, evicted or lost, in this start and in all earlier ones.
// Bounds     kSourcesMax sources; kStartsOpenMax starts that are not settled. Of settled ones
//            kStartsKept stay in memory, kStartsFoldedMax are known by name (folded), and those
//            before them are a sum (Gone): no edge names such a start again. kWeightMax pieces in
//            the books of all starts (ranges, blocks before their seal, seals before their blocks).
//            Who would pass one asks first, and leaves the frame to be sent again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/reconcile/incarnation_books.h"
#include "cloud/reconcile/off_times.h"
#include "common/base/result.h"

namespace tidemark::reconcile {

inline constexpr std::size_t kSourcesMax = 1024;
inline constexpr std::size_t kStartsFoldedMax = 90'000;
inline constexpr std::size_t kStartsLetGo = 1024;  // at once
inline constexpr std::size_t kStartsKept = 64;
inline constexpr std::size_t kStartsOpenMax = 4096;
inline constexpr std::size_t kWeightMax = 262'144;

struct SourceBooks {
  std::uint32_t id = 0;  // the store's
  std::string name;
  std::string poll_class;
  bool device_stamped = false;
  EventTime sealed_until = kEventTimeMin;
  EventTime frontier = kEventTimeMin;
  std::uint64_t due = 0, good = 0, taken = 0;
  bool changed = false;
};

class EdgeBooks {
 public:
  // Sum of readings of received blocks of one start in a range of its numbers.
  using ReadingsIn = std::function<std::uint64_t(Incarnation, SequenceRange)>;

  struct Forgotten {
    Incarnation start;
    SequenceRanges missing;
    EventTime ended = kEventTimeMax;  // as it was told once
  };
  // The edge has started, or connects again. A start that is in the books, but neither this one,
  // nor closed here, nor settled, is none that the edge still waits for: its ring was wiped,
  // or this node comes from a backup. What is missing of it is lost until it comes; returned, so
  // that it can be asked for; nothing may be.
  // `off` gets the times that nobody listened and that are new here; what is lost is of times
  // before `now`.
  std::vector<Forgotten> hello(Incarnation current, std::uint64_t ordinal,
                               const std::vector<Closing>& closings,
                               std::vector<OffTimes::Span>& off, EventTime now);
  // Whether the starts that a hello names can be kept.
  [[nodiscard]] bool room_for(Incarnation current, const std::vector<Closing>& closings) const;
  // Whether a block of that start can be taken: under kWeightMax, or closing a gap.
  [[nodiscard]] bool room_for(Incarnation i, Sequence s) const;
  IncarnationBooks& of(Incarnation i);
  [[nodiscard]] const IncarnationBooks* find(Incarnation i) const;
  // False when a newer statement stands. A part before the last changes nothing here: its minutes
  // are for the manifests. What it gives up is of times before `now`.
  bool seal(const Seal& seal, const ReadingsIn& readings, EventTime now);
  // Settled starts of which nothing is kept in memory: all they sent is in. Their rows bring them
  // back when a frame speaks of one.
  [[nodiscard]] bool folded(Incarnation i) const { return folded_.contains(i); }
  // Folds what is over kStartsKept. Blank ones go for good: they are returned.
  std::vector<Incarnation> fold();
  // Of starts that went for good.
  struct Gone {
    std::uint64_t starts = 0, blocks = 0;
    Ledger ledger, found;
    EventTime given_up_until = kEventTimeMin;
    void encode(ByteWriter& out) const;
    static Gone decode(ByteReader& in);
  };
  // The oldest folded ones, kStartsLetGo of them, when there are more than kStartsFoldedMax.
  [[nodiscard]] std::vector<Incarnation> to_let_go() const;
  // Of a folded one, as its row has it, only the sums stay.
  void let_go(Incarnation i, const IncarnationBooks& books);
  [[nodiscard]] const Gone& gone() const { return gone_; }
  void restore_gone(Gone gone);
  // Counts pieces anew; after changes, before room_for() is asked again.
  void weigh();
  // Sources whose frontier moved since the last call. gave_up() knows from then on.
  std::vector<SourceIndex> advance();

  // Whether readings of that time, or of later ones, may have been evicted, lost or kept aside.
  [[nodiscard]] bool gave_up(EventTime at) const { return at < given_up_until_; }
  [[nodiscard]] EventTime given_up_until() const { return given_up_until_; }
  // Blocks that were lost and that nobody counted, of starts that are known. set_: whether it is
  // news.
  bool set_uncounted(Incarnation i, const IncarnationBooks::Uncounted& lost);
  [[nodiscard]] std::uint64_t uncounted(EventTime from, EventTime to) const;

  // Fault::full past kSourcesMax.
  Result<SourceIndex> source(const std::string& name, const std::string& poll_class);
  [[nodiscard]] std::vector<SourceBooks>& sources() { return sources_; }
  [[nodiscard]] const std::vector<SourceBooks>& sources() const { return sources_; }
  // The store's rows come back at start, in order of their index.
  void restore_source(SourceBooks source);
  void restore(Incarnation i, IncarnationBooks books);
  void restore_off(OffTimes::Span span) { off_.add(span); }

  // Every start that is known, folded ones too.
  [[nodiscard]] std::vector<Incarnation> all_starts() const;
  [[nodiscard]] std::size_t starts() const { return starts_.size(); }  // in memory
  [[nodiscard]] Ledger ledger() const;
  [[nodiscard]] Ledger found() const;  // IncarnationBooks::found() of all starts
  [[nodiscard]] std::uint64_t missing() const;  // blocks, over all starts
  // IncarnationBooks::as_sealed() of all starts that are in memory.
  [[nodiscard]] bool as_sealed() const;
  // Starts with gaps, with their ordinals, oldest first.
  using VisitMissing = std::function<void(Incarnation, std::uint64_t, SequenceRanges)>;
  void each_missing(const VisitMissing& visit) const;
  [[nodiscard]] std::uint64_t blocks() const;
  // Nobody listened in these spans of event time.
  [[nodiscard]] const OffTimes& off() const { return off_; }

 private:
  void take_closing(const Closing& closing, std::vector<OffTimes::Span>& off, EventTime now);
  std::map<Incarnation, IncarnationBooks> starts_;
  void unfold(Incarnation i, const IncarnationBooks& books);
  std::map<Incarnation, std::uint64_t> folded_;  // with their ordinals
  Ledger folded_ledger_, folded_found_;
  std::uint64_t folded_blocks_ = 0;
  Gone gone_;
  std::size_t weight_ = 0;
  OffTimes off_;
  EventTime given_up_until_ = kEventTimeMin;  // of all starts, folded ones too
  std::map<Incarnation, IncarnationBooks::Uncounted> uncounted_;
  std::vector<Incarnation> by_ordinal() const;
  std::vector<SourceBooks> sources_;
  std::map<std::pair<std::string, std::string>, SourceIndex> source_index_;
};

}  // namespace tidemark::reconcile
