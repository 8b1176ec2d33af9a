#include "cloud/answers/late_minutes.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::answers {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;

std::int64_t number_of(EventTime minute) { return count_ns(minute) / kMinuteNs; }

}  // namespace

LateMinutes::LateMinutes(sqlite::Database& database)
    : add_(database, fmt::format("INSERT INTO minutes_due VALUES(?,?,?) ON CONFLICT DO UPDATE"
                                 " SET cause=excluded.cause WHERE excluded.cause={}",
                                 static_cast<int>(Cause::operated))),
      remove_(database, "DELETE FROM minutes_due WHERE source=? AND minute=?"),
      some_(database, "SELECT source,minute,cause FROM minutes_due LIMIT ?") {}

void LateMinutes::add(store::SourceId source, EventTime minute, Cause cause, SteadyTime due) {
  if (const auto known = sources_.find(source); known != sources_.end()) {
    const auto waits = known->second.waiting.find(minute);
    if (waits != known->second.waiting.end()) {
      if (cause != Cause::operated || waits->second == cause) return;
      waits->second = cause;  // a decision is told in any case
      rows_.push_back({source, minute, cause});
      return;
    }
  }
  rows_.push_back({source, minute, cause});
  // finish() removes the rows of the turn that are not held again.
  const bool in_turn =
      under_way_ && turn_.source == source &&
      std::binary_search(turn_.minutes.begin(), turn_.minutes.end(), std::pair(minute, cause),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
  if (held_ < kHeldMax || in_turn) {
    hold(source, minute, cause, due);
  } else {
    more_in_rows_ = true;
  }
}

void LateMinutes::hold(store::SourceId source, EventTime minute, Cause cause, SteadyTime due) {
  auto& s = sources_[source];
  if (s.waiting.empty()) {
    s.due = due;
    order_.emplace_back(due, source);
  }
  if (s.waiting.try_emplace(minute, cause).second) ++held_;
}

void LateMinutes::write() {
  for (const auto& r : rows_) add_.run(r.source, number_of(r.minute), static_cast<int>(r.cause));
  rows_.clear();
}

void LateMinutes::load() {
  write();
  more_in_rows_ = false;
  some_.start(std::uint64_t{kHeldMax});
  std::size_t n = 0;
  for (; some_.next(); ++n) {
    hold(static_cast<store::SourceId>(some_.integer(0)),
         event_time(some_.integer(1) * kMinuteNs), cause_of(some_.integer(2)), SteadyTime::min());
  }
  more_in_rows_ = n == kHeldMax;
}

LateMinutes::Turn* LateMinutes::turn(SteadyTime now) {
  if (under_way_) return &turn_;
  if (order_.empty() && more_in_rows_) load();
  if (order_.empty() || order_.front().first > now) return nullptr;
  const auto it = sources_.find(order_.front().second);
  order_.pop_front();
  turn_ = {};
  turn_.source = it->first;
  turn_.minutes.assign(it->second.waiting.begin(), it->second.waiting.end());
  held_ -= turn_.minutes.size();
  sources_.erase(it);
  under_way_ = true;
  return &turn_;
}

void LateMinutes::finish() {
  const auto again = sources_.find(turn_.source);
  for (const auto& [minute, cause] : turn_.minutes) {
    if (again != sources_.end() && again->second.waiting.contains(minute)) continue;
    remove_.run(turn_.source, number_of(minute));
  }
  turn_ = {};
  under_way_ = false;
}

SteadyTime LateMinutes::due() const {
  if (under_way_ || (order_.empty() && more_in_rows_)) return SteadyTime::min();
  return order_.empty() ? SteadyTime::max() : order_.front().first;
}

}  // namespace tidemark::answers
