// What persons decided, as the store has it: orders that a command left in cloud.db beside the
// node, and in the store of one partition those that came with the log.
//
// Promise    orders of the log keep their order; one of a name is there once.
// Bounds     who gives orders gives few; those that are done go a day after they were given, of the
//            log once their outcome lies there.
// Threads    that of its Database.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/store/orders.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

// How far a log was read: the next records of live data and of the backlog.
struct InputPosition {
  std::int64_t live = 0, backlog = 0;
  friend bool operator==(const InputPosition&, const InputPosition&) = default;
};

struct Order {
  std::int64_t id = 0;
  std::string words;
  EventTime at{};    // when it was given, by the clock of who gave it
  std::string name;  // of one of the log; empty: it was left in this file
  std::string by;    // likewise: who gave it, where that was said
  // It was obeyed there before, by a store that had read so much.
  std::optional<InputPosition> obeyed_at;
};
struct Outcome {
  std::int64_t id = 0;
  std::string name;
  std::string text;
  InputPosition at;
};

class OrderRows {
 public:
  explicit OrderRows(sqlite::Database& database);
  // That are not done, in the order in which they were given.
  std::vector<Order> open();
  // Of the log; false: that one is there.
  bool add(const std::string& name, const std::string& words, const std::string& by, EventTime at);
  // What came of an order of the log, as the log has it. One that was refused is not obeyed again.
  void know(const std::string& name, const std::string& outcome, const InputPosition& at);
  // It is done, by a store that has read so much.
  void close(const Order& order, const std::string& outcome, const InputPosition& at);
  // That are done and were given before.
  void forget(EventTime before);

 private:
  sqlite::Statement open_, find_, add_, give_, know_, refuse_, close_, at_, forget_, clean_;
};

// Outcomes that the log does not have yet, by numbers of orders: those behind `?`, at most `?`.
inline constexpr const char* kUnsaidOutcomes =
    "SELECT o.id,g.name,o.outcome,g.live,g.backlog FROM orders o JOIN given_orders g ON g.id=o.id"
    " WHERE o.done=1 AND g.said=0 AND o.id>? ORDER BY o.id LIMIT ?";
Outcome read_outcome(const sqlite::Statement& row);

}  // namespace tidemark::store
