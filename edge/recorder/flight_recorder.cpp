#include "edge/recorder/flight_recorder.h"

#include <algorithm>

namespace tidemark::recorder {
namespace {

constexpr std::size_t kFirstReadings = 64;

}  // namespace

FlightRecorder::Track FlightRecorder::track(const Context& context) {
  auto& s = series_.emplace_back();
  s.context = context;
  return series_.size() - 1;
}

bool FlightRecorder::grow(Series& s) {
  const auto capacity = s.ring.empty() ? kFirstReadings : s.ring.size() * 2;
  const auto more = (capacity - s.ring.size()) * sizeof(Kept);
  if (capacity > kReadingsMax || usage_.bytes.count + more > usage_.memory.count) return false;
  usage_.bytes.count += more;
  std::vector<Kept> larger(capacity);
  for (auto n = s.first; n < s.next; ++n) larger[n % capacity] = s.ring[n % s.ring.size()];
  s.ring.swap(larger);
  return true;
}

void FlightRecorder::hand_out(Track track, const Kept& reading) {
  due_.push_back({track, reading});
  ++usage_.readings;
}

void FlightRecorder::add(Track track, const Kept& reading) {
  auto& s = series_[track];
  // In the open context: it goes at once and need not be kept.
  if (reading.time >= s.from && reading.time <= s.until) {
    hand_out(track, reading);
    return;
  }
  // Older than any anomaly from now on could ask for, as readings come about in order.
  const auto oldest = reading.time - s.context.before.count();
  while (s.first < s.next && s.ring[s.first % s.ring.size()].time < oldest) ++s.first;
  if (s.next - s.first == s.ring.size() && !grow(s)) {
    if (s.ring.empty()) {
      s.lost_until = std::max(s.lost_until, reading.time);
      return;
    }
    s.lost_until = std::max(s.lost_until, s.ring[s.first % s.ring.size()].time);
    ++s.first;
  }
  s.ring[s.next % s.ring.size()] = reading;
  ++s.next;
}

void FlightRecorder::anomaly(Track track, std::int64_t time) {
  auto& s = series_[track];
  const auto from = time - s.context.before.count();
  const auto until = time + s.context.after.count();
  const bool open = s.until >= from && s.from <= until;
  if (!open) {
    ++usage_.contexts;
    if (s.lost_until >= from) ++usage_.cut;
  }
  s.from = open ? std::min(s.from, from) : from;
  s.until = open ? std::max(s.until, until) : until;
  // What a later context may want stays; what this one takes is handed out once.
  std::vector<Kept> stay;
  for (auto n = s.first; n < s.next; ++n) {
    const auto& kept = s.ring[n % s.ring.size()];
    if (kept.time >= s.from && kept.time <= s.until) {
      hand_out(track, kept);
    } else {
      stay.push_back(kept);
    }
  }
  s.first = s.next = 0;
  for (const auto& kept : stay) s.ring[s.next++ % s.ring.size()] = kept;
}

void FlightRecorder::set_back(Track track, std::int64_t now) {
  auto& s = series_[track];
  if (s.until > now) s.until = INT64_MIN;
  auto end = s.first;
  for (auto n = s.first; n < s.next; ++n) {
    const auto kept = s.ring[n % s.ring.size()];
    if (kept.time > now) {
      s.lost_until = now;
    } else {
      s.ring[end++ % s.ring.size()] = kept;
    }
  }
  s.next = end;
  s.lost_until = std::min(s.lost_until, now);
}

}  // namespace tidemark::recorder
