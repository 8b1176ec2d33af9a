// Windows that no view keeps, computed when somebody asks: from panes, and where a window is finer
// than they are, from the archived blocks.
#pragma once

#include "cloud/answers/grid.h"
#include "cloud/query/snapshot.h"
#include "cloud/query/sums.h"
#include "cloud/store/archive.h"

namespace tidemark::query {

class Windows {
 public:
  Windows(Snapshot& snapshot, store::ArchiveReader& archive)
      : snapshot_(snapshot), archive_(archive) {}

  struct Grid {
    Nanoseconds size{};
    Nanoseconds every{};
    std::optional<answers::Grid> calendar = {};  // instead of both
  };
  // Answers of one series over windows [k·every, k·every + size) that start in [from, to); without
  // a grid, of the one window [from, to). With `newest` only the last so many of them. Fault::full
  // when more than `limit` would come.
  Result<std::vector<answers::Answer>> of(const SeriesEntry& series, const Grid& grid,
                                          const std::vector<std::string>& aggregates,
                                          EventTime from, EventTime to, std::size_t newest,
                                          std::size_t limit);

 private:
  // What [from, to) holds, in slices of this width, which both are multiples of.
  Result<Sums> sums(const SeriesEntry& series, Nanoseconds width, EventTime from, EventTime to);
  // The same from raw readings, for any bounds.
  Result<Sums> raw(const SeriesEntry& series, Nanoseconds width, EventTime from, EventTime to);
  Sums panes(const SeriesEntry& series, Nanoseconds width, EventTime from, EventTime to);
  Result<std::vector<answers::Answer>> by_calendar(const SeriesEntry& series,
                                                   const answers::Grid& grid,
                                                   const std::vector<std::string>& aggregates,
                                                   EventTime from, EventTime to,
                                                   std::size_t newest, std::size_t limit);
  Result<Found> span(const SeriesEntry& series, EventTime from, EventTime to);
  answers::Answer answer(const SeriesEntry& series, const Found& found, EventTime start,
                         EventTime end, EventTime frontier,
                         const std::vector<std::string>& aggregates);

  Snapshot& snapshot_;
  store::ArchiveReader& archive_;
};

}  // namespace tidemark::query
