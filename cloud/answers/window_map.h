// What waits, by the start of its window: a std::map that knows most of its keys without a walk.
// Late readings mostly meet windows that wait already, a few thousand of them far apart.
//
// Memory     16 to 32 bytes more an entry, from kSmall entries on; as few as wait, afterwards.
#pragma once

#include <bit>
#include <map>
#include <utility>
#include <vector>

#include "common/base/time.h"

namespace tidemark::answers {

template <typename Value>
class WindowMap {
 public:
  using Map = std::map<EventTime, Value>;
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;

  // True only for a key that is there. False says nothing.
  [[nodiscard]] bool knows(EventTime t) const {
    return !known_.empty() && known_[place_of(t)] == t;
  }
  template <typename... Args>
  std::pair<iterator, bool> try_emplace(EventTime t, Args&&... args) {
    const auto done = map_.try_emplace(t, std::forward<Args>(args)...);
    if (map_.size() > known_.size() / 2) resize();
    if (!known_.empty()) known_[place_of(t)] = t;
    return done;
  }
  Value& operator[](EventTime t) { return try_emplace(t).first->second; }
  iterator erase(iterator at) {
    forget(at->first);
    const auto next = map_.erase(at);
    if (map_.size() < known_.size() / 16) resize();
    return next;
  }
  std::size_t erase(EventTime t) {
    const auto at = map_.find(t);
    if (at == map_.end()) return 0;
    erase(at);
    return 1;
  }
  [[nodiscard]] bool contains(EventTime t) const { return knows(t) || map_.contains(t); }
  iterator find(EventTime t) { return map_.find(t); }
  iterator lower_bound(EventTime t) { return map_.lower_bound(t); }
  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  [[nodiscard]] const_iterator begin() const { return map_.begin(); }
  [[nodiscard]] const_iterator end() const { return map_.end(); }
  [[nodiscard]] std::size_t size() const { return map_.size(); }
  [[nodiscard]] bool empty() const { return map_.empty(); }

 private:
  static constexpr std::size_t kSmall = 64;
  static constexpr EventTime kNone = kEventTimeMax;  // no window starts there

  [[nodiscard]] std::size_t place_of(EventTime t) const {
    const auto h = static_cast<std::uint64_t>(count_ns(t)) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(h >> 32) & (known_.size() - 1);
  }
  void forget(EventTime t) {
    if (!known_.empty() && known_[place_of(t)] == t) known_[place_of(t)] = kNone;
  }
  void resize() {
    known_ = std::vector<EventTime>(map_.size() < kSmall ? 0 : 2 * std::bit_ceil(map_.size()),
                                    kNone);
    if (known_.empty()) return;
    for (const auto& [t, value] : map_) known_[place_of(t)] = t;
  }

  Map map_;
  std::vector<EventTime> known_;  // each key at its place, unless another took it
};

}  // namespace tidemark::answers
