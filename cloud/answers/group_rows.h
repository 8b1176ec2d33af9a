// The groups of views, and which series belongs to which of them from when to when.
//
// A group is what the labels of a view's group_by say, and a unit: series of different units are
// never added, they are different groups; nor are texts and numbers.
//
// Promise    a series belongs to a group for whole windows of its view: from `since` to `until`,
//            both starts of windows, as the same inputs. Who once belonged goes on counting in the
//            windows of then, as what it was.
// Threads    that of the Database, inside a batch.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "cloud/answers/selection.h"
#include "cloud/store/ids.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

using SeriesId = std::uint32_t;
// What answers are about: the id of a series, or less than zero, that of a group.
using Subject = std::int64_t;

struct GroupKey {
  std::string unit;
  bool texts = false;
  std::vector<std::string> values;  // of the labels of group_by, in its order; empty: has none

  [[nodiscard]] ByteVector encode() const;
  static GroupKey decode(ByteSpan bytes);
  // With their names, and what else tells groups apart: unit, and type "text". A label that a
  // series lacks is not there.
  [[nodiscard]] Labels labels(const std::vector<std::string>& group_by) const;
};
// `with_kind`: false where the group may hold several units, its inputs one each.
GroupKey key_of(const std::vector<std::string>& group_by, const Labels& labels,
                const SeriesDescription& series, bool with_kind);

struct Member {
  SeriesId series = 0;
  EventTime since = kEventTimeMin;
  EventTime until = kEventTimeMax;
  std::uint32_t inputs = 1;  // by View::inputs_of(), of a view with figures
  store::EdgeId edge = 0;    // of the series, where members lie by it
  [[nodiscard]] auto place() const { return std::tuple(edge, series, since); }
  [[nodiscard]] bool holds(EventTime window) const { return since <= window && window < until; }
};

// In meta: how many groups went, for who remembers them.
inline constexpr std::string_view kGroupsGone = "groups_gone";

class GroupRows {
 public:
  explicit GroupRows(sqlite::Database& database);
  // 0: there is none.
  Subject find(std::int64_t view, const GroupKey& key);
  Subject add(std::int64_t view, const GroupKey& key);
  GroupKey key(Subject group);  // of one that is there
  // All that a series has been to a view's groups, by time.
  std::vector<std::pair<Subject, Member>> of_series(std::int64_t view, SeriesId series);
  void save(Subject group, const Member& member);
  void remove(Subject group, const Member& member);
  // The group itself. One of the same key that comes later is another one.
  void forget(Subject group);
  // Groups without members, of which no partition says anything and no answer is kept, and whose
  // view they are of.
  std::vector<std::pair<std::int64_t, Subject>> left();

 private:
  sqlite::Database& database_;
  sqlite::Statement find_, add_, key_, of_series_, save_, remove_, forget_, left_;
};

}  // namespace tidemark::answers
