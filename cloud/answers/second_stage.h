// Groups whose series lie in several partitions: what the owner of each says of them, and whoever
// has the group puts together (issue 7; semantics F27).
//
// Share      what the series of one partition have of a group's window, and how well that is known
//            of all their sources together: no longer for a thousand of them than for one. It
//            stands for the whole partition: a newer one replaces it, and is never added to it.
// Reach      of one partition and group: when series of it belong to the group, and up to where
//            all of its shares have been said. Before that, no share means that there is nothing.
// Complete   is a partition for a view once it has read all that there was and said its reaches:
//            before all are, nobody knows who belongs to a group, and nothing of it is sealed.
// Promise    shares of all partitions, merged in any order, are to the bit what one store with all
//            of these series would look at.
// Bytes      common/kafka/FORMAT.md, as records of the topic of partial answers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/answers/answer.h"
#include "cloud/answers/cause.h"
#include "cloud/answers/group_judge.h"
#include "cloud/answers/group_sum.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::answers {

struct GroupShare {
  GroupSum sum;
  MemberNotes notes;
  GroupJudge known{EventTime{}, EventTime{}};  // of all its sources
  std::vector<Waived> waived;
  std::uint64_t members = 0;
  std::uint64_t refused = 0;      // series past the bound of members
  bool frozen = false;            // panes of some of its readings are wider than the window by now
  Cause cause = Cause::none;
  std::vector<Missing> missing;   // the first by their names
  std::uint64_t more_missing = 0;

  [[nodiscard]] bool any() const { return sum.count() > 0; }
  // What an answer depends on, as bytes: all but the cause and the words for what is missing.
  [[nodiscard]] ByteVector figures() const;
  [[nodiscard]] ByteVector encode() const;
  // Of the window [start, end). Fault::bad_input for what encode() cannot have written, unsupported
  // for a newer version.
  static Result<GroupShare> decode(ByteSpan bytes, EventTime start, EventTime end);
};

struct GroupReach {
  static constexpr std::size_t kNamedMax = 20;
  struct Span {
    EventTime since, until;
    friend bool operator==(const Span&, const Span&) = default;
  };
  std::vector<Span> spans;             // in order, apart; none: nobody belongs to it any more
  EventTime said_to = kEventTimeMin;   // shares of windows that start before have been said
  EventTime first = kEventTimeMax;     // of the windows with readings
  std::vector<std::string> sources;    // of now, the first so many by name

  [[nodiscard]] bool holds(EventTime window) const;
  [[nodiscard]] ByteVector encode() const;
  static Result<GroupReach> decode(ByteSpan bytes);  // faults as above
};

// What goes through the topic. Of one partition records lie in the order in which they were said.
struct PartialRecord {
  enum class Kind : std::uint8_t {
    begin = 1,     // this run says all of the partition from now on, and no earlier one does
    share = 2,
    reach = 3,
    complete = 4,  // this run has read all that there was, and said each group's reach
  };
  Kind kind = Kind::begin;
  std::uint32_t partition = 0;  // of the input, that speaks
  std::uint64_t run = 0;
  // Of a complete one: the hashes of the definitions that it has said all of.
  std::vector<std::uint64_t> views;
  // Of a share or a reach:
  ByteVector view;   // its definition
  ByteVector group;  // GroupKey
  EventTime start{};  // of the share's window
  ByteVector state;

  [[nodiscard]] ByteVector encode() const;
  static Result<PartialRecord> decode(ByteSpan bytes);  // faults as above
  // Of version 1, which put groups together in other partitions: it was said again since.
  static bool lies_elsewhere(ByteSpan bytes);
};

// As a store keeps what it has to say: the kind, the group and the state.
struct SaidPartial {
  PartialRecord::Kind kind = PartialRecord::Kind::share;
  ByteVector group;
  ByteVector state;

  [[nodiscard]] ByteVector encode() const;
  static Result<SaidPartial> decode(ByteSpan bytes);
};

}  // namespace tidemark::answers
