// Answers that are in the topic and that this store has not taken over yet, other nodes' most of
// them: by definition, what they are about (subject_of), and window, in the order of their
// positions.
//
// Threads    that of the Database, inside a batch.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/answers/answer.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

// In meta: up to this position of `history` answers may be other nodes'.
inline constexpr std::string_view kAdoptedTo = "adopted_to";

class PublishedRows {
 public:
  struct Window {
    std::uint64_t definition = 0;  // Answer::view_hash, of which the view's name is a part
    std::string subject;
    EventTime start{};
  };
  explicit PublishedRows(sqlite::Database& database);
  [[nodiscard]] bool empty() const { return definitions_.empty(); }
  // Whether anything may be there of a definition; costs nothing to ask.
  [[nodiscard]] bool any_of(std::uint64_t definition) const {
    return definitions_.contains(definition);
  }
  [[nodiscard]] std::uint64_t newest() const { return newest_; }  // position that was ever there
  void add(const Answer& answer);
  bool has(const Window& window);
  // A window that is not withdrawn, of the same, holds some of [start, end).
  bool meets(const Window& window, EventTime end);
  // Those of a window, which are gone with that.
  std::vector<Answer> take(const Window& window);
  // The first of those that start then or later, of the same.
  std::optional<EventTime> next(const Window& window);
  // What was known before goes; `limit` of them at most.
  void forget(EventTime known_before, std::size_t limit);
  // Looks what is left.
  void look();

 private:
  sqlite::Statement add_, has_, of_window_, remove_, next_, met_, newest_row_, definitions_left_,
      forget_;
  std::set<std::uint64_t> definitions_;  // of all rows, and perhaps of some that were taken
  bool taken_ = false;                   // some, since look()
  std::uint64_t newest_ = 0;
  EventTime oldest_known_ = kEventTimeMax;  // or older
};

}  // namespace tidemark::answers
