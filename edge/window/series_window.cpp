#include "edge/window/series_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tidemark::window {

namespace {

constexpr std::size_t kForgottenMax = 4;

std::int64_t floor_ns(std::int64_t t, std::int64_t width) {
  return count_ns(floor_to(event_time(t), Nanoseconds(width)));
}

// a + b, staying at the largest time instead of wrapping: a window that ends after 2262 never ends.
std::int64_t add_capped(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? count_ns(kEventTimeMax) : sum;
}

}  // namespace

// Panes as the elements of a RangeFold, numbered by start / pane.
struct PaneSource {
  const SeriesWindow& window;
  [[nodiscard]] Cell empty() const { return Cell(window.options_.shape); }
  void add(Cell& to, std::int64_t from, std::int64_t until) const {
    auto it = window.panes_.lower_bound(from * window.pane_);
    for (; it != window.panes_.end() && it->first < until * window.pane_; ++it) {
      to.merge(it->second.cell, window.options_.shape);
    }
  }
  void join(Cell& to, const Cell& later) const { to.merge(later, window.options_.shape); }
};

Nanoseconds WindowOptions::pane() const {
  return Nanoseconds(std::gcd(size.count(), hop.count()));
}

Result<> WindowOptions::check() const {
  const auto refuse = [](std::string text) { return Error(Fault::bad_input, std::move(text)); };
  if (size <= Nanoseconds{} || size > kSizeMax) {
    return refuse(fmt::format("window.size: {} is not above 0 and at most {}",
                              format_duration(size), format_duration(kSizeMax)));
  }
  if (hop <= Nanoseconds{} || hop > size) {
    return refuse(fmt::format("window.hop: {} is not above 0 and at most the size {}",
                              format_duration(hop), format_duration(size)));
  }
  if (keep < Nanoseconds{}) return refuse("window.keep: it must not be below 0");
  if (const auto n = size / pane(); n > kPanesOfWindowMax) {
    return refuse(fmt::format("window: size {} and hop {} make {} panes a window, at most {}",
                              format_duration(size), format_duration(hop), n, kPanesOfWindowMax));
  }
  return {};
}

SeriesWindow::SeriesWindow(WindowOptions options)
    : options_(std::move(options)),
      size_(options_.size.count()),
      hop_(options_.hop.count()),
      pane_(options_.pane().count()) {}

std::size_t SeriesWindow::panes_max() const {
  return static_cast<std::size_t>(size_ / pane_) + options_.late_panes;
}

bool SeriesWindow::forgotten(std::int64_t begin, std::int64_t end) const {
  return std::any_of(forgotten_.begin(), forgotten_.end(),
                     [&](const Range& r) { return begin < r.end && r.begin < end; });
}

SeriesWindow::Pane* SeriesWindow::find_or_make(std::int64_t start) {
  if (latest_ != nullptr && latest_->first == start) return &latest_->second;
  auto it = panes_.lower_bound(start);
  if (it == panes_.end() || it->first != start) {
    if (panes_.size() >= kPanesMax || forgotten(start, add_capped(start, pane_))) return nullptr;
    it = panes_.emplace_hint(it, start, Pane{.cell = Cell(options_.shape)});
  }
  latest_ = &*it;
  return &it->second;
}

// The earliest window that holds the pane: pane_start + pane - size, rounded up to hops.
std::int64_t SeriesWindow::first_window_of(std::int64_t pane_start) const {
  return -floor_ns(size_ - pane_ - pane_start, hop_);
}

// The windows of this pane that were emitted, or passed over, have changed.
void SeriesWindow::touch(std::int64_t pane_start) {
  fold_.changed(pane_start / pane_);
  bool late = false;
  for (auto start = first_window_of(pane_start); start <= pane_start && start < next_;
       start += hop_) {
    // A window with a forgotten pane cannot be computed again; its last result stands.
    if (forgotten(start, start + size_)) {
      late = true;
    } else {
      changed_.insert(start);
    }
  }
  late_ += late ? 1 : 0;
}

