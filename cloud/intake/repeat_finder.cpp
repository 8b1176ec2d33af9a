#include "cloud/intake/repeat_finder.h"

#include <algorithm>
#include <limits>

#include "cloud/intake/time_pieces.h"
#include "common/base/log.h"
#include "common/codec/codec.h"

namespace tidemark::intake {
namespace {

bool has_series_twice(const Block& block) {
  std::vector<std::uint32_t> all;
  for (const auto& group : block.groups) {
    for (const auto& column : group.columns) all.push_back(column.series);
  }
  std::sort(all.begin(), all.end());
  return std::adjacent_find(all.begin(), all.end()) != all.end();
}

}  // namespace

void RepeatFinder::begin(const Block& block) {
  earlier_ = {};
  reaches_.clear();
  twice_ = has_series_twice(block);
}

std::uint64_t RepeatFinder::find(const Incoming& in, const Group& group, const Column& column,
                                 const Bound& bound) {
  const auto& series = *bound.series;
  const bool fresh = !series.early && reconcile::surely_new(group, column, series.newest);
  auto* followed = newest_.find(series.row.id);
  if (fresh && followed == nullptr) {
    if (twice_) earlier_.add(series.row.id, group, column);
    return 0;
  }
  rising_.clear();
  reconcile::add_identities(group, column, rising_);
  repeated_.clear();
  if (!fresh) {
    // Its range ends before what was of times to come once, and has been passed since.
    if (followed == nullptr || followed->range().until <= series.newest) {
      followed = &follow(in, bound);
    }
    repeated_.resize(column.values());
    reconcile::mark_repeats(group, column, repeated_);
    const auto [first, last] = known_of(*followed);
    followed->mark(rising_, first, last, repeated_);
    // What is of times to come leaves no newest time, so that all of such a series is doubtful.
    const bool all = series.early || (twice_ && earlier_.count() > 0);
    values_.clear();
    for (std::size_t v = 0; v < rising_.size(); ++v) {
      if (v == first) v = last;
      if (v == rising_.size()) break;
      if (repeated_[v] == 0 && (all || rising_[v].time <= series.newest)) values_.push_back(v);
    }
    if (!values_.empty()) compare(in, bound);
  }
  const auto repeats = std::count(repeated_.begin(), repeated_.end(), 1);
  if (repeats == 0) repeated_.clear();
  newest_.add(*followed, rising_, repeated_, count_ns(in.latest));
  if (twice_) earlier_.add(series.row.id, group, column);
  return static_cast<std::uint64_t>(repeats);
}

// The values that lie in its range.
std::pair<std::size_t, std::size_t> RepeatFinder::known_of(const Followed& followed) const {
  const auto at = [&](std::int64_t time) {
    const auto it = std::lower_bound(
        rising_.begin(), rising_.end(), time,
        [](const reconcile::Identity& i, std::int64_t t) { return i.time < t; });
    return static_cast<std::size_t>(it - rising_.begin());
  };
  const auto first = at(followed.range().from);
  return {first, std::max(first, at(followed.range().until))};
}

RepeatFinder::Followed& RepeatFinder::follow(const Incoming& in, const Bound& bound) {
  const auto latest = count_ns(in.latest);
  // Of this block no other column may have been counted yet.
  const auto but = twice_ ? store::ArchivePosition{} : in.at;
  reconcile::NewestReadings::Range range{std::numeric_limits<std::int64_t>::min(),
                                         std::numeric_limits<std::int64_t>::max()};
  for (const auto source : sources_of(bound)) {
    const auto [it, unknown] = reaches_.try_emplace(source);
    if (unknown) it->second = store_.blocks().reach(source, latest, but);
    if (it->second.last) range.from = std::max(range.from, *it->second.last + 1);
    if (it->second.next) range.until = std::min(range.until, *it->second.next);
  }
  return newest_.follow(bound.series->row.id, range);
}

// All names that its source ever had: a reading sent before may lie under any of them.
std::vector<store::SourceId> RepeatFinder::sources_of(const Bound& bound) {
  auto sources = bound.series->row.sources();
  if (std::find(sources.begin(), sources.end(), bound.source) == sources.end()) {
    sources.push_back(bound.source);
  }
  return sources;
}

void RepeatFinder::compare(const Incoming& in, const Bound& bound) {
  const auto against = [&](const reconcile::BlockIdentities& before) {
    for (const auto v : values_) {
      if (repeated_[v] == 0 && before.contains(bound.series->row.id, rising_[v])) repeated_[v] = 1;
    }
  };
  earlier_.sort();
  against(earlier_);
  std::vector<std::int64_t> times;
  times.reserve(values_.size());
  for (const auto v : values_) times.push_back(rising_[v].time);
  for (const auto at : beside(std::move(times), bound)) {
    if (at.value == in.at.value) continue;
    if (const auto* before = identities_of(in.edge, at)) against(*before);
  }
}

std::size_t RepeatFinder::beside(const Group& group, const Column& column, const Bound& bound) {
  std::vector<std::int64_t> times;
  reconcile::each_value(group, column, [&](std::size_t row, std::size_t) {
    const auto time = group.times[row];
    if (bound.series->early || time <= bound.series->newest) times.push_back(time);
  });
  return beside(std::move(times), bound).size();
}

std::vector<store::ArchivePosition> RepeatFinder::beside(std::vector<std::int64_t> times,
                                                         const Bound& bound) {
  const auto sources = sources_of(bound);
  std::vector<store::ArchivePosition> all;
  for (const auto& [low, high] : pieces_of(std::move(times), kPieceNs, kMinuteNs)) {
    for (const auto source : sources) {
      const auto some = store_.blocks().overlapping(source, low, high);
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  std::sort(all.begin(), all.end(), [](auto a, auto b) { return a.value < b.value; });
  const auto last = std::unique(all.begin(), all.end(),
                                [](auto a, auto b) { return a.value == b.value; });
  all.erase(last, all.end());
  return all;
}

const reconcile::BlockIdentities* RepeatFinder::identities_of(Edge& edge,
                                                              store::ArchivePosition at) {
  if (const auto it = by_position_.find(at.value); it != by_position_.end()) {
    compared_.splice(compared_.begin(), compared_, it->second);
    return compared_.front().identities.get();
  }
  ++compared_blocks_;
  auto archived = store_.archive().read(at);
  auto block = archived ? codec::decode(archived->record.bytes)
                        : Result<Block>(std::move(archived).error());
  if (!block) {
    log::error("archived block cannot be compared", "position={} error={}", at.value,
               block.error().text());
    return nullptr;
  }
  std::vector<Bound> series;
  if (const auto bound = catalogue_.bind_known(edge, block->dictionaries, series); !bound) {
    log::error("archived block cannot be compared", "position={} error={}", at.value,
               bound.error().text());
    return nullptr;
  }
  auto identities = std::make_unique<reconcile::BlockIdentities>();
  for (const auto& group : block->groups) {
    if (group.copy) continue;
    for (const auto& column : group.columns) {
      const auto& s = *series[column.series].series;
      if (s.row.description.device_stamped) identities->add(s.row.id, group, column);
    }
  }
  identities->sort();
  compared_readings_ += identities->count();
  compared_.push_front({at.value, std::move(identities)});
  by_position_[at.value] = compared_.begin();
  while (compared_readings_ > kComparedReadingsMax && compared_.size() > 1) {
    compared_readings_ -= compared_.back().identities->count();
    by_position_.erase(compared_.back().position);
    compared_.pop_back();
  }
  return compared_.front().identities.get();
}

}  // namespace tidemark::intake
