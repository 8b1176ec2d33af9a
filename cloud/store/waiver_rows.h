// Sources of which a person said that windows need not wait for them: retired for good, or waived
// until a time. What was said is never erased: revoking it, or saying something else of the same
// source, ends it, and the row says when and by whom.
//
// Bounds     kWaiversMax sources at a time.
// Threads    that of its Database.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/store/rows.h"

namespace tidemark::store {

struct Waiver {
  std::int64_t id = 0;
  EdgeId edge = 0;
  std::string edge_name;
  std::string source;  // in all of its poll classes
  bool retired = false;
  EventTime until{};   // windows that end later wait for it; of one that is retired, its own only
  std::string by;
  std::string reason;
  EventTime at{};      // when it was said, by the clock of who said it
  std::optional<EventTime> ended;
  std::string ended_by;

  [[nodiscard]] std::string name() const { return edge_name + "/" + source; }
  // Whether windows that end there do without it; `of_group`: those of groups that it belongs to.
  [[nodiscard]] bool covers(EventTime end, bool of_group) const {
    return end <= until || (retired && of_group);
  }
};

class WaiverRows {
 public:
  static constexpr std::size_t kWaiversMax = 10'000;

  explicit WaiverRows(sqlite::Database& database);
  // Ends what was said of the source before. Fault::full past kWaiversMax.
  Result<> add(const Waiver& waiver);
  // False: nothing was said of it.
  bool end(EdgeId edge, const std::string& source, const std::string& by, EventTime at);
  std::optional<Waiver> in_force(EdgeId edge, const std::string& source);
  // In force or not, the oldest first.
  std::vector<Waiver> all(bool in_force_only);

 private:
  sqlite::Statement add_, end_, one_, all_, count_;
};

}  // namespace tidemark::store
