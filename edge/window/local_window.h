// Windows that are no sums of aligned panes: sliding, session, count. They give results for the
// machine's own people and never carry (semantics C11).
//
// Sliding    the last `size` before a reading, that reading included. One result for each slot of
//            `hop` (epoch-aligned) that has readings, at its last one; hop 1ns: at every reading.
// Session    readings less than `gap` apart; its result comes when the frontier is `gap` behind
//            the last one. A reading that joins two sessions withdraws the later result and names
//            the survivor (semantics E19).
// Count      every `count` readings in order of arrival; its result comes at once, never revised.
// Late       sliding and session results that were emitted come again, revised, while the reading
//            is no more than `keep` behind the frontier; after that it is counted in late().
// Order      sliding and session results do not depend on the order of add(), to the bit; what
//            depends on the order of time (figures.h) is exact in a sliding window, and in a
//            session for readings that come before the frontier.
// Bounds     sliding: kReadingsMax readings, beyond which the window is cut to the newest ones,
//            with its true start, and says so. Session: kSessionsMax, the oldest that was emitted
//            is forgotten first. Count: kFinishedMax results a flush, the oldest go (late() counts
//            their readings).
// Clock      times that come again after a clock went back are late for this object: its caller
//            asks has_passed() and makes a new one.
// Cost       O(1) amortised a reading in order; after a late one O(readings) for each result.
// Threads    one. No I/O, no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/block.h"
#include "edge/window/figures.h"

namespace tidemark::window {

struct LocalOptions {
  enum class Kind : std::uint8_t { sliding, session, count };
  Kind kind = Kind::sliding;
  Nanoseconds size{};       // sliding
  Nanoseconds hop{1};       // sliding
  Nanoseconds gap{};        // session
  std::uint64_t count = 0;  // count
  Nanoseconds keep{};
  Shape shape = {};

  static constexpr std::uint64_t kCountMax = 1'000'000'000;
  // Fault::bad_input names what is out of its bounds.
  [[nodiscard]] Result<> check() const;
};

class LocalWindow {
 public:
  static constexpr std::size_t kReadingsMax = 2048;
  static constexpr std::size_t kSessionsMax = 64;
  static constexpr std::size_t kFinishedMax = 1024;

  // `options` passed their check(). Null for a sliding window of texts: there is nothing to slide.
  static std::unique_ptr<LocalWindow> make(const LocalOptions& options);
  explicit LocalWindow(const LocalOptions& options) : options_(options) {}
  virtual ~LocalWindow() = default;
  virtual void add(EventTime time, const Column& column, std::size_t value) = 0;
  // Appends the results that are due. The frontier: as of SeriesWindow::flush.
  virtual void flush(EventTime frontier, std::vector<LocalResult>& out) = 0;
  // As of SeriesWindow.
  [[nodiscard]] virtual bool has_passed(EventTime now) const = 0;
  [[nodiscard]] const LocalOptions& options() const { return options_; }
  [[nodiscard]] std::uint64_t late() const { return late_; }

 protected:
  const LocalOptions options_;
  std::uint64_t late_ = 0;
};

std::unique_ptr<LocalWindow> make_sliding(const LocalOptions& options);
std::unique_ptr<LocalWindow> make_session(const LocalOptions& options);
std::unique_ptr<LocalWindow> make_count(const LocalOptions& options);

}  // namespace tidemark::window