SeriesWindow::Placement SeriesWindow::add(EventTime time, const Column& column,
                                          std::size_t value) {
  // Times within a window's size of the end of time could not be told apart from overflow.
  const auto ns = count_ns(time);
  if (ns > count_ns(kEventTimeMax) - 2 * size_ || ns < count_ns(kEventTimeMin) + 2 * size_) {
    return Placement::too_old;
  }
  // No division where the reading before lay in the same pane.
  const bool again = latest_ != nullptr && ns >= latest_->first &&
                     ns - latest_->first < pane_;
  const auto start = again ? latest_->first : floor_ns(ns, pane_);
  auto* pane = find_or_make(start);
  if (pane == nullptr) {
    if (options_.shape.wanted) ++late_;
    return Placement::too_old;
  }
  pane->cell.add(ns, column, value);
  if (options_.shape.wanted) {
    heard_from_ = std::min(heard_from_, ns);
    if (pane->fresh == 0 || pane->touched != flushes_) touch(start);
    if (pane->cell.ordered) reorder_.add(ns, column, value, names_);
  }
  ++pane->fresh;
  pane->touched = flushes_;
  dirty_ = true;
  return Placement::taken;
}

void SeriesWindow::publish_pane(std::int64_t start, Pane& pane, std::uint32_t series,
                                std::vector<PartialRow>& rows) const {
  PartialRow row{.series = series,
                 .start = start,
                 .size = pane_,
                 .revision = ++pane.revision,
                 .readings = std::exchange(pane.fresh, 0),
                 .copy = options_.upstream == Upstream::copy,
                 .state = {}};
  ByteWriter writer(row.state);
  pane.cell.partial.encode(writer);
  rows.push_back(std::move(row));
}

// Hands readings that the frontier has passed to the ordered part of their panes.
void SeriesWindow::put_in_order(std::int64_t until) {
  reorder_.release(until, [&](const OrderedSample& sample) {
    const auto pane = panes_.find(floor_ns(sample.time, pane_));
    if (pane == panes_.end()) return;
    if (!last_in_order_ || sample.time >= last_in_order_->time) {
      pane->second.cell.ordered->add(sample, options_.shape.ordered);
      last_in_order_ = sample;
      return;
    }
    // It missed its place: its own pane and what was held after it are not exact any more.
    pane->second.cell.ordered->miss();
    if (const auto next = std::next(pane); next != panes_.end()) {
      next->second.cell.ordered->miss();
      touch(next->first);
    }
  });
}

std::optional<OrderedSample> SeriesWindow::reading_before(std::int64_t start) const {
  if (!options_.shape.wanted->ordered()) return std::nullopt;
  for (auto it = panes_.lower_bound(start); it != panes_.begin();) {
    const auto& ordered = (--it)->second.cell.ordered;
    if (!ordered->empty()) return ordered->last();
  }
  if (before_ && before_->time < start) return before_;
  return std::nullopt;
}

void SeriesWindow::emit(std::int64_t start, bool in_order, std::vector<LocalResult>& out) {
  const PaneSource source{*this};
  const auto low = start / pane_;
  const auto high = low + size_ / pane_;
  Cell sum = source.empty();
  if (in_order && options_.hops()) {
    sum = fold_.over(low, high, source);
  } else {
    source.add(sum, low, high);
  }
  auto result = result_of(sum, start, start + size_, reading_before(start), options_.shape,
                          names_.names());
  result.revision = emitted_[start]++;
  result.cut = start < heard_from_ || forgotten(start, start + size_);
  out.push_back(std::move(result));
}

void SeriesWindow::emit_results(std::vector<LocalResult>& out) {
  put_in_order(horizon_);
  for (const auto start : changed_) emit(start, false, out);
  changed_.clear();
  while (true) {
    const auto pane = panes_.lower_bound(next_);
    if (pane == panes_.end()) break;
    const auto start = std::max(next_, first_window_of(pane->first));
    if (add_capped(start, size_) > horizon_) break;
    emit(start, true, out);
    next_ = start + hop_;
  }
}

