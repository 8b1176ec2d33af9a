// Windows that no view keeps, computed when somebody asks: from panes, and where a window is finer
// than they are, from the archived blocks.
#pragma once

#include <functional>

#include "cloud/answers/grid.h"
#include "cloud/answers/judge.h"
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
  struct Asked {
    Grid grid;
    std::vector<std::string> aggregates;
    EventTime from{}, to{};
    std::size_t newest = 0;
    std::size_t limit = 0;
    const answers::View* figures = nullptr;  // of a group: those of this view, not the aggregates
  };
  // What that is of one series.
  struct Wanted {
    window::Parts parts;
    const window::OrderedOptions& ordered;
  };
  // Answers of one series over windows [k·every, k·every + size) that start in [from, to); without
  // a grid, of the one window [from, to). With `newest` only the last so many of them. Fault::full
  // when more than `limit` would come.
  Result<std::vector<answers::Answer>> of(const SeriesEntry& series, const Asked& asked);
  // Of a group of series, likewise.
  Result<std::vector<answers::Answer>> of_group(const std::vector<const SeriesEntry*>& members,
                                                const Asked& asked);

 private:
  // What [from, to) holds, in slices of this width, which both are multiples of.
  Result<Sums> sums(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width,
                    EventTime from, EventTime to);
  // The same from raw readings, for any bounds.
  Result<Sums> raw(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width,
                   EventTime from, EventTime to);
  // `covered` turns false when a pane lacks what is asked for.
  Sums panes(const SeriesEntry& series, const Wanted& wanted, Nanoseconds width, EventTime from,
             EventTime to, bool* covered);
  struct Window {
    EventTime start, end;
  };
  // The windows that are asked of what lies in [first, last), oldest first; `name` for the fault.
  static Result<std::vector<Window>> windows(const Asked& asked, EventTime first, EventTime last,
                                             const std::string& name);
  // What these hold of one series: visit(window's index, found).
  Result<> each(const SeriesEntry& series, const Wanted& wanted, const Grid& grid,
                const std::vector<Window>& windows,
                const std::function<void(std::size_t, const Found&)>& visit);
  Result<Found> span(const SeriesEntry& series, const Wanted& wanted, EventTime from,
                     EventTime to);
  struct First {  // what the first window begins with
    std::optional<window::OrderedSample> before;
    bool certain = true;
  };
  Result<First> before(const SeriesEntry& series, const Wanted& wanted, EventTime t);
  // The borders of a window, which follows others of `parts`.
  static void close(const Wanted& wanted, const First& first, const Sums* parts,
                    const Window& window, Found& found);
  // How well a window is known, by what these sources counted.
  answers::Basis basis(const SeriesEntry& series, const Found& found, const Window& window,
                       EventTime frontier, const std::vector<store::SourceId>& sources,
                       bool of_group = false);
  void name_missing(const SeriesEntry& series, const answers::Basis& basis, bool of_group,
                    answers::Answer& a);

  Snapshot& snapshot_;
  store::ArchiveReader& archive_;
};

}  // namespace tidemark::query
