#include "edge/pipeline/minutes.h"

#include <algorithm>
#include <bit>

namespace tidemark::pipeline {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kMinutesAnHour = 60;
constexpr std::size_t kForgottenRangesMax = 64;  // then what lies between two of them goes too

std::int64_t hour_of(std::int64_t minute) {
  return std::chrono::floor<std::chrono::hours>(std::chrono::minutes(minute)).count();
}

std::size_t within(std::int64_t minute) {
  return static_cast<std::size_t>(minute - hour_of(minute) * kMinutesAnHour);
}

// A number above 0 for each hour that an event time can lie in.
std::uint64_t place_of(std::int64_t hour) {
  constexpr auto kFirst = count_ns(kEventTimeMin) / kMinuteNs / kMinutesAnHour - 2;
  return static_cast<std::uint64_t>(hour - kFirst);
}

DroppedCounts of_hour(std::int64_t hour, std::uint64_t number, std::uint64_t readings) {
  return {hour * kMinutesAnHour, hour * kMinutesAnHour + kMinutesAnHour - 1, number, readings,
          DroppedCounts::Why::bound};
}

}  // namespace

MinuteCounts& Minutes::touch_other(EventTime at) {
  const auto from = floor_to(at, std::chrono::minutes(1));
  const auto minute = count_ns(from) / kMinuteNs;
  const auto hour = hour_of(minute);
  if (forgotten_.contains({place_of(hour)})) return missed_[hour];
  last_ = &(*opened(hour).open)[within(minute)];
  last_->counts.minute = minute;
  last_from_ = from;
  if (!last_->touched) {
    last_->touched = true;
    touched_.push_back(minute);
  }
  return last_->counts;
}

std::uint64_t Minutes::bytes_max() const {
  constexpr std::uint64_t kStepBytes = 6;  // as a seal writes how far a minute is from the last
  constexpr std::uint64_t kDroppedBytes = 41;
  auto bytes = kDroppedBytes * std::min(missed_.size(), Seal::kDroppedMax);
  for (const auto minute : touched_) {
    const auto& counts = (*hours_.at(hour_of(minute)).open)[within(minute)].counts;
    bytes += kStepBytes;
    for (const auto n : {counts.due, counts.good, counts.taken, counts.sent}) {
      bytes += (static_cast<std::uint64_t>(std::bit_width(n | 1)) + 6) / 7;
    }
  }
  return bytes;
}

Minutes::Stated Minutes::state(std::uint64_t number) {
  Stated out;
  std::sort(touched_.begin(), touched_.end());
  const auto in_use = hour_of(count_ns(last_from_) / kMinuteNs);
  for (const auto minute : touched_) {
    auto& hour = hours_[hour_of(minute)];
    auto& m = (*hour.open)[within(minute)];
    m.touched = false;
    m.changed = number;
    m.stated = m.counts;
    hour.changed = number;
    out.minutes.push_back(m.counts);
  }
  touched_.clear();
  for (const auto& [hour, counts] : missed_) {
    out.dropped.push_back(of_hour(hour, number, counts.sent));
    add_dropped(dropped_, out.dropped.back(), kDroppedKept);
  }
  missed_.clear();
  out.dropped = dropped_since(out.dropped, 0, Seal::kDroppedMax);
  std::erase_if(open_, [&](std::int64_t hour) {
    if (hour != in_use) pack(hours_[hour]);
    return hour != in_use;
  });
  last_ = nullptr;
  while (hours_.size() > kHoursKept) forget_furthest();
  return out;
}

Minutes::Stated Minutes::since(std::uint64_t acknowledged) const {
  Stated out;
  out.dropped = dropped_since(dropped_, acknowledged, Seal::kDroppedMax);
  const auto add = [&](const Open& minutes) {
    for (const auto& m : minutes) {
      if (m.changed > acknowledged) out.minutes.push_back(m.stated);
    }
  };
  for (const auto& [number, hour] : hours_) {
    if (hour.changed <= acknowledged) continue;
    if (hour.open) {
      add(*hour.open);
    } else {
      add(unpacked(number, hour));
    }
  }
  return out;
}

Minutes::Hour& Minutes::opened(std::int64_t number) {
  auto& hour = hours_[number];
  if (!hour.open) {
    hour.open = std::make_unique<Open>(unpacked(number, hour));
    hour.packed = {};
    open_.push_back(number);
  }
  return hour;
}

void Minutes::pack(Hour& hour) {
  ByteWriter out(hour.packed);
  for (std::size_t i = 0; i < hour.open->size(); ++i) {
    const auto& m = (*hour.open)[i];
    if (m.changed == 0) continue;
    out.u8(static_cast<std::uint8_t>(i));
    for (const auto n : {m.stated.due, m.stated.good, m.stated.taken, m.stated.sent, m.changed}) {
      out.varint(n);
    }
  }
  hour.packed.shrink_to_fit();
  hour.open.reset();
}

Minutes::Open Minutes::unpacked(std::int64_t hour, const Hour& from) {
  Open open{};
  ByteReader in(from.packed);
  while (in.left() > 0) {
    const auto i = in.u8();
    auto& m = open[i];
    m.stated.minute = hour * kMinutesAnHour + i;
    for (auto* n : {&m.stated.due, &m.stated.good, &m.stated.taken, &m.stated.sent, &m.changed}) {
      *n = in.varint();
    }
    m.counts = m.stated;
  }
  return open;
}

void Minutes::forget_furthest() {
  const auto in_use = hour_of(count_ns(last_from_) / kMinuteNs);
  const auto first = hours_.begin();
  const auto last = std::prev(hours_.end());
  const auto furthest = in_use - first->first >= last->first - in_use ? first : last;
  const auto& [number, hour] = *furthest;
  std::uint64_t readings = 0;
  for (const auto& m : hour.open ? *hour.open : unpacked(number, hour)) readings += m.stated.sent;
  add_dropped(dropped_, of_hour(number, hour.changed, readings), kDroppedKept);
  forgotten_.add(Sequence{place_of(number)});
  hours_.erase(furthest);
  const auto& ranges = forgotten_.ranges();
  if (ranges.size() > kForgottenRangesMax) {
    forgotten_.add(SequenceRange{ranges[0].first, ranges[1].last});
  }
}

}  // namespace tidemark::pipeline
