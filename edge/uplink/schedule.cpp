#include "edge/uplink/schedule.h"

#include <algorithm>

namespace tidemark::uplink {
namespace {

// Most that the backlog may save up while live blocks are too few to matter.
constexpr double kOwedMax = 1 << 20;

}  // namespace

Schedule::Schedule(ring::RingBuffer& ring, Incarnation current, double backlog_share, EventTime now)
    : ring_(ring), current_(current), share_(std::clamp(backlog_share, 0.0, 0.9)) {
  bool first = true;
  for (const auto& s : ring_.unreleased(ring::Order::newest_first, kLook, {})) {
    if (s.name.incarnation != current_) break;
    const bool fresh = s.time_max != 0 && now - event_time(s.time_max) < kFresh;
    if (!fresh) {
      if (first) live_from_ = s.name.sequence.count + 1;
      break;
    }
    live_from_ = s.name.sequence.count;
    first = false;
  }
}

bool Schedule::is_live(const ring::Stored& s) const {
  return s.name.incarnation == current_ && s.name.sequence.count >= live_from_;
}

void Schedule::look() {
  look_again_ = false;
  alarms_.clear();
  live_.clear();
  backlog_.clear();
  for (const auto& s : ring_.alarms(kLook, skip_)) {
    alarms_.push_back({s.name, Lane::alarm, s.bytes});
  }
  // From the newest back to where live begins: there are few, unless the line is too slow.
  for (const auto& s : ring_.unreleased(ring::Order::newest_first, kLook, skip_)) {
    if (!is_live(s)) break;
    if (!s.alarm) live_.push_front({s.name, Lane::live, s.bytes});
  }
  const auto oldest_live = live_.empty() ? UINT64_MAX : live_.front().name.sequence.count;
  for (const auto& s : ring_.unreleased(ring::Order::oldest_first, kLook, skip_)) {
    if (s.name.incarnation == current_ && is_live(s) && s.name.sequence.count >= oldest_live) break;
    if (!s.alarm) backlog_.push_back({s.name, Lane::backlog, s.bytes});
  }
}

std::optional<Schedule::Choice> Schedule::first_wanted() {
  if (wanted_.empty()) return std::nullopt;
  const auto& [incarnation, blocks] = *wanted_.begin();
  const BlockName name{incarnation, {blocks.ranges().front().first}};
  const auto record = ring_.read(name);
  return Choice{name, Lane::backlog, record ? record->bytes.size() : 0};
}

std::optional<Schedule::Choice> Schedule::next(const Room& room) {
  if (!again_) again_ = first_wanted();
  if (look_again_ || (alarms_.empty() && live_.empty() && backlog_.empty())) look();
  if (!alarms_.empty() && alarms_.front().bytes <= room.alarm) return alarms_.front();
  const auto* const old = again_               ? &*again_
                          : !backlog_.empty() ? &backlog_.front()
                                              : nullptr;
  const bool backlog_fits = old != nullptr && old->bytes <= room.backlog;
  const bool live_fits = !live_.empty() && live_.front().bytes <= room.live;
  const bool backlog_turn = backlog_fits && backlog_owed_ >= static_cast<double>(old->bytes);
  if (live_fits && !backlog_turn) return live_.front();
  if (backlog_fits) return *old;
  return std::nullopt;
}

void Schedule::sent(const Choice& choice) {
  const auto bytes = static_cast<double>(choice.bytes);
  if (choice.lane == Lane::backlog) {
    backlog_owed_ = std::max(backlog_owed_ - bytes, 0.0);
  } else {
    backlog_owed_ = std::min(backlog_owed_ + bytes * share_ / (1 - share_), kOwedMax);
  }
  skip(choice);
}

void Schedule::skip(const Choice& choice) {
  if (const auto w = wanted_.find(choice.name.incarnation); w != wanted_.end()) {
    const auto n = choice.name.sequence.count;
    w->second.remove({n, n});
    if (w->second.empty()) wanted_.erase(w);
  }
  if (again_ && again_->name == choice.name) again_.reset();
  for (auto* queue : {&alarms_, &live_, &backlog_}) {
    if (!queue->empty() && queue->front().name == choice.name) queue->pop_front();
  }
  put_aside(choice.name);
}

void Schedule::put_aside(BlockName name) {
  for (auto& [incarnation, blocks] : skip_) {
    if (incarnation == name.incarnation) {
      blocks.add(name.sequence);
      return;
    }
  }
  skip_.emplace_back(name.incarnation, SequenceRanges{});
  skip_.back().second.add(name.sequence);
}

void Schedule::wanted(Incarnation incarnation, const SequenceRanges& blocks) {
  if (!blocks.empty()) wanted_[incarnation].add(blocks);
}

bool Schedule::is_wanted(BlockName name) const {
  const auto at = wanted_.find(name.incarnation);
  return at != wanted_.end() && at->second.contains(name.sequence);
}

}  // namespace tidemark::uplink
