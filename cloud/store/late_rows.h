// Readings that came after their window was sealed, by series, time and where they went. Those of
// the late ledger are set aside, in no pane, and wait to be brought back; so are those that came
// before their time (quarantine).
//
// Threads    that of its Database; the batch's rows are written when it ends, or is read.
#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "cloud/store/changes.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

class LateRows {
 public:
  static constexpr std::string_view kLedger = "late_ledger";
  static constexpr std::string_view kQuarantine = "quarantine";

  LateRows(sqlite::Database& database, Changes& changes);
  // `placement` is one of the few words for it, which outlive the batch: "pane", a tier's name,
  // kLedger or kQuarantine.
  void add(SeriesId series, EventTime start, std::string_view placement, std::uint64_t readings);
  void flush();
  // Rows of windows that were revised, not of what is set aside.
  void forget(SeriesId series, EventTime before);

  struct Waiting {  // readings
    std::uint64_t late = 0;
    std::uint64_t early = 0;  // in quarantine
    [[nodiscard]] std::uint64_t all() const { return late + early; }
  };
  // What is set aside of the series, in lines that start in [from, to).
  Waiting waiting(SeriesId series, EventTime from, EventTime to);
  struct Line {
    SeriesId series = 0;
    EventTime start{};
    std::uint64_t readings = 0;
  };
  // Those of which something is in quarantine.
  std::unordered_set<SeriesId> early();
  // The first line behind this one, by series and start.
  std::optional<Line> next_waiting(const Line& after);
  // They have been brought back.
  void remove_waiting(SeriesId series, EventTime from, EventTime to);

 private:
  struct Late {
    SeriesId series;
    std::int64_t start;
    std::string_view placement;
    std::uint64_t readings;
    [[nodiscard]] auto key() const { return std::tuple(series, start, placement); }
  };
  // What is set aside in a line that starts there is of the day from it on.
  void note(SeriesId series, EventTime from, EventTime to);
  sqlite::Statement add_, forget_, waiting_, early_, next_, remove_;
  Changes& changes_;
  std::vector<Late> late_;  // of the batch
  bool any_waiting_;        // false: of no series, and nobody else writes any
};

}  // namespace tidemark::store
