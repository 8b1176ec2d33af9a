// Where the slots of earlier runs are, and which of their windows wait, as rows say it.
//
// Cost       each slot is looked up in cloud.db; but while a run begins, from read() to let_go(),
//            all rows are in memory, so that 100,000 series cost one scan and not a look each.
//            Rows of slots that are open, or of views that are not current, must not be asked for
//            meanwhile: they may have changed, and are not there.
// Bounds     as many rows as the run is to have slots and waiting windows, ~32 B each.
// Threads    that of its Database.
#pragma once

#include <optional>
#include <vector>

#include "cloud/answers/cause.h"
#include "cloud/answers/group_rows.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

class SlotRows {
 public:
  struct Sealed {
    EventTime begins{}, sealed_to{};
  };
  struct Due {
    EventTime start{};
    std::optional<Cause> cause;  // empty: its window is not sealed yet
  };

  explicit SlotRows(sqlite::Database& database);
  void read();
  void let_go();
  [[nodiscard]] std::size_t size() const { return sealed_.size(); }  // of what was read
  std::optional<Sealed> find(std::int64_t view, Subject subject);
  std::vector<Due> due(std::int64_t view, Subject subject);

 private:
  struct Key {
    std::int64_t view;
    Subject subject;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  template <typename Row>
  struct OfKey {
    Key key;
    Row row;
  };
  sqlite::Statement slot_, slots_, due_, all_due_;
  bool has_all_ = false;
  std::vector<OfKey<Sealed>> sealed_;  // in the order of their keys, and starts
  std::vector<OfKey<Due>> waiting_;
};

}  // namespace tidemark::answers
