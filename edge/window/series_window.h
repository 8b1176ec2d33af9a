// Tumbling and hopping windows of one series (or of a group of series) at the edge. Two things
// are made of the same panes: carriers for the cloud, and results for the machine's own people.
//
// Carrier    each reading travels once (semantics C11). With Upstream::carrier the carrier is the
//            pane: an epoch-aligned tumbling slice of the window's size, or of gcd(size, hop) when
//            it hops. A pane's rows are cumulative within the incarnation, so every flush hands
//            out each pane that changed, its time over or not: what was taken leaves with the
//            flush. With Upstream::copy raw travels, and a pane's row is a copy: it waits until
//            the frontier has passed its end, and comes again when a late reading does.
// Results    of windows whose end the frontier has passed, oldest first, once (revision 0) and
//            again with the next flush when a late reading changed them, until `keep` is over. A
//            window without readings gives none. They are copies in the sense of C11: they never
//            travel.
// Order      the order of add() does not matter: equal readings give equal last rows and results,
//            to the bit; but what depends on the order of time (figures.h) has missed a reading
//            that came behind the frontier, and says `approximate`.
// When full  a pane is forgotten when the frontier is `keep` beyond every window that needs it, or
//            the least recently touched one when there are more than panes_max(); results of
//            windows up to it are then emitted before their time. A later reading of a forgotten
//            pane cannot become part of it again (the row would replace the earlier one and lose
//            what it held), so add() says too_old and the reading has to travel as a raw row: the
//            cloud adds both. The same between two flushes beyond kPanesMax panes.
// Clock      times that come again after a clock went back, and whose panes are forgotten, are too
//            old for this object: its caller asks has_passed() and makes a new one for results.
// Cost       O(1) for a reading in the pane of the one before, O(log panes) otherwise. A result
//            that hops: O(1) amortised for each pane (range_fold.h), O(size / pane) after a late
//            reading.
// Threads    one. No I/O, no clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/block.h"
#include "edge/window/figures.h"
#include "edge/window/range_fold.h"

namespace tidemark::window {

enum class Upstream : std::uint8_t { none, carrier, copy };

struct WindowOptions {
  Nanoseconds size{};
  Nanoseconds hop{};            // equal to size: tumbling
  Upstream upstream = Upstream::carrier;
  Nanoseconds keep{};           // how late a reading may be and still join its window
  std::size_t late_panes = 8;   // bound of panes beyond those of one window
  Shape shape = {};             // of results; without `wanted` there are none

  static constexpr std::int64_t kPanesOfWindowMax = 1024;
  static constexpr std::size_t kLatePanesMax = 1024;
  static constexpr Nanoseconds kSizeMax = std::chrono::hours(24 * 366);
  // Fault::bad_input: size and hop above 0, hop at most size, size / gcd within its bound.
  [[nodiscard]] Result<> check() const;
  [[nodiscard]] bool hops() const { return hop != size; }
  [[nodiscard]] Nanoseconds pane() const;  // gcd(size, hop)
};

class SeriesWindow {
 public:
  static constexpr std::size_t kPanesMax = 4096;
  static constexpr std::size_t kCacheLine = 64;

  // `options` passed their check().
  explicit SeriesWindow(WindowOptions options);

  enum class Placement : std::uint8_t { taken, too_old };
  // The value with its quality, as Partial::add. too_old: nothing was taken, send it as a raw row.
  [[nodiscard]] Placement add(EventTime time, const Column& column, std::size_t value);

  // Appends the rows that this flush carries and the results that are due, oldest first, and
  // forgets what the frontier has left behind. Event times below `frontier` are not expected any
  // more (they may come all the same).
  void flush(EventTime frontier, std::uint32_t series, std::vector<PartialRow>& rows,
             std::vector<LocalResult>& results);

  // Whether readings from `now` on could not join their windows, or would only revise results,
  // since what is kept here is of a clock that was ahead. False while all that comes fits in.
  [[nodiscard]] bool has_passed(EventTime now) const;
  [[nodiscard]] const WindowOptions& options() const { return options_; }
  void tell_nothing() { options_.shape.wanted = nullptr; }  // no results from now on

  // Asks the processor for what the next reading in the pane of the last one will touch.
  void fetch() const {
    for (std::size_t at = 0; latest_ != nullptr && at < sizeof *latest_; at += kCacheLine) {
      __builtin_prefetch(reinterpret_cast<const char*>(latest_) + at, 1);
    }
  }

  [[nodiscard]] bool dirty() const { return dirty_; }
  [[nodiscard]] std::size_t panes() const { return panes_.size(); }
  [[nodiscard]] std::size_t panes_max() const;
  // WindowOptions::late_panes from now on, if more.
  void expect_late(std::size_t panes) {
    options_.late_panes = std::max(options_.late_panes, panes);
  }
  // Readings that came too late for a result to take them in, each pane once a flush.
  [[nodiscard]] std::uint64_t late() const { return late_; }

 private:
  struct Pane {
    Cell cell;
    std::uint64_t revision = 0;
    std::uint64_t fresh = 0;    // readings since the last row
    std::uint64_t touched = 0;  // number of the flush before its last reading
  };
  using Panes = std::map<std::int64_t, Pane>;  // by start, ns
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };
  friend struct PaneSource;

  Pane* find_or_make(std::int64_t start);
  void touch(std::int64_t pane_start);
  [[nodiscard]] std::int64_t first_window_of(std::int64_t pane_start) const;
  [[nodiscard]] bool forgotten(std::int64_t begin, std::int64_t end) const;
  [[nodiscard]] std::vector<std::int64_t> due_to_go(EventTime frontier) const;
  void publish_pane(std::int64_t start, Pane& pane, std::uint32_t series,
                    std::vector<PartialRow>& rows) const;
  void emit_results(std::vector<LocalResult>& out);
  void emit(std::int64_t start, bool in_order, std::vector<LocalResult>& out);
  void put_in_order(std::int64_t until);
  [[nodiscard]] std::optional<OrderedSample> reading_before(std::int64_t start) const;
  void forget(std::int64_t start);
  [[nodiscard]] std::int64_t due_next() const;

  WindowOptions options_;
  std::int64_t size_, hop_, pane_;
  Panes panes_;
  std::vector<Range> forgotten_;  // sorted, disjoint; at most kForgottenMax, the closest merge
  Panes::value_type* latest_ = nullptr;  // pane of the last reading
  std::uint64_t flushes_ = 0;
  bool dirty_ = false;
  std::int64_t wake_ = std::numeric_limits<std::int64_t>::max();

  // Results.
  std::int64_t horizon_ = std::numeric_limits<std::int64_t>::min();  // windows that end up to it
  std::int64_t next_ = std::numeric_limits<std::int64_t>::min();     // start of the next to emit
  std::int64_t heard_from_ = std::numeric_limits<std::int64_t>::max();
  std::map<std::int64_t, std::uint64_t> emitted_;  // start to times, of windows that may change
  std::set<std::int64_t> changed_;                 // of those before next_, by start
  RangeFold<Cell> fold_;
  Reorder reorder_;
  StateNames names_;
  std::optional<OrderedSample> last_in_order_;
  std::optional<OrderedSample> before_;  // the last one in a pane that was forgotten
  std::uint64_t late_ = 0;
};

}  // namespace tidemark::window
