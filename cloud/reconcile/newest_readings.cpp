#include "cloud/reconcile/newest_readings.h"

#include <algorithm>

namespace tidemark::reconcile {
namespace {

bool earlier(const Identity& a, std::int64_t time) { return a.time < time; }

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
                                    std::size_t last, std::vector<bool>& repeated) const {
  auto near = all_.begin();
  for (auto i = first; i < last; ++i) {
    near = leap(near, all_.end(), rising[i].time, earlier);
    if (near == all_.end()) return;
    if (near->time != rising[i].time) continue;
    const auto at = leap(near, all_.end(), rising[i], std::less<>());
    if (at != all_.end() && *at == rising[i]) repeated[i] = true;
  }
}

void NewestReadings::Followed::drop(std::size_t oldest) {
  if (oldest == 0) return;
  const auto last = all_[oldest - 1].time;
  // Of one time all or none.
  const auto kept = std::upper_bound(
      all_.begin() + static_cast<std::ptrdiff_t>(oldest), all_.end(), last,
      [](std::int64_t time, const Identity& i) { return time < i.time; });
  all_.erase(all_.begin(), kept);
  range_.from = last + 1;
}

NewestReadings::Followed* NewestReadings::find(std::uint32_t series) {
  const auto it = series_.find(series);
  return it == series_.end() ? nullptr : &it->second;
}

NewestReadings::Followed& NewestReadings::follow(std::uint32_t series, Range range) {
  auto& followed = series_[series];
  followed.all_.clear();
  followed.range_ = range;
  return followed;
}

void NewestReadings::add(Followed& series, std::span<const Identity> rising,
                         const std::vector<bool>& repeated, std::int64_t latest) {
  auto& range = series.range_;
  const auto beyond = std::lower_bound(rising.begin(), rising.end(), latest, earlier);
  if (beyond != rising.end()) range.until = std::min(range.until, beyond->time);
  const auto begin = std::lower_bound(rising.begin(), beyond, range.from, earlier);
  const auto end = std::lower_bound(begin, beyond, range.until, earlier);
  added_.clear();
  bool in_order = true;
  for (auto it = begin; it != end; ++it) {
    if (!repeated.empty() && repeated[static_cast<std::size_t>(it - rising.begin())]) continue;
    in_order = in_order && (added_.empty() || added_.back() < *it);
    added_.push_back(*it);
  }
  if (added_.empty()) return;
  if (!in_order) std::sort(added_.begin(), added_.end());  // of one time by value
  auto& all = series.all_;
  auto old = all.size();
  auto more = added_.size();
  const auto room = all.capacity();
  if (old + more > room) all.reserve(old + more + old / 4);
  room_ += all.capacity() - room;
  all.resize(old + more);
  // From behind: most of what is here is earlier than all of these.
  for (auto to = all.size(); more > 0;) {
    all[--to] = old > 0 && added_[more - 1] < all[old - 1] ? all[--old] : added_[--more];
  }
  if (all.size() > kOfSeriesMax) series.drop(all.size() - kOfSeriesMax / 2);
  if (room_ > kReadingsMax) make_room();
}

// Those that have more than half the mean have more than half of all together.
void NewestReadings::make_room() {
  const auto some = room_ / series_.size() / 2;
  for (auto& [id, series] : series_) {
    auto& all = series.all_;
    const auto room = all.capacity();
    if (room < some) continue;
    series.drop((all.size() + 1) / 2);
    all.shrink_to_fit();
    room_ -= room - all.capacity();
  }
}

}  // namespace tidemark::reconcile
