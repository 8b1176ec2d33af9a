#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "edge/window/local_window.h"
#include "edge/window/range_fold.h"

namespace tidemark::window {
namespace {

class Sliding final : public LocalWindow {
 public:
  explicit Sliding(const LocalOptions& options)
      : LocalWindow(options),
        shape_(options.shape),
        size_(options.size.count()),
        slot_(options.hop.count()),
        keep_(options.keep.count()) {
    one_.type = shape_.type;
    if (shape_.type == ValueType::f64) {
      one_.f64.resize(1);
    } else {
      one_.i64.resize(1);
    }
  }

  void add(EventTime time, const Column& column, std::size_t value) override {
    Reading r{.time = count_ns(time)};
    const auto margin = 2 * std::max(size_, slot_);
    if (r.time < gone_until_ || r.time > std::numeric_limits<std::int64_t>::max() - margin ||
        r.time < std::numeric_limits<std::int64_t>::min() + margin) {
      ++late_;
      return;
    }
    r.bad = column.type != shape_.type || is_bad(column.quality_of(value));
    if (!r.bad && shape_.type == ValueType::f64) r.f64 = column.f64[value];
    if (!r.bad && shape_.type != ValueType::f64) r.i64 = column.i64[value];
    const auto at = std::upper_bound(readings_.begin(), readings_.end(), r, before);
    fold_.changed(base_ + (at - readings_.begin()));
    readings_.insert(at, r);
    heard_from_ = std::min(heard_from_, r.time);
    // Every slot before next_ that holds a window with this reading has changed.
    const auto first = slot_of(r.time);
    if (first >= next_) return;
    changed_.insert(first);
    for (auto it = emitted_.upper_bound(first); it != emitted_.end(); ++it) {
      if (it->second.end > r.time + size_) break;
      changed_.insert(it->first);
    }
  }

  void flush(EventTime frontier, std::vector<LocalResult>& out) override {
    const auto until = count_ns(frontier);
    for (const auto slot : changed_) emit(slot, false, out);
    changed_.clear();
    while (true) {
      const auto at = place_of(next_);
      if (at == readings_.end()) break;
      const auto slot = slot_of(at->time);
      if (slot + slot_ > until) break;
      emit(slot, true, out);
      next_ = slot + slot_;
    }
    // At the bound, windows to come are cut; those that were emitted stand.
    if (readings_.size() > kReadingsMax) {
      const auto cut = readings_[readings_.size() - kReadingsMax - 1].time;
      cut_until_ = std::max(cut_until_, cut + 1);
      forget(cut + 1);
    }
    const auto needed = std::min(until, next_);
    if (needed > std::numeric_limits<std::int64_t>::min() + size_ + keep_) {
      forget(needed - size_ - keep_);
    }
  }

  [[nodiscard]] bool has_passed(EventTime now) const override {
    const auto ns = count_ns(now);
    return gone_until_ > ns ||
           (!readings_.empty() && readings_.back().time - size_ - keep_ > ns);
  }

 private:
  struct Reading {
    std::int64_t time = 0;
    double f64 = 0;
    std::int64_t i64 = 0;
    bool bad = false;
  };
  struct Emitted {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::uint64_t revisions = 0;
    std::uint64_t readings = 0;
  };
  using Readings = std::deque<Reading>;

  // Readings as the elements of a RangeFold, numbered from base_.
  struct Source {
    Sliding& window;
    [[nodiscard]] Cell empty() const { return Cell(window.shape_); }
    void add(Cell& to, std::int64_t from, std::int64_t until) const {
      for (auto i = from; i < until; ++i) {
        window.add_to(to, window.readings_[static_cast<std::size_t>(i - window.base_)]);
      }
    }
    void join(Cell& to, const Cell& later) const { to.merge(later, window.shape_); }
  };

  static bool before(const Reading& a, const Reading& b) {
    return a.time != b.time ? a.time < b.time
                            : std::tie(a.bad, a.i64) < std::tie(b.bad, b.i64) ||
                                  (std::tie(a.bad, a.i64) == std::tie(b.bad, b.i64) &&
                                   std::strong_order(a.f64, b.f64) < 0);
  }

