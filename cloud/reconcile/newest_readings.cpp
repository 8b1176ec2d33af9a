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
  const auto here = all();
  auto near = here.begin();
  for (auto i = first; i < last; ++i) {
    near = leap(near, here.end(), rising[i].time, earlier);
    if (near == here.end()) return;
    if (near->time != rising[i].time) continue;
    const auto at = leap(near, here.end(), rising[i], std::less<>());
    if (at != here.end() && *at == rising[i]) repeated[i] = true;
  }
}

std::size_t NewestReadings::Followed::drop(std::size_t oldest, std::span<const Identity> added) {
  const auto here = all();
  std::size_t mine = 0;
  std::size_t theirs = 0;
  // Of one time all or none.
  const auto is_over = [&](std::int64_t time) {
    return mine + theirs >= oldest && time >= range_.from;
  };
  while (mine < here.size() || theirs < added.size()) {
    const bool next_is_mine =
        theirs == added.size() || (mine < here.size() && here[mine] < added[theirs]);
    const auto time = next_is_mine ? here[mine].time : added[theirs].time;
    if (is_over(time)) break;
    ++(next_is_mine ? mine : theirs);
    range_.from = std::max(range_.from, time + 1);
  }
  gone_ += mine;
  return theirs;
}

void NewestReadings::Followed::merge(std::span<const Identity> added) {
  auto old = held_.size() - gone_;
  auto more = added.size();
  if (held_.size() + more > held_.capacity()) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(gone_));
    gone_ = 0;
  }
  held_.resize(held_.size() + more);
  auto* const begin = held_.data() + gone_;
  // From behind: most of what is here is earlier than all of these.
  for (auto to = old + more; more > 0;) {
    begin[--to] = old > 0 && added[more - 1] < begin[old - 1] ? begin[--old] : added[--more];
  }
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
  const auto wanted = series.all().size() + added_.size();
  const auto room = series.held_.capacity();
  std::size_t passed = 0;
  if (wanted > room) {
    if (is_full(series, wanted)) {
      passed = series.drop(wanted - room, added_);
    } else {
      series.held_.reserve(wanted + (wanted - added_.size()) / 4);
      room_ += series.held_.capacity() - room;
    }
  }
  series.merge(std::span(added_).subspan(passed));
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
