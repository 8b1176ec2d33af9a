// Stretches of sealed windows of one slot that are to be looked at anew: what one late reading
// changes by the value that it holds may be a month of windows of a group, more than a commit can
// answer.
//
// Promise    what was added and not finished is found again after a restart, from its beginning.
// Order      by due; of one slot stretches that meet become one, but for the one under way.
// Bounds     stretches of a slot do not meet, so that there are few of them.
// Threads    that of its Database, inside a batch.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "cloud/answers/cause.h"
#include "cloud/answers/group_rows.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

class WindowsDue {
 public:
  using SlotId = std::uint32_t;
  struct Slot {
    SlotId id = 0;  // of this run
    std::int64_t view = 0;
    Subject subject = 0;
  };

  explicit WindowsDue(sqlite::Database& database);
  // What an earlier run left of the slot.
  void load(const Slot& slot);
  // Windows that start in [from, until). The cause that came first stands.
  void add(const Slot& slot, EventTime from, EventTime until, Cause cause, SteadyTime due);

  struct Turn {
    Slot slot;
    EventTime next{}, until{};  // who looks at windows moves `next`
    Cause cause = Cause::none;
  };
  // The one under way, or the next that is due; null when there is none.
  [[nodiscard]] Turn* turn(SteadyTime now);
  void finish();
  // The slot is no more; or the rows of one that no slot of this run has.
  void forget(const Slot& slot);
  void forget(std::int64_t view, Subject subject) { forget_.run(view, subject); }
  // The start of time while a turn is under way, the end of time when nothing waits.
  [[nodiscard]] SteadyTime due() const;

 private:
  struct Stretch {
    EventTime until{};
    Cause cause = Cause::none;
  };
  struct OfSlot {
    Slot slot;
    SteadyTime due{};
    std::map<EventTime, Stretch> stretches;
  };
  void save(const Slot& slot, EventTime from, const Stretch& stretch);

  std::map<SlotId, OfSlot> slots_;
  std::set<std::pair<SteadyTime, SlotId>> order_;
  std::optional<Turn> turn_;
  EventTime turn_from_{};
  // Rows, perhaps, which nobody else writes: where there are none, load() asks for none. Empty:
  // nobody has looked yet.
  std::optional<bool> any_;
  sqlite::Statement exists_, some_, add_, remove_, forget_;
};

}  // namespace tidemark::answers
