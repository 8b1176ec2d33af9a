// What a person should look at, by edge and kind.
//
// Bounds     one row an edge and kind: a repetition counts and keeps the newest words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/store/rows.h"

namespace tidemark::store {

enum class AlarmKind : std::uint8_t {
  clone,           // two boxes say they are this edge; the second is refused
  block_conflict,  // two blocks under one name
  seal_conflict,   // two statements under one number
  count_conflict,  // a seal counts other readings than the blocks that it speaks of hold
  dictionary_conflict,
  dictionary_missing,  // blocks name one that never came; they are kept aside
  clock,           // readings of times to come
  event,           // what it says of an anomaly cannot be read
  bound,           // a bound of what is kept of one edge was reached; something is not taken
};
std::string_view to_string(AlarmKind kind);

class AlarmRows {
 public:
  explicit AlarmRows(sqlite::Database& database);
  void raise(EdgeId edge, AlarmKind kind, const std::string& text, EventTime at);
  void clear(EdgeId edge, AlarmKind kind);
  // All but clones, which wait for a decision.
  void clear_before(EventTime last);

 private:
  sqlite::Statement raise_, clear_, clear_before_;
};

}  // namespace tidemark::store
