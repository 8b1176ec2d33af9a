// One edge as the cloud knows it: the books of its starts, and how far each of its sources is
// proved (its frontier). Plain state: no I/O.
//
// Promise    a frontier never goes back; it passes T only when every block that a seal of T speaks
//            of is received, evicted or lost, in this start and in all earlier ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/reconcile/incarnation_books.h"

namespace tidemark::reconcile {

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

  using Forgotten = std::pair<Incarnation, SequenceRanges>;
  // The edge has started, or connects again. A start that is in the books, but neither this one,
  // nor closed here, nor settled, is none that the edge still waits for: its ring was wiped,
  // or this node comes from a backup. What is missing of it is lost until it comes; returned, so
  // that it can be asked for.
  std::vector<Forgotten> hello(Incarnation current, std::uint64_t ordinal,
                               const std::vector<Closing>& closings);
  IncarnationBooks& of(Incarnation i);
  [[nodiscard]] const IncarnationBooks* find(Incarnation i) const;
  // False when a newer statement stands. A part before the last changes nothing here: its minutes
  // are for the manifests.
  bool seal(const Seal& seal, const ReadingsIn& readings);
  // Sources whose frontier moved since the last call.
  std::vector<SourceIndex> advance();

  // Whether blocks of about that time were evicted or lost: of an incarnation that runs, or ended
  // less than an hour before.
  [[nodiscard]] bool gave_up(EventTime at) const;

  SourceIndex source(const std::string& name, const std::string& poll_class);
  [[nodiscard]] std::vector<SourceBooks>& sources() { return sources_; }
  [[nodiscard]] const std::vector<SourceBooks>& sources() const { return sources_; }
  // The store's rows come back at start, in order of their index.
  void restore_source(SourceBooks source);
  void restore(Incarnation i, IncarnationBooks books);

  [[nodiscard]] Ledger ledger() const;
  [[nodiscard]] Ledger found() const;  // IncarnationBooks::found() of all starts
  [[nodiscard]] std::uint64_t missing() const;  // blocks, over all starts
  [[nodiscard]] std::uint64_t blocks() const;
  // Nobody listened in these spans of event time.
  [[nodiscard]] std::vector<Closing> closings() const;

 private:
  std::map<Incarnation, IncarnationBooks> starts_;
  std::vector<Incarnation> by_ordinal() const;
  std::vector<SourceBooks> sources_;
  std::map<std::pair<std::string, std::string>, SourceIndex> source_index_;
};

}  // namespace tidemark::reconcile
