// Answers that are in the topic and that this store has not taken over yet, other nodes' most of
// them: by definition, what they are about (subject_of), and window, in the order of their
// positions.
//
// Threads    that of the Database, inside a batch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/answers/answer.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

class PublishedRows {
 public:
  struct Window {
    std::uint64_t definition = 0;  // Answer::view_hash, of which the view's name is a part
    std::string subject;
    EventTime start{};
    friend bool operator==(const Window&, const Window&) = default;
  };
  explicit PublishedRows(sqlite::Database& database);
  // Nothing is there, which costs nothing to ask.
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] std::uint64_t newest() const { return newest_; }  // position that was ever there
  void add(const Answer& answer);
  bool has(const Window& window);
  // Those of a window, which are gone with that.
  std::vector<Answer> take(const Window& window);
  std::optional<Window> first();

 private:
  sqlite::Statement add_, has_, of_window_, remove_, first_;
  bool empty_ = true;
  std::uint64_t newest_ = 0;
};

}  // namespace tidemark::answers
