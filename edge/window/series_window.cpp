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

SeriesWindow::SeriesWindow(ValueType type, const WindowOptions& options)
    : type_(type),
      options_(options),
      size_(options.size.count()),
      hop_(options.hop.count()),
      pane_(options.pane().count()),
      latest_(panes_.end()) {}

std::size_t SeriesWindow::panes_max() const {
  return static_cast<std::size_t>(size_ / pane_) + options_.late_panes;
}

bool SeriesWindow::forgotten(std::int64_t begin, std::int64_t end) const {
  return std::any_of(forgotten_.begin(), forgotten_.end(),
                     [&](const Range& r) { return begin < r.end && r.begin < end; });
}

SeriesWindow::Pane* SeriesWindow::find_or_make(std::int64_t start) {
  if (latest_ != panes_.end() && latest_->first == start) return &latest_->second;
  auto it = panes_.lower_bound(start);
  if (it == panes_.end() || it->first != start) {
    if (panes_.size() >= kPanesMax || forgotten(start, add_capped(start, pane_))) return nullptr;
    it = panes_.emplace_hint(it, start, Pane{.partial = Partial(type_)});
  }
  latest_ = it;
  return &it->second;
}

// The earliest window that holds the pane: pane_start + pane - size, rounded up to hops.
std::int64_t SeriesWindow::first_window_of(std::int64_t pane_start) const {
  return -floor_ns(size_ - pane_ - pane_start, hop_);
}

void SeriesWindow::touch_windows(std::int64_t pane_start) {
  for (auto start = first_window_of(pane_start); start <= pane_start; start += hop_) {
    // A window with a forgotten pane cannot be computed again; its last row stands.
    if (!forgotten(start, start + size_)) windows_[start].dirty = true;
  }
}

SeriesWindow::Placement SeriesWindow::add(EventTime time, const Column& column,
                                          std::size_t value) {
  // Times within a window's size of the end of time could not be told apart from overflow.
  const auto ns = count_ns(time);
  if (ns > count_ns(kEventTimeMax) - 2 * size_ || ns < count_ns(kEventTimeMin) + 2 * size_) {
    return Placement::too_old;
  }
  const auto start = floor_ns(ns, pane_);
  auto* pane = find_or_make(start);
  if (pane == nullptr) return Placement::too_old;
  pane->partial.add(ns, column, value);
  if (options_.hops() && pane->fresh == 0) touch_windows(start);
  ++pane->fresh;
  pane->touched = flushes_;
  dirty_ = true;
  return Placement::taken;
}

void SeriesWindow::publish_pane(std::int64_t start, Pane& pane, std::uint32_t series,
                                std::vector<PartialRow>& out) const {
  PartialRow row{.series = series,
                 .start = start,
                 .size = pane_,
                 .revision = ++pane.revision,
                 .readings = std::exchange(pane.fresh, 0),
                 .copy = options_.raw_travels,
                 .state = {}};
  ByteWriter writer(row.state);
  pane.partial.encode(writer);
  out.push_back(std::move(row));
}

void SeriesWindow::publish_windows(EventTime frontier, std::uint32_t series,
                                   std::vector<PartialRow>& out) {
  for (auto& [start, window] : windows_) {
    if (!window.dirty) continue;
    if (start + size_ > count_ns(frontier)) {
      dirty_ = true;
      continue;
    }
    Partial sum(type_);
    for (auto it = panes_.lower_bound(start); it != panes_.end() && it->first < start + size_;
         ++it) {
      sum.merge(it->second.partial);
    }
    const auto readings = sum.readings();
    PartialRow row{.series = series,
                   .start = start,
                   .size = size_,
                   .revision = ++window.revision,
                   .readings = readings - window.published,
                   .copy = true,
                   .state = {}};
    ByteWriter writer(row.state);
    sum.encode(writer);
    out.push_back(std::move(row));
    window.published = readings;
    window.dirty = false;
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
  panes_.erase(start);
  for (auto w = first_window_of(start); w <= start; w += hop_) windows_.erase(w);
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

void SeriesWindow::flush(EventTime frontier, std::uint32_t series, std::vector<PartialRow>& out) {
  ++flushes_;
  dirty_ = false;
  const auto go = due_to_go(frontier);
  const bool wait_for_end = options_.raw_travels;
  if (!options_.hops() || !options_.raw_travels) {
    for (auto& [start, pane] : panes_) {
      if (pane.fresh == 0) continue;
      if (wait_for_end && start + pane_ > count_ns(frontier) &&
          std::find(go.begin(), go.end(), start) == go.end()) {
        dirty_ = true;
        continue;
      }
      publish_pane(start, pane, series, out);
    }
  } else {
    for (auto& [start, pane] : panes_) pane.fresh = 0;
  }
  if (options_.hops()) publish_windows(frontier, series, out);
  for (const auto start : go) forget(start);
  latest_ = panes_.end();
}

}  // namespace tidemark::window
