#include "edge/pipeline/manifest.h"

#include <algorithm>
#include <map>

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
    if (line.named == 0) line.named = last_.number;
    auto s = header(line);
    auto stated = line.minutes.state(last_.number);
    s.minutes = std::move(stated.minutes);
    s.dropped = std::move(stated.dropped);
    seal.sources.push_back(std::move(s));
  }
  dirty_ = false;
  set_back_ = kEventTimeMax;
  return seal;
}

std::uint64_t Manifest::seal_bytes_max() const {
  std::uint64_t bytes = 256;
  for (const auto& line : lines_) {
    bytes += line.source.size() + line.poll_class.size() + 32 + line.minutes.bytes_max();
  }
  return bytes;
}

Seal Manifest::since(std::uint64_t acknowledged, bool brief) const {
  Seal seal = last_;
  std::vector<bool> quiet;  // of the lines: the cloud knows it, and only its time is new
  std::map<EventTime, std::size_t> times;  // of how many quiet ones
  for (const auto& line : lines_) {
    auto s = header(line);
    auto stated = line.minutes.since(acknowledged);
    s.minutes = std::move(stated.minutes);
    s.dropped = std::move(stated.dropped);
    quiet.push_back(brief && line.named != 0 && line.named <= acknowledged && s.minutes.empty() &&
                    s.dropped.empty());
    if (quiet.back()) ++times[s.sealed_until];
    seal.sources.push_back(std::move(s));
  }
  if (times.empty()) return seal;
  seal.rest = std::max_element(times.begin(), times.end(), [](const auto& a, const auto& b) {
                return a.second < b.second;
              })->first;
  std::size_t i = 0;
  std::erase_if(seal.sources, [&](const SourceSeal& s) {
    return quiet[i++] && s.sealed_until == *seal.rest;
  });
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
