// A definition of a view, as far as its answers tell.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "common/base/text.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::serve {

struct KnownView {
  std::int64_t id = 0;
  std::string name;
  std::uint64_t hash = 0;
  std::uint64_t version = 0;        // the highest that a node gave it
  EventTime made = kEventTimeMin;  // known_at of its newest answer
  // Of windows seen: how long, and whether each begins at a multiple of that.
  Nanoseconds width_min = Nanoseconds::max(), width_max{};
  bool aligned = true;
  std::set<std::string> figures;

  // A row of kSelect.
  static constexpr auto kSelect =
      "SELECT id,name,hash,version,made,width_min,width_max,aligned,figures FROM views ORDER BY id";
  void read(const sqlite::Statement& row) {
    id = row.integer(0);
    name = row.text(1);
    hash = row.count(2);
    version = row.count(3);
    made = event_time(row.integer(4));
    width_min = Nanoseconds(row.integer(5));
    width_max = Nanoseconds(row.integer(6));
    aligned = row.integer(7) != 0;
    const auto names = row.text(8);
    for (const auto figure : split(names, '\n')) {
      if (!figure.empty()) figures.emplace(figure);
    }
  }
};

}  // namespace tidemark::serve
