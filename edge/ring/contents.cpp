#include "edge/ring/contents.h"

#include <algorithm>
#include <limits>

#include "common/base/log.h"

namespace tidemark::ring {
namespace {

constexpr std::size_t kReleasedRangesMax = 64;  // of one incarnation in one segment

// Looked at, and handed out, by one next_to_go(): what one block can take in and memory can hold.
constexpr std::uint64_t kSegmentsAhead = 256;
constexpr std::size_t kBlocksAhead = 64;
constexpr std::uint64_t kBytesAhead = 256 << 10;

Stored stored_of(Incarnation incarnation, const BlockMeta& m) {
  return {{incarnation, Sequence{m.sequence}}, m.time_min, m.time_max, m.readings, m.bytes, m.alarm,
          m.reduction};
}

SequenceRanges common_part(const SequenceRanges& a, const SequenceRanges& b) {
  SequenceRanges out;
  for (const auto& x : a.ranges()) {
    const auto missing = b.missing_in(x);
    auto from = x.first;
    for (const auto& hole : missing.ranges()) {
      if (hole.first > from) out.add(SequenceRange{from, hole.first - 1});
      from = hole.last + 1;
    }
    if (from <= x.last && from != 0) out.add(SequenceRange{from, x.last});
  }
  return out;
}

// What waits of `i` and is not to be skipped.
SequenceRanges wanted_of(const IncarnationState& i,
                         const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) {
  auto wanted = i.waiting;
  for (const auto& [incarnation, ranges] : skip) {
    if (incarnation != i.incarnation) continue;
    for (const auto& r : ranges.ranges()) wanted.remove(r);
  }
  return wanted;
}

}  // namespace

Result<> Contents::settle() {
  usage_ = {};
  for (auto& [ordinal, i] : state_.incarnations) {
    Totals sum;
    const auto count = [&]() -> Result<> {
      sum = {};
      for (const auto& r : i.waiting.ranges()) {
        TIDE_ASSIGN(const auto part, catalogue_->totals(ordinal, r));
        sum.blocks += part.blocks;
        sum.readings += part.readings;
        sum.bytes += part.bytes;
      }
      return {};
    };
    TIDE_TRY(count());
    if (sum.blocks != i.waiting.count()) {
      SequenceRanges present;
      for (const auto& r : i.waiting.ranges()) {
        TIDE_ASSIGN(const auto rows, catalogue_->blocks(ordinal, r, Order::oldest_first,
                                                        std::numeric_limits<std::int32_t>::max()));
        for (const auto& row : rows) present.add(Sequence{row.meta.sequence});
      }
      SequenceRanges gone;
      for (const auto& r : i.waiting.ranges()) gone.add(present.missing_in(r));
      log::error("blocks in the ring are damaged and evicted", "start={} blocks={}", ordinal,
                 gone.count());
      blocks_damaged_ += gone.count();
      for (const auto& r : gone.ranges()) i.waiting.remove(r);
      i.evicted.add(gone);  // durable with the checkpoint that every start writes
      // What they replaced is gone with them; which that was, only those that are here can say.
      auto replaced = i.replaced;
      for (const auto& r : i.waiting.ranges()) {
        TIDE_ASSIGN(const auto rows, catalogue_->blocks(ordinal, r, Order::oldest_first,
                                                        std::numeric_limits<std::int32_t>::max()));
        for (const auto& row : rows) {
          for (const auto& carried : row.meta.replaces.ranges()) replaced.remove(carried);
        }
      }
      i.evicted.add(replaced);
    }
    usage_.blocks_unreleased += sum.blocks;
    usage_.readings_unreleased += sum.readings;
    usage_.used.count += sum.bytes;
  }
  return {};
}

void Contents::begin(Incarnation incarnation, EventTime now, bool cut, std::uint64_t journal) {
  ordinal_ = state_.begin(incarnation, now, cut, journal);
}

bool Contents::resume(Incarnation incarnation) {
  const auto& all = state_.incarnations;
  if (all.empty() || all.rbegin()->second.incarnation != incarnation) return false;
  ordinal_ = all.rbegin()->first;
  return true;
}

Result<> Contents::place(const SegmentHeader& h, std::uint64_t at, const SegmentContent& content) {
  TIDE_TRY(catalogue_->add(row_of(h, at)));
  auto offset = kSegmentHeaderBytes + content.index.size();
  for (const auto& meta : content.blocks) {
    TIDE_TRY(catalogue_->add(BlockRow{h.ordinal, h.number, offset, meta}));
    offset += meta.stored;
  }
  return {};
}

Result<> Contents::count(const SegmentHeader& h, const SegmentContent& content) {
  state_.apply(h);
  const auto last = current().last;
  for (const auto& meta : content.blocks) {
    if (meta.sequence > last) TIDE_TRY(give_way(meta));  // else: written again after a fault
  }
  TIDE_TRY(each_record(content.index, [&](RecordType type, ByteSpan bytes) -> Result<> {
    // Of what a checkpoint and the control records say, the state itself is the source.
    const bool news = type == RecordType::dictionary || type == RecordType::seal ||
                      type == RecordType::block || type == RecordType::skipped;
    return news ? state_.apply(h, type, bytes) : Result<>();
  }));
  state_.bound_minutes();
  for (const auto& meta : content.blocks) {
    if (meta.sequence <= last) continue;
    ++usage_.blocks_unreleased;
    usage_.readings_unreleased += meta.readings;
    usage_.used.count += meta.stored;
  }
  return {};
}

Result<> Contents::give_way(const BlockMeta& to) {
  auto& i = current();
  const auto gone = common_part(to.replaces, i.waiting);
  for (const auto& r : gone.ranges()) {
    TIDE_ASSIGN(const auto totals, catalogue_->totals(ordinal_, r));
    i.waiting.remove(r);
    forget_waiting(i, totals);
    claimed_.remove(r);
  }
  return {};
}

bool Contents::offer(Sequence sequence) {
  if (claimed_.contains(sequence) || current().replaced.contains(sequence)) return false;
  if (current().waiting.contains(sequence)) offered_.add(sequence);
  return true;
}

bool Contents::claim(const SegmentContent& content) {
  SequenceRanges direct;  // without what these have replaced themselves
  for (const auto& meta : content.blocks) {
    for (const auto& r : meta.replaces.ranges()) {
      const auto fresh = current().replaced.missing_in(r);
      direct.add(fresh);
    }
  }
  for (const auto& r : direct.ranges()) {
    if (!current().waiting.covers(r) || offered_.missing_in(r) != SequenceRanges{r}) return false;
  }
  claimed_.add(direct);
  return true;
}

Result<std::optional<SegmentRow>> Contents::first_needed() {
  while (true) {
    TIDE_ASSIGN(auto row, catalogue_->oldest(needed_from_));
    if (!row) return row;
    const auto at = state_.incarnations.find(row->ordinal);
    if (row->blocks > 0 && at != state_.incarnations.end()) {
      const SequenceRange range{row->first, row->first + row->blocks - 1};
      if (at->second.waiting.missing_in(range) != SequenceRanges{range}) return row;
    }
    needed_from_ = row->number + 1;
  }
}

Result<std::vector<Stored>> Contents::next_to_go(const SequenceRanges& skip) {
  std::vector<Stored> out;
  std::uint64_t bytes = 0;
  TIDE_ASSIGN(auto segment, first_needed());
  for (std::uint64_t n = 0; segment && n < kSegmentsAhead; ++n) {
    if (segment->blocks > 0 && segment->ordinal == ordinal_) {
      TIDE_ASSIGN(const auto rows,
                  catalogue_->blocks(ordinal_,
                                     {segment->first, segment->first + segment->blocks - 1},
                                     Order::oldest_first, segment->blocks));
      for (const auto& row : rows) {
        const Sequence sequence{row.meta.sequence};
        if (row.segment != segment->number || !current().waiting.contains(sequence) ||
            offered_.contains(sequence) || claimed_.contains(sequence) || skip.contains(sequence)) {
          continue;
        }
        auto stored = stored_of(current().incarnation, row.meta);
        if (!out.empty() && (stored.reduction != out.front().reduction ||
                             stored.alarm != out.front().alarm)) {
          continue;
        }
        if (!out.empty() && bytes + stored.bytes > kBytesAhead) return out;
        bytes += stored.bytes;
        out.push_back(stored);
        if (out.size() == kBlocksAhead) return out;
      }
    }
    TIDE_ASSIGN(segment, catalogue_->oldest(segment->number + 1));
  }
  return out;
}

Result<> Contents::evict(const SegmentRow& segment) {
  if (segment.blocks > 0) {
    TIDE_ASSIGN(const auto rows,
                catalogue_->blocks(segment.ordinal,
                                   {segment.first, segment.first + segment.blocks - 1},
                                   Order::oldest_first, segment.blocks));
    for (const auto& row : rows) {
      if (row.segment == segment.number) TIDE_TRY(evict_block(row));
    }
  }
  return catalogue_->remove_segment(segment.number);
}

Result<> Contents::evict_block(const BlockRow& block) {
  const auto at = state_.incarnations.find(block.ordinal);
  const auto& m = block.meta;
  if (at != state_.incarnations.end() && at->second.waiting.contains(Sequence{m.sequence})) {
    auto& i = at->second;
    i.waiting.remove({m.sequence, m.sequence});
    auto gone = m.replaces;  // with it goes what it carried
    gone.add(Sequence{m.sequence});
    i.evicted.add(gone);
    if (block.ordinal == ordinal_) offered_.remove({m.sequence, m.sequence});
    i.readings_evicted += m.readings;
    evicted_[block.ordinal].add(gone);
    if (block.ordinal == ordinal_) {
      untold_.current.add(gone);
      untold_.readings_current += m.readings;
    } else {
      untold_.readings_past += m.readings;
    }
    ++usage_.blocks_evicted;
    usage_.readings_evicted += m.readings;
    forget_waiting(i, {1, m.readings, m.stored});
  }
  return catalogue_->remove_block(block.ordinal, m.sequence);
}

void Contents::give_up(BlockName name) {
  for (auto& [ordinal, i] : state_.incarnations) {
    const bool used = name.sequence.count != 0 && name.sequence.count <= i.last;
    if (i.incarnation != name.incarnation || !used || i.waiting.contains(name.sequence) ||
        i.evicted.contains(name.sequence)) {
      continue;
    }
    i.evicted.add(name.sequence);
    evicted_[ordinal].add(name.sequence);
    if (ordinal == ordinal_) untold_.current.add(name.sequence);
  }
}

void Contents::forget_waiting(const IncarnationState& incarnation, const Totals& totals) {
  TIDE_CHECK(usage_.blocks_unreleased >= totals.blocks && usage_.used.count >= totals.bytes,
             "more leaves the ring than is in it: incarnation " +
                 std::to_string(incarnation.incarnation.count));
  usage_.blocks_unreleased -= totals.blocks;
  usage_.readings_unreleased -= totals.readings;
  usage_.used.count -= totals.bytes;
}

Result<> Contents::release(Incarnation incarnation, const SequenceRanges& acknowledged) {
  auto* i = state_.find(incarnation);
  if (i == nullptr) return {};  // long gone: the cloud is right
  const auto gone = common_part(acknowledged, i->waiting);
  if (gone.empty()) return {};
  std::uint64_t ordinal = 0;
  for (const auto& [o, state] : state_.incarnations) {
    if (&state == i) ordinal = o;
  }
  for (const auto& r : gone.ranges()) {
    TIDE_ASSIGN(const auto totals, catalogue_->totals(ordinal, r));
    i->waiting.remove(r);
    if (ordinal == ordinal_) offered_.remove(r);
    forget_waiting(*i, totals);
  }
  released_[ordinal].add(gone);
  ++releases_uncommitted_;
  return {};
}

void Contents::seals_acknowledged(Incarnation incarnation, std::uint64_t number) {
  for (auto& [ordinal, i] : state_.incarnations) {
    if (i.incarnation != incarnation) continue;
    const bool told = i.off_until != kEventTimeMin;
    if (i.seal.acknowledged >= number && i.closing_told == told) return;
    i.seal.acknowledge(number);
    i.closing_told = told;
    acknowledged_[ordinal] = true;
    ++releases_uncommitted_;
  }
}

void Contents::add_records(SegmentContent& content) {
  for (const auto& [ordinal, ranges] : evicted_) {
    const auto at = state_.incarnations.find(ordinal);
    if (at == state_.incarnations.end()) continue;
    content.add(RecordType::evicted, encode_eviction(at->second, ranges));
  }
  evicted_.clear();
  for (const auto& [ordinal, ranges] : released_) {
    const auto at = state_.incarnations.find(ordinal);
    // Too many pieces can wait for the next checkpoint: what is sent twice is counted once.
    if (at == state_.incarnations.end() || ranges.ranges().size() > kReleasedRangesMax) continue;
    content.add(RecordType::released, encode_ranges(at->second.incarnation, ranges));
  }
  released_.clear();
  for (const auto& [ordinal, changed] : acknowledged_) {
    const auto at = state_.incarnations.find(ordinal);
    if (at == state_.incarnations.end()) continue;
    content.add(RecordType::seals_acknowledged,
                encode_acknowledged(at->second.incarnation, at->second.seal.acknowledged));
  }
  acknowledged_.clear();
}

RingBuffer::Evicted Contents::take_evicted() { return std::exchange(untold_, {}); }

Result<> Contents::commit() {
  // A commit must not be ahead of ring.dat: rows of evicted blocks may go when a segment says so.
  if (!evicted_.empty() || records_lost_) return {};
  ByteVector marks;
  ByteWriter out(marks);
  state_.encode_marks(out);
  TIDE_TRY(catalogue_->commit(marks));
  releases_uncommitted_ = 0;
  return {};
}

Result<std::vector<Stored>> Contents::unreleased(
    Order order, std::size_t limit,
    const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) {
  std::vector<Stored> out;
  const auto take = [&](std::uint64_t ordinal, const IncarnationState& i) -> Result<> {
    auto ranges = wanted_of(i, skip).ranges();
    if (order == Order::newest_first) std::reverse(ranges.begin(), ranges.end());
    for (const auto& r : ranges) {
      if (out.size() >= limit) return {};
      TIDE_ASSIGN(const auto rows, catalogue_->blocks(ordinal, r, order, limit - out.size()));
      for (const auto& row : rows) {
        out.push_back(stored_of(i.incarnation, row.meta));
      }
    }
    return {};
  };
  const auto& all = state_.incarnations;
  if (order == Order::oldest_first) {
    for (auto at = all.begin(); at != all.end() && out.size() < limit; ++at) {
      TIDE_TRY(take(at->first, at->second));
    }
  } else {
    for (auto at = all.rbegin(); at != all.rend() && out.size() < limit; ++at) {
      TIDE_TRY(take(at->first, at->second));
    }
  }
  return out;
}

Result<std::vector<Stored>> Contents::alarms(
    std::size_t limit, const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) {
  std::vector<Stored> out;
  for (const auto& [ordinal, i] : state_.incarnations) {
    const auto wanted = wanted_of(i, skip);
    for (const auto& r : wanted.ranges()) {
      if (out.size() >= limit) return out;
      TIDE_ASSIGN(const auto rows, catalogue_->alarms(ordinal, r, limit - out.size()));
      for (const auto& row : rows) out.push_back(stored_of(i.incarnation, row.meta));
    }
  }
  return out;
}

Result<std::optional<BlockRow>> Contents::find(BlockName name) {
  for (const auto& [ordinal, i] : state_.incarnations) {
    if (i.incarnation != name.incarnation) continue;
    if (name.sequence.count == 0 || name.sequence.count > i.last) break;
    return catalogue_->block(ordinal, name.sequence.count);
  }
  return std::optional<BlockRow>{};
}

Usage Contents::usage() {
  auto usage = usage_;
  usage.oldest_time = 0;
  for (const auto& [ordinal, i] : state_.incarnations) {
    if (i.waiting.empty()) continue;
    const auto row = catalogue_->block(ordinal, i.waiting.ranges().front().first);
    if (row.ok() && row->has_value()) usage.oldest_time = row.value()->meta.time_min;
    break;
  }
  return usage;
}

}  // namespace tidemark::ring
