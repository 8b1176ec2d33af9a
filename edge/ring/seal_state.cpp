#include <algorithm>
#include <iterator>

#include "edge/ring/ring_state.h"

namespace tidemark::ring {

void SealState::merge(const Seal& seal) {
  if (seal.number <= number) return;  // replayed
  number = seal.number;
  next = seal.next;
  ledger = seal.ledger;
  clock = seal.clock;
  evicted.add(seal.evicted);
  for (const auto& source : seal.sources) {
    auto& line = lines[{source.source, source.poll_class}];
    line.device_stamped = source.device_stamped;
    line.sealed_until = source.sealed_until;
    for (const auto& m : source.minutes) {
      auto at = std::lower_bound(
          line.minutes.begin(), line.minutes.end(), m.minute,
          [](const Minute& have, std::int64_t minute) { return have.counts.minute < minute; });
      if (at == line.minutes.end() || at->counts.minute != m.minute) {
        line.minutes.insert(at, {m, seal.number});
      } else {
        *at = {m, seal.number};
      }
    }
    for (const auto& d : source.dropped) add_dropped(line.dropped, d, kDroppedMax);
  }
}

void SealState::acknowledge(std::uint64_t through) {
  acknowledged = std::max(acknowledged, through);
  for (auto& [name, line] : lines) {
    std::erase_if(line.minutes, [&](const Minute& m) { return m.number <= acknowledged; });
    if (line.minutes.empty()) line.minutes.shrink_to_fit();
    std::erase_if(line.dropped, [&](const DroppedCounts& d) { return d.number <= acknowledged; });
  }
}

Seal SealState::merged(Incarnation incarnation) const {
  Seal seal;
  seal.incarnation = incarnation;
  seal.number = number;
  seal.next = next;
  seal.ledger = ledger;
  seal.clock = clock;
  seal.evicted = evicted;
  for (const auto& [name, line] : lines) {
    SourceSeal source{name.first, name.second, line.device_stamped, line.sealed_until, {}};
    source.minutes.reserve(line.minutes.size());
    for (const auto& m : line.minutes) source.minutes.push_back(m.counts);
    source.dropped = line.dropped;
    seal.sources.push_back(std::move(source));
  }
  return seal;
}

void SealState::drop_minutes(std::size_t drop, std::size_t have) {
  for (auto& [name, line] : lines) {
    auto& all = line.minutes;
    if (all.empty()) continue;
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(
                                       std::min(all.size(), all.size() * drop / have + 1));
    DroppedCounts d{all.front().counts.minute, std::prev(end)->counts.minute, 0, 0,
                    DroppedCounts::Why::bound};
    for (auto m = all.begin(); m != end; ++m) {
      d.number = std::max(d.number, m->number);
      d.readings += m->counts.sent;
    }
    add_dropped(line.dropped, d, kDroppedMax);
    all.erase(all.begin(), end);
  }
}

std::size_t SealState::minutes() const {
  std::size_t n = 0;
  for (const auto& [name, line] : lines) n += line.minutes.size();
  return n;
}

}  // namespace tidemark::ring
