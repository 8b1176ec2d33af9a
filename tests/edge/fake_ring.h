// A ring in memory, as the uplink sees one. Any thread.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "common/codec/codec.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::test {

class FakeRing final : public ring::RingBuffer {
 public:
  explicit FakeRing(Incarnation current = {1}) : current_(current) {}

  // Test side: a block with `size` bytes that are no encoded block.
  BlockName put(std::int64_t time, std::size_t size = 100, bool alarm = false) {
    return put(current_, time, ByteVector(size, 0x5a), alarm);
  }
  BlockName put(Incarnation incarnation, std::int64_t time, ByteVector bytes, bool alarm = false) {
    const std::lock_guard lock(mutex_);
    BlockRecord r;
    r.name = {incarnation, {++last_[incarnation]}};
    r.time_min = r.time_max = time;
    r.readings = 10;
    r.alarm = alarm;
    r.bytes = std::move(bytes);
    blocks_.push_back({r, false});
    return r.name;
  }
  // One that carries what those did: they can be offered no more.
  BlockName put_replacing(std::int64_t time, const SequenceRanges& blocks) {
    const auto name = put(time);
    const std::lock_guard lock(mutex_);
    blocks_.back().record.reduction = Reduction::merged;
    blocks_.back().record.replaces = blocks;
    gave_way.add(blocks);
    return name;
  }
  bool is_released(BlockName name) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(blocks_.begin(), blocks_.end(), [&](const Entry& e) {
      return e.record.name == name && e.released;
    });
  }
  // A block that names these dictionaries, which the ring then has.
  BlockName put_with(const std::vector<DictionaryPtr>& dictionaries, std::int64_t time) {
    Block block;
    for (const auto& d : dictionaries) block.dictionaries.push_back(d->hash());
    auto bytes = codec::encode(block, codec::Tier::fast).value();
    {
      const std::lock_guard lock(mutex_);
      for (const auto& d : dictionaries) dictionaries_[d->hash()] = d;
    }
    return put(current_, time, std::move(bytes));
  }
  void evict(BlockName name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const Entry& e) { return e.record.name == name; });
  }
  std::size_t unreleased_count() const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const auto& e : blocks_) n += e.released ? 0u : 1u;
    return n;
  }
  std::uint64_t offered() const {
    const std::lock_guard lock(mutex_);
    return offered_;
  }
  std::uint64_t seals_acknowledged_of(Incarnation i) const {
    const std::lock_guard lock(mutex_);
    const auto at = seals_.find(i);
    return at == seals_.end() ? 0 : at->second;
  }
  ring::Recovered past;

  const ring::Recovered& recovered() const override { return past; }
  std::uint64_t flush_max() const override { return 8 << 20; }
  Sequence next_sequence() const override {
    const std::lock_guard lock(mutex_);
    const auto at = last_.find(current_);
    return {at == last_.end() ? 1 : at->second + 1};
  }
  Result<> append(const ring::Flush&) override { return {}; }
  void give_up(BlockName name) override {
    const std::lock_guard lock(mutex_);
    given_up_.insert(name);
  }
  bool gave_up(BlockName name) const {
    const std::lock_guard lock(mutex_);
    return given_up_.contains(name);
  }
  Result<> sync() override { return {}; }
  journal::Position durable_position() const override { return {}; }
  Evicted take_evicted() override { return {}; }
  std::vector<ring::Stored> next_to_go(const SequenceRanges&) override { return {}; }
  Result<> offer(Sequence sequence) override {
    const std::lock_guard lock(mutex_);
    if (gave_way.contains(sequence)) return Error{Fault::denied, "another one carries it"};
    offered_ = std::max(offered_, sequence.count);
    return {};
  }
  SequenceRanges gave_way;  // of the current incarnation
  std::vector<ring::Stored> unreleased(
      ring::Order order, std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    const std::lock_guard lock(mutex_);
    std::vector<ring::Stored> out;
    const auto look = [&](const Entry& e) {
      const auto& r = e.record;
      for (const auto& [incarnation, blocks] : skip) {
        if (incarnation == r.name.incarnation && blocks.contains(r.name.sequence)) return;
      }
      if (!e.released && out.size() < limit) {
        out.push_back({r.name, r.time_min, r.time_max, r.readings, r.bytes.size(), r.alarm,
                       r.reduction});
      }
    };
    if (order == ring::Order::oldest_first) {
      for (const auto& e : blocks_) look(e);
    } else {
      for (auto e = blocks_.rbegin(); e != blocks_.rend(); ++e) look(*e);
    }
    return out;
  }
  std::vector<ring::Stored> alarms(
      std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    auto out = unreleased(ring::Order::oldest_first, SIZE_MAX, skip);
    std::erase_if(out, [](const auto& s) { return !s.alarm; });
    if (out.size() > limit) out.resize(limit);
    return out;
  }
  Result<BlockRecord> read(BlockName name) override {
    const std::lock_guard lock(mutex_);
    for (const auto& e : blocks_) {
      if (e.record.name == name) return e.record;
    }
    return Error{Fault::unavailable, "no longer here"};
  }
  Result<> release(Incarnation incarnation, const SequenceRanges& acknowledged) override {
    const std::lock_guard lock(mutex_);
    for (auto& e : blocks_) {
      const auto& name = e.record.name;
      if (name.incarnation == incarnation && acknowledged.contains(name.sequence)) {
        e.released = true;
      }
    }
    return {};
  }
  Result<> seals_acknowledged(Incarnation incarnation, std::uint64_t number) override {
    const std::lock_guard lock(mutex_);
    seals_[incarnation] = number;
    return {};
  }
  std::vector<Seal> past_seals() override {
    const std::lock_guard lock(mutex_);
    return past_statements;
  }
  void state_past(Seal seal) {
    const std::lock_guard lock(mutex_);
    past_statements = {std::move(seal)};
  }
  DictionaryPtr dictionary(DictionaryHash hash) override {
    const std::lock_guard lock(mutex_);
    const auto at = dictionaries_.find(hash);
    return at == dictionaries_.end() ? nullptr : at->second;
  }
  ring::Usage usage() const override { return {}; }
  Result<> close() override { return {}; }

 private:
  struct Entry {
    BlockRecord record;
    bool released = false;
  };
  mutable std::mutex mutex_;
  std::vector<Seal> past_statements;
  Incarnation current_;
  std::vector<Entry> blocks_;
  std::map<Incarnation, std::uint64_t> last_;
  std::map<Incarnation, std::uint64_t> seals_;
  std::map<DictionaryHash, DictionaryPtr> dictionaries_;
  std::set<BlockName> given_up_;
  std::uint64_t offered_ = 0;
};

}  // namespace tidemark::test
