// What one edge has of a window of a group: what its series hold together, what is counted of its
// sources, and what a person should know of its series. A group's window is those of its edges.
//
// Promise    merging those of all edges, in any order, gives what the panes of all members give, to
//            the bit. It stands for all of its edge: another one of the same edge replaces it, and
//            is never added to it.
// Not in it  how far its sources are, by proof or by word, when the edge was off and what it gave
//            up: that changes without it, and is looked at where they are merged.
// Elsewhere  who did not make it knows its sources by their names.
// Bytes      cloud/store/FORMAT.md.
#pragma once

#include <string>
#include <vector>

#include "cloud/answers/group_judge.h"
#include "cloud/answers/group_sum.h"
#include "cloud/store/ids.h"

namespace tidemark::answers {

struct PartialAnswer {
  struct Source {
    store::SeriesId series = 0;  // one of its, by the number that this node gave it
    std::string name;
    std::string poll_class;
    Basis counts;  // manifest, readings, unplaced, waiting, reaches_back, deadband
  };
  GroupSum sum;
  std::vector<Source> sources;
  MemberNotes notes;

  // That of another edge.
  void merge(PartialAnswer other);

  void encode(ByteWriter& out) const;
  // Fault::bad_input for what encode() cannot have written, unsupported for a newer version.
  static Result<PartialAnswer> decode(ByteSpan bytes);
};

}  // namespace tidemark::answers
