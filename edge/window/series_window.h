// Tumbling and hopping windows of one series at the edge, as partials that the cloud merges.
//
// Carrier    each reading travels once (semantics C11). Without raw rows the carrier is the pane:
//            an epoch-aligned tumbling slice of the window's size, or of gcd(size, hop) when it
//            hops. A pane's rows are cumulative within the incarnation, so every flush hands out
//            each pane that changed, its time over or not: what was taken leaves with the flush.
//            Rows of hopping windows, and all rows when raw travels too, are copies: they wait
//            until the frontier has passed their end, and come again when a late reading does.
// Order      the order of add() does not matter: equal readings give equal final rows, to the bit.
// When full  a pane is forgotten when the frontier is `keep` beyond every window that needs it, or
//            the least recently touched one when there are more than panes_max(). A later reading
//            of a forgotten pane cannot become part of it again (the row would replace the earlier
//            one and lose what it held), so add() says too_old and the reading has to travel as a
//            raw row: the cloud adds both. The same between two flushes beyond kPanesMax panes.
// Cost       O(1) for a reading in the pane of the one before, O(log panes) otherwise.
// Threads    one. No I/O, no clock.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/block.h"
#include "common/window/partial.h"

namespace tidemark::window {

struct WindowOptions {
  Nanoseconds size{};
  Nanoseconds hop{};            // equal to size: tumbling
  bool raw_travels = false;     // the readings have another carrier, all rows are copies
  Nanoseconds keep{};           // how late a reading may be and still join its window
  std::size_t late_panes = 8;   // bound of panes beyond those of one window

  static constexpr std::int64_t kPanesOfWindowMax = 1024;
  static constexpr Nanoseconds kSizeMax = std::chrono::hours(24 * 366);
  // Fault::bad_input: size and hop above 0, hop at most size, size / gcd within its bound.
  [[nodiscard]] Result<> check() const;
  [[nodiscard]] bool hops() const { return hop != size; }
  [[nodiscard]] Nanoseconds pane() const;  // gcd(size, hop)
};

class SeriesWindow {
 public:
  static constexpr std::size_t kPanesMax = 4096;

  // `options` passed their check().
  SeriesWindow(ValueType type, const WindowOptions& options);

  enum class Placement : std::uint8_t { taken, too_old };
  // The value with its quality, as Partial::add. too_old: nothing was taken, send it as a raw row.
  [[nodiscard]] Placement add(EventTime time, const Column& column, std::size_t value);

  // Appends the rows that this flush carries, oldest first, and forgets what the frontier has left
  // behind. Event times below `frontier` are not expected any more (they may come all the same).
  void flush(EventTime frontier, std::uint32_t series, std::vector<PartialRow>& out);

  [[nodiscard]] bool dirty() const { return dirty_; }
  [[nodiscard]] std::size_t panes() const { return panes_.size(); }
  [[nodiscard]] std::size_t panes_max() const;

 private:
  struct Pane {
    Partial partial;
    std::uint64_t revision = 0;
    std::uint64_t fresh = 0;    // readings since the last row
    std::uint64_t touched = 0;  // number of the flush before its last reading
  };
  struct Window {  // that hops
    std::uint64_t revision = 0;
    std::uint64_t published = 0;  // readings in the last row
    bool dirty = false;
  };
  using Panes = std::map<std::int64_t, Pane>;  // by start, ns
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };

  Pane* find_or_make(std::int64_t start);
  void touch_windows(std::int64_t pane_start);
  [[nodiscard]] std::int64_t first_window_of(std::int64_t pane_start) const;
  [[nodiscard]] bool forgotten(std::int64_t begin, std::int64_t end) const;
  [[nodiscard]] std::vector<std::int64_t> due_to_go(EventTime frontier) const;
  void publish_pane(std::int64_t start, Pane& pane, std::uint32_t series,
                    std::vector<PartialRow>& out) const;
  void publish_windows(EventTime frontier, std::uint32_t series, std::vector<PartialRow>& out);
  void forget(std::int64_t start);

  ValueType type_;
  WindowOptions options_;
  std::int64_t size_, hop_, pane_;
  Panes panes_;
  std::map<std::int64_t, Window> windows_;
  std::vector<Range> forgotten_;  // sorted, disjoint; at most kForgottenMax, the closest merge
  Panes::iterator latest_;        // pane of the last reading, or end
  std::uint64_t flushes_ = 0;
  bool dirty_ = false;
};

}  // namespace tidemark::window
