// A group of a block with its rows in the order of time. A block may mix rows that are late with
// live ones; in order, those of one pane are neighbours and enter it together.
//
// Order      rows of one time stay as they came, so that the first of several that are the same
//            reading is still the first.
// Threads    one at a time.
#pragma once

#include "common/base/row_order.h"
#include "common/model/block.h"

namespace tidemark::intake {

class TimeOrder {
 public:
  // The group itself if it is in order; else a copy of it, valid until the next call.
  const Group& of(const Group& group);

 private:
  void find_order(const std::vector<std::int64_t>& times);
  void arrange(const Column& from, Column& to);

  Group sorted_;
  std::vector<std::uint32_t> order_;  // of rows
  std::vector<std::uint32_t> behind_, values_, moved_;
  std::vector<std::int64_t> behind_times_;
  RowOrder by_time_;
};

}  // namespace tidemark::intake
