// How well the cloud knows a window of a group: that of its sources, put together. A source counts
// once, however many of its series belong to the group.
//
// state          sealed when all are, or a person said not to wait for them.
// completeness   received ÷ taken over all of them.
// coverage       good ÷ due over all that have a schedule; a source that was switched off for the
//                whole window counts as not heard, with the mean due of the others.
// lost           the sum.
// The order of adding does not matter, to the bit.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cloud/answers/judge.h"
#include "common/window/exact_sum.h"

namespace tidemark::answers {

class GroupJudge {
 public:
  GroupJudge(EventTime start, EventTime end) : start_(start), end_(end) {}

  // What the source alone would say of the window.
  Answer add(const Basis& source);
  // Other sources of the same window.
  void merge(const GroupJudge& other);
  void finish(Answer& answer) const;
  // All of them are past the window, by proof or by word.
  [[nodiscard]] bool done() const { return all_done_; }

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes
  // What is none makes `in` fail.
  static GroupJudge decode(ByteReader& in, EventTime start, EventTime end);

  // Sources that a window names; of more it gives the number.
  static constexpr std::size_t kMissingMax = 20;

 private:
  EventTime start_, end_;
  Basis total_;
  bool any_ = false;
  bool all_whole_minutes_ = true;
  bool all_kept_ = true;   // nobody gave anything up
  bool all_sealed_ = true;
  bool all_done_ = true;   // sealed, or waived
  bool estimated_ = false;
  std::uint64_t lost_ = 0;
  window::ExactSum heard_;         // good · ns that the edge was on
  std::uint64_t due_ = 0;
  std::uint64_t with_due_ = 0, off_ = 0, others_ = 0;  // sources
};

// What a person should know of the increases of a group's members, each with the name of its
// series. The order of adding does not matter; of more than kMissingMax notes the first by text.
class MemberNotes {
 public:
  MemberNotes() = default;
  // `needed`: the aggregates that are asked for. Without increase there is nothing to note.
  explicit MemberNotes(const std::vector<std::string>& needed);

  void add(const std::string& name, const SeriesDescription& series, const window::Summary& sum,
           const window::OrderedOptions& options, EventTime start, EventTime end);
  void merge(const MemberNotes& other);
  void put(Answer& answer) const;

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes
  static MemberNotes decode(ByteReader& in);  // what is none makes `in` fail

 private:
  void bound();
  bool wanted_ = false;
  bool estimated_ = false;
  std::set<std::string> notes_;
};

// Keeps kMissingMax of them, in order of their names; `more` are not among them already.
void bound_missing(std::vector<Missing>& missing, std::uint64_t more = 0);

}  // namespace tidemark::answers