std::vector<std::int64_t> SeriesWindow::due_to_go(EventTime frontier) const {
  std::vector<std::int64_t> go;
  std::vector<std::pair<std::uint64_t, std::int64_t>> stay;  // by last touch
  for (const auto& [start, pane] : panes_) {
    const auto last_window = floor_ns(start, hop_);
    if (add_capped(last_window + size_, options_.keep.count()) <= count_ns(frontier)) {
      go.push_back(start);
    } else {
      stay.emplace_back(pane.touched, start);
    }
  }
  if (stay.size() > panes_max()) {
    std::sort(stay.begin(), stay.end());
    for (std::size_t i = 0; i + panes_max() < stay.size(); ++i) go.push_back(stay[i].second);
  }
  return go;
}

void SeriesWindow::forget(std::int64_t start) {
  const auto gone = panes_.find(start);
  if (const auto& ordered = gone->second.cell.ordered;
      ordered && !ordered->empty() && (!before_ || ordered->last().time > before_->time)) {
    before_ = ordered->last();
  }
  panes_.erase(gone);
  for (auto w = first_window_of(start); w <= start; w += hop_) emitted_.erase(w);
  const auto at = std::lower_bound(forgotten_.begin(), forgotten_.end(), start,
                                   [](const Range& r, std::int64_t s) { return r.begin < s; });
  forgotten_.insert(at, {start, start + pane_});
  std::size_t closest = 0;
  for (std::size_t i = 0; i + 1 < forgotten_.size(); ++i) {
    const auto gap = [&](std::size_t k) { return forgotten_[k + 1].begin - forgotten_[k].end; };
    if (gap(i) < gap(closest)) closest = i;
  }
  if (forgotten_.size() > kForgottenMax ||
      (forgotten_.size() > 1 && forgotten_[closest + 1].begin <= forgotten_[closest].end)) {
    forgotten_[closest].end = std::max(forgotten_[closest].end, forgotten_[closest + 1].end);
    forgotten_.erase(forgotten_.begin() + static_cast<std::ptrdiff_t>(closest) + 1);
  }
}

void SeriesWindow::flush(EventTime frontier, std::uint32_t series, std::vector<PartialRow>& rows,
                         std::vector<LocalResult>& results) {
  if (!dirty_ && count_ns(frontier) < wake_) return;
  ++flushes_;
  dirty_ = false;
  const auto go = due_to_go(frontier);
  for (auto& [start, pane] : panes_) {
    if (pane.fresh == 0) continue;
    if (options_.upstream == Upstream::none) {
      pane.fresh = 0;
    } else if (options_.upstream == Upstream::copy && start + pane_ > count_ns(frontier) &&
               std::find(go.begin(), go.end(), start) == go.end()) {
      dirty_ = true;
    } else {
      publish_pane(start, pane, series, rows);
    }
  }
  if (options_.shape.wanted) {
    horizon_ = std::max(horizon_, count_ns(frontier));
    for (const auto start : go) {
      horizon_ = std::max(horizon_, add_capped(floor_ns(start, hop_), size_));
    }
    emit_results(results);
  }
  for (const auto start : go) forget(start);
  latest_ = nullptr;
  wake_ = due_next();
}

bool SeriesWindow::has_passed(EventTime now) const {
  const auto ns = count_ns(now);
  const auto kept = add_capped(ns, options_.keep.count());
  return (!forgotten_.empty() && forgotten_.back().end > ns) ||
         (!panes_.empty() && panes_.rbegin()->first > kept) || next_ > add_capped(kept, size_);
}

// The least frontier at which there is something to do without a further reading.
std::int64_t SeriesWindow::due_next() const {
  if (panes_.empty()) return count_ns(kEventTimeMax);
  const auto last_window = floor_ns(panes_.begin()->first, hop_);
  const auto forgetting = add_capped(last_window + size_, options_.keep.count());
  const auto pane = panes_.lower_bound(next_);
  if (!options_.shape.wanted || pane == panes_.end()) return forgetting;
  return std::min(forgetting, add_capped(std::max(next_, first_window_of(pane->first)), size_));
}

}  // namespace tidemark::window
