#include "edge/pipeline/manifest.h"

#include <algorithm>

namespace tidemark::pipeline {

std::size_t Manifest::line(const std::string& source, const std::string& poll_class,
                           bool device_stamped) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].source == source && lines_[i].poll_class == poll_class) return i;
  }
  Line line;
  line.source = source;
  line.poll_class = poll_class;
  line.device_stamped = device_stamped;
  lines_.push_back(std::move(line));
  return lines_.size() - 1;
}

MinuteCounts& Manifest::touch(std::size_t index, EventTime at) {
  dirty_ = true;
  auto& line = lines_[index];
  // No division where the reading before lay in the same minute.
  if (line.last == nullptr || at < line.last_from ||
      at - line.last_from >= std::chrono::minutes(1)) {
    const auto from = floor_to(at, std::chrono::minutes(1));
    const auto minute = count_ns(from) / 60'000'000'000;
    if (minute < line.pruned_below) return unstated_;
    line.last = &line.minutes[minute];
    line.last->counts.minute = minute;
    line.last_from = from;
  }
  auto& m = *line.last;
  if (!m.touched) {
    m.touched = true;
    line.touched.push_back(m.counts.minute);
  }
  return m.counts;
}

void Manifest::expected(std::size_t index, EventTime at, std::uint64_t due, std::uint64_t good) {
  auto& counts = touch(index, at);
  counts.due += due;
  counts.good += good;
  lines_[index].totals.due += due;
  lines_[index].totals.good += good;
}

SourceSeal Manifest::header(const Line& line) const {
  SourceSeal s;
  s.source = line.source;
  s.poll_class = line.poll_class;
  s.device_stamped = line.device_stamped;
  s.sealed_until = line.sealed_until;
  return s;
}

Seal Manifest::state(Sequence next, const std::vector<EventTime>& sealed_until, ClockState clock,
                     const SequenceRanges& evicted) {
  last_.incarnation = incarnation_;
  ++last_.number;
  last_.next = next;
  last_.ledger = ledger_;
  last_.clock = clock;
  last_.evicted = evicted;
  Seal seal = last_;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    auto& line = lines_[i];
    line.sealed_until = std::min(line.sealed_until, set_back_);
    if (i < sealed_until.size()) line.sealed_until = std::max(line.sealed_until, sealed_until[i]);
    auto s = header(line);
    std::sort(line.touched.begin(), line.touched.end());
    for (const auto minute : line.touched) {
      auto& m = line.minutes[minute];
      m.touched = false;
      m.changed = last_.number;
      m.stated = m.counts;
      s.minutes.push_back(m.counts);
    }
    line.touched.clear();
    line.last = nullptr;  // it may go now
    if (!line.minutes.empty()) {
      line.pruned_below =
          std::max(line.pruned_below, line.minutes.rbegin()->first - kMinutesKept);
      line.minutes.erase(line.minutes.begin(), line.minutes.lower_bound(line.pruned_below));
    }
    seal.sources.push_back(std::move(s));
  }
  dirty_ = false;
  set_back_ = kEventTimeMax;
  return seal;
}

std::uint64_t Manifest::seal_bytes_max() const {
  std::uint64_t bytes = 256;
  for (const auto& line : lines_) {
    bytes += line.source.size() + line.poll_class.size() + 32 + 32 * line.touched.size();
  }
  return bytes;
}

Seal Manifest::since(std::uint64_t acknowledged) const {
  Seal seal = last_;
  for (const auto& line : lines_) {
    auto s = header(line);
    for (const auto& [minute, m] : line.minutes) {
      if (m.changed > acknowledged) s.minutes.push_back(m.stated);
    }
    seal.sources.push_back(std::move(s));
  }
  return seal;
}

Manifest::Totals Manifest::totals(const std::string& source) const {
  Totals t;
  for (const auto& line : lines_) {
    if (line.source != source) continue;
    t.due += line.totals.due;
    t.good += line.totals.good;
    t.taken += line.totals.taken;
  }
  return t;
}

}  // namespace tidemark::pipeline
