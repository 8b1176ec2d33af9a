// An answer: one window of one group of one view, as the cloud knows it now, and how well.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::answers {

// withdrawn: a session that is part of another one by now.
enum class State : std::uint8_t { open, provisional, sealed, revised, frozen, withdrawn };
std::string_view to_string(State state);
// It stands: later news of it are revisions.
constexpr bool proved(State s) {
  return s == State::sealed || s == State::revised || s == State::frozen;
}

struct Missing {  // a source that the window still waits for, or that was not heard
  std::string source;
  // "offline since 2026-11-21T12:03:00Z", "edge was off", "24 blocks under way"
  std::string reason;
};

// A source that a person said the window need not wait for, and that has not proved it since.
struct Waived {
  std::string source;
  bool retired = false;  // for good; else until a time
  EventTime until{};
  std::string by;
  std::string reason;
  EventTime at{};        // when it was said

  friend bool operator==(const Waived&, const Waived&) = default;
};

struct Answer {
  std::uint64_t position = 0;  // rises with every emission of this node; ids of SSE
  std::string view;
  std::uint64_t view_version = 0;  // of the definition that it is of; 0: of none
  std::uint64_t view_hash = 0;     // of what that says, the same at every node; 0: as above
  std::string series;          // full name, when grouped by series
  std::map<std::string, std::string> labels;  // of the group: site, edge and what group_by names
  EventTime start{};
  EventTime end{};
  std::map<std::string, std::optional<double>> values;  // by aggregate; empty: no readings
  std::map<std::string, std::string> texts;              // first and last of text series
  std::string unit;
  State state = State::provisional;
  std::uint64_t revision = 0;
  std::string cause;           // empty for the first; late, backfill, re-sent, correction, operator
  EventTime known_at{};
  std::optional<double> completeness;  // received / taken; empty while nothing is known
  bool estimated = false;              // blocks are under way, or nobody counts this exactly
  std::optional<double> coverage;      // good / due; empty where there is no schedule
  std::vector<Missing> missing;
  std::vector<Waived> waived;          // sealed without these
  std::uint64_t lost = 0;              // readings
  bool approximate = false;            // a value does not stand on every reading, or in their order
  std::vector<std::string> notes;      // what a person should know of the values
  std::map<std::string, std::optional<double>> previous;  // values of the revision before
};

// values less previous, of those that both have; empty for what one of the two has no figure of.
std::map<std::string, std::optional<double>> difference(const Answer& answer);

// What it is about, within its view: the name of a series, or the labels of a group as its JSON has
// them.
std::string subject_of(const Answer& answer);
// Whose series it is about; empty: of a group.
std::string_view edge_of(const Answer& answer);
// What the partition of its records is the hash of: the edge; of a group the view, tab, the labels.
std::string place_of(const Answer& answer);

// The object of contract.md, "v" left to the envelope around it.
std::string to_json(const Answer& answer);
// What to_json() made, all of it; fields that this version does not know are passed over.
// Fault::corrupt: it is no answer, and why.
Result<Answer> from_json(std::string_view json);

}  // namespace tidemark::answers
