#include "cloud/reconcile/newest_readings.h"

#include <algorithm>
#include <limits>

namespace tidemark::reconcile {
namespace {

bool earlier(const Identity& a, std::int64_t time) { return a.time < time; }
bool later(std::int64_t time, const Identity& a) { return time < a.time; }

// The first of [it, end) that is not before: it is mostly near.
template <typename Iterator, typename Key, typename Before>
Iterator leap(Iterator it, Iterator end, const Key& key, Before before) {
  std::ptrdiff_t step = 1;
  while (step < end - it && before(it[step - 1], key)) {
    it += step;
    step *= 2;
  }
  return std::lower_bound(it, it + std::min(step, end - it), key, before);
}

}  // namespace

void NewestReadings::Followed::mark(std::span<const Identity> rising, std::size_t first,
                                    std::size_t last, Marks& repeated) const {
  const auto here = all();
  auto near = here.begin();
  for (auto i = first; i < last; ++i) {
    near = leap(near, here.end(), rising[i].time, earlier);
    if (near == here.end()) return;
    if (near->time != rising[i].time) continue;
    const auto at = leap(near, here.end(), rising[i], std::less<>());
    if (at != here.end() && *at == rising[i]) repeated[i] = 1;
  }
}

std::size_t NewestReadings::Followed::drop(std::size_t oldest, std::span<const Identity> added) {
  if (oldest == 0) return 0;
  const auto here = all();
  // So many of what is here, and the rest of `added`, are the oldest of both.
  auto mine = oldest - std::min(oldest, added.size());
  for (auto most = std::min(oldest, here.size()); mine < most;) {
    const auto middle = mine + (most - mine) / 2;
    const bool more = here[middle].time < added[oldest - middle - 1].time;
    (more ? mine : most) = more ? middle + 1 : middle;
  }
  auto last = std::numeric_limits<std::int64_t>::min();
  if (mine > 0) last = here[mine - 1].time;
  if (mine < oldest) last = std::max(last, added[oldest - mine - 1].time);
  // Of one time all or none.
  const auto passed = [&](std::span<const Identity> some) {
    return static_cast<std::size_t>(
        std::upper_bound(some.begin(), some.end(), last, later) - some.begin());
  };
  range_.from = std::max(range_.from, last + 1);
  gone_ += passed(here);
  return passed(added);
}

void NewestReadings::Followed::merge(std::span<const Identity> added) {
  if (added.empty()) return;
  auto old = held_.size() - gone_;
  auto more = added.size();
  if (held_.size() + more > held_.capacity()) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(gone_));
    gone_ = 0;
  }
  // Most of what is here is earlier than all of these, and goes where it is; the rest from behind.
  held_.resize(held_.size() + more);
  auto* const begin = held_.data() + gone_;
  auto* to = begin + old + more;
  // One is written, and one of the two goes on: nobody could guess which it is.
  while (old > 0 && more > 0) {
    const auto& a = begin[old - 1];
    const auto& b = added[more - 1];
    const bool mine = (a.time > b.time) | ((a.time == b.time) & (a.bits > b.bits));
    *--to = mine ? a : b;
    old -= mine ? 1 : 0;
    more -= mine ? 0 : 1;
  }
  std::copy_backward(added.begin(), added.begin() + static_cast<std::ptrdiff_t>(more), to);
}

NewestReadings::Followed* NewestReadings::find(std::uint32_t series) {
  const auto it = series_.find(series);
  return it == series_.end() ? nullptr : &it->second;
}

NewestReadings::Followed& NewestReadings::follow(std::uint32_t series, Range range) {
  auto& followed = series_[series];
  followed.held_.clear();
  followed.gone_ = 0;
  followed.range_ = range;
  return followed;
}

void NewestReadings::add(Followed& series, std::span<const Identity> rising,
                         const Marks& repeated, std::int64_t latest) {
  auto& range = series.range_;
  const auto beyond = std::lower_bound(rising.begin(), rising.end(), latest, earlier);
  if (beyond != rising.end()) range.until = std::min(range.until, beyond->time);
  const auto begin = std::lower_bound(rising.begin(), beyond, range.from, earlier);
  const auto end = std::lower_bound(begin, beyond, range.until, earlier);
  auto added = std::span(begin, end);
  const auto stays = [](const Identity& a, const Identity& b) { return a.time >= b.time; };
  const bool sorted = std::adjacent_find(begin, end, stays) == end;
  if (!repeated.empty() || !sorted) {
    added_.clear();
    for (auto it = begin; it != end; ++it) {
      const auto i = static_cast<std::size_t>(it - rising.begin());
      if (repeated.empty() || repeated[i] == 0) added_.push_back(*it);
    }
    if (!sorted) std::sort(added_.begin(), added_.end());  // of one time by value
    added = added_;
  }
  if (added.empty()) return;
  const auto wanted = series.all().size() + added.size();
  const auto room = series.held_.capacity();
  std::size_t passed = 0;
  if (wanted > room) {
    if (is_full(series, wanted)) {
      passed = series.drop(wanted - room, added);
    } else {
      series.held_.reserve(wanted + (wanted - added.size()) / 4);
      room_ += series.held_.capacity() - room;
    }
  }
  series.merge(added.subspan(passed));
  const auto here = series.all().size();
  if (here > kOfSeriesMax) series.drop(here - kOfSeriesMax / 2);
  if (room_ > kReadingsMax) make_room();
}

bool NewestReadings::is_full(const Followed& series, std::size_t wanted) const {
  const auto room = series.held_.capacity();
  return room_ + (wanted - room) > kReadingsMax && 5 * room >= 2 * wanted &&
         room >= room_ / series_.size() / 2;
}

// Those that have more than half the mean have more than half of all together.
void NewestReadings::make_room() {
  const auto some = room_ / series_.size() / 2;
  for (auto& [id, series] : series_) {
    const auto room = series.held_.capacity();
    if (room < some) continue;
    series.drop((series.all().size() + 1) / 2);
    series.held_ = std::vector<Identity>(series.all().begin(), series.all().end());
    series.gone_ = 0;
    room_ -= room - series.held_.capacity();
  }
}

}  // namespace tidemark::reconcile
