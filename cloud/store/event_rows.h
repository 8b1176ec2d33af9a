// What anomaly filters of edges raised and cleared, in the order in which it came here.
//
// Promise    an event is here once: it comes with its block, which is taken once.
// Bound      kEventsMax, and a tenth more for a while; what passes goes, the oldest of the edges
//            that have most, so that no edge pushes out another's, whether or not a topic has it
//            yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

struct Event {
  std::int64_t id = 0;  // of this store
  std::string edge = {};
  std::string series = {};  // edge/device/metric
  EventTime time{};         // of the reading that it speaks of
  std::string cause = {};   // "spike", "hihi", …: what an agent calls it
  std::string state = {};   // "raised", "cleared"
  std::uint64_t number = 0;  // by which the edge knows it; 0: none
  std::string json = {};    // the object that people get (intake/event_text.h)
  std::optional<int> partition = {};  // that has it, where a node has a store for each
};

inline constexpr std::uint64_t kEventsMax = 50'000;  // about 600 B each

class EventRows {
 public:
  explicit EventRows(sqlite::Database& database);
  void add(const Event& event);

 private:
  void forget();
  sqlite::Statement add_, counts_, forget_;
  std::uint64_t added_ = kEventsMax;  // since they were bounded, at most
};

// Columns for read_event(), in its order.
inline constexpr std::string_view kEventColumns = "id,edge,series,time,cause,state,number,json";
Event read_event(const sqlite::Statement& row);

}  // namespace tidemark::store