  void add_to(Cell& cell, const Reading& r) {
    if (shape_.type == ValueType::f64) {
      one_.f64[0] = r.f64;
    } else {
      one_.i64[0] = r.i64;
    }
    one_.quality.clear();
    if (r.bad) one_.quality.push_back(Quality::bad_range);
    cell.add(r.time, one_, 0);
    if (cell.ordered && is_value(r)) cell.ordered->add({r.time, r.f64, r.i64}, shape_.ordered);
  }

  [[nodiscard]] std::int64_t slot_of(std::int64_t time) const {
    return count_ns(floor_to(event_time(time), Nanoseconds(slot_)));
  }
  // The first reading at or after a time.
  [[nodiscard]] Readings::const_iterator place_of(std::int64_t time) const {
    return std::lower_bound(readings_.begin(), readings_.end(), time,
                            [](const Reading& r, std::int64_t t) { return r.time < t; });
  }
  [[nodiscard]] static bool is_value(const Reading& r) { return !r.bad && std::isfinite(r.f64); }

  // The window that ends with the last reading of a slot.
  void emit(std::int64_t slot, bool in_order, std::vector<LocalResult>& out) {
    const auto end_place = place_of(slot + slot_);
    if (end_place == readings_.begin()) return;
    const auto end = std::prev(end_place)->time + 1;
    const auto start = std::max(end - size_, std::min(cut_until_, end - 1));
    const auto start_place = place_of(start);
    const auto low = base_ + (start_place - readings_.begin());
    const auto high = base_ + (end_place - readings_.begin());
    const Source source{*this};
    auto cell = source.empty();
    if (in_order) {
      cell = fold_.over(low, high, source);
    } else {
      source.add(cell, low, high);
    }
    auto& known = emitted_[slot];
    if (known.revisions > 0 && known.end != end) {
      out.push_back({.start = known.start,
                     .end = known.end,
                     .revision = known.revisions,
                     .withdrawn = true,
                     .survivor = start});
    }
    auto result = result_of(cell, start, end, reading_before(start_place), shape_, {});
    result.revision = known.revisions;
    result.cut = start < heard_from_ || start > end - size_;
    known = {start, end, known.revisions + 1, result.readings};
    out.push_back(std::move(result));
  }

  [[nodiscard]] std::optional<OrderedSample> reading_before(Readings::const_iterator at) const {
    while (at != readings_.begin()) {
      if (is_value(*--at)) return OrderedSample{at->time, at->f64, at->i64};
    }
    return before_;
  }

  void forget(std::int64_t until) {
    gone_until_ = std::max(gone_until_, until);
    while (!readings_.empty() && readings_.front().time < until) {
      const auto& r = readings_.front();
      if (is_value(r)) before_ = OrderedSample{r.time, r.f64, r.i64};
      readings_.pop_front();
      ++base_;
    }
    while (!emitted_.empty() && emitted_.begin()->second.start < gone_until_ &&
           emitted_.begin()->first < next_) {
      emitted_.erase(emitted_.begin());
    }
  }

  Shape shape_;
  std::int64_t size_, slot_, keep_;
  Column one_;           // reused from reading to reading
  Readings readings_;    // by time, then value
  std::int64_t base_ = 0;  // number of the first
  RangeFold<Cell> fold_;
  std::int64_t next_ = std::numeric_limits<std::int64_t>::min();  // slots from here are not emitted
  std::int64_t gone_until_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t cut_until_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t heard_from_ = std::numeric_limits<std::int64_t>::max();
  std::map<std::int64_t, Emitted> emitted_;  // by slot
  std::set<std::int64_t> changed_;
  std::optional<OrderedSample> before_;
};

}  // namespace

std::unique_ptr<LocalWindow> make_sliding(const LocalOptions& options) {
  return std::make_unique<Sliding>(options);
}

}  // namespace tidemark::window
