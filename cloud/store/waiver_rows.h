// Sources of which a person said that windows need not wait for them: retired for good, or waived
// until a time. What was said is never erased: revoking it, or saying something of the same source
// that reaches no further, ends it, and the row says when and by whom. What reaches further holds
// beside what was said before: a window is answered by the word of `Words` that covers it first, so
// that it does not matter when the node sealed it.
//
// Bounds     kWaiversMax words that hold; kWordsMax of a source, past that the oldest ends.
// Threads    that of its Database.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
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
  [[nodiscard]] bool reaches_beyond(const Waiver& other) const {
    const bool less = until < other.until || retired < other.retired;
    return !less && (until > other.until || retired != other.retired);
  }
};

// What holds of a source, in the order in which it was said: each reaches beyond the one before.
class Words {
 public:
  void add(Waiver word) { said_.push_back(std::move(word)); }
  [[nodiscard]] bool empty() const { return said_.empty(); }
  [[nodiscard]] std::size_t size() const { return said_.size(); }
  [[nodiscard]] const Waiver& first() const { return said_.front(); }  // there is one
  [[nodiscard]] const Waiver& last() const { return said_.back(); }    // there is one
  [[nodiscard]] bool retired() const { return !empty() && last().retired; }
  // Windows that end later wait; the start of time while nothing was said.
  [[nodiscard]] EventTime until() const { return empty() ? kEventTimeMin : last().until; }
  // Which of them covers it; nullptr: it waits for the source.
  [[nodiscard]] const Waiver* covering(EventTime end, bool of_group) const {
    const auto it = std::ranges::find_if(said_, [&](const Waiver& w) {
      return w.covers(end, of_group);
    });
    return it == said_.end() ? nullptr : &*it;
  }

 private:
  std::vector<Waiver> said_;
};

class WaiverRows {
 public:
  static constexpr std::size_t kWaiversMax = 10'000;
  static constexpr std::size_t kWordsMax = 64;

  explicit WaiverRows(sqlite::Database& database);
  // Whether that ended what was said of the source before. Fault::full past kWaiversMax.
  Result<bool> add(const Waiver& waiver);
  // False: nothing was said of it.
  bool end(EdgeId edge, const std::string& source, const std::string& by, EventTime at);
  Words in_force(EdgeId edge, const std::string& source);
  // In force or not, the oldest first.
  std::vector<Waiver> all(bool in_force_only);

 private:
  sqlite::Statement add_, end_, end_one_, of_source_, all_, count_;
};

}  // namespace tidemark::store
