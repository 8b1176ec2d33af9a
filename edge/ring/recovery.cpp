#include "edge/ring/recovery.h"

#include <algorithm>
#include <limits>

#include "common/base/log.h"

namespace tidemark::ring {
namespace {

constexpr auto kNewest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Result<Found> Recovery::run() {
  auto& catalogue = contents_.catalogue();
  TIDE_ASSIGN(const auto head, catalogue.newest(kNewest));
  std::uint64_t indexed_through = 0;
  bool fits = false;
  if (head) {
    TIDE_ASSIGN(fits, catalogue_fits(*head));
  }
  if (fits) {
    indexed_through = head->number;
    TIDE_TRY(scan_from(head->at + head->length, head->number));
    TIDE_TRY(find_tip());
    // All that the catalogue knows is of an earlier lap: its head survived in a gap at the wrap, or
    // what followed it was overwritten, by segments that speak of durable ones it does not know.
    fits = found_.tip && found_.tip->oldest <= head->number && proved_ <= found_.tip->number;
  }
  if (!fits) {
    found_ = {};
    found_.rebuilt = !file_.fresh();
    indexed_through = 0;
    TIDE_TRY(catalogue.clear());
    if (!file_.fresh()) TIDE_TRY(scan_all());
    TIDE_TRY(find_tip());
  }
  TIDE_ASSIGN(const auto marks, catalogue.marks());
  if (found_.tip) {
    TIDE_TRY(reject_after(found_.tip->number));
    TIDE_TRY(drop_dead(found_.tip->oldest));
    TIDE_TRY(replay(indexed_through));
    contents_.state().apply_marks(marks);
  }
  TIDE_TRY(contents_.settle());
  return found_;
}

Result<bool> Recovery::reaches_durable(const SegmentRow& row) {
  auto at = row;
  while (at.follows > row.synced) {
    TIDE_ASSIGN(const auto before, contents_.catalogue().segment(at.follows));
    if (!before) return false;
    at = *before;
  }
  return true;
}

// The catalogue may know segments that a power cut took, when SQLite reached the medium before
// them; others may have their numbers and places by now.
Result<bool> Recovery::catalogue_fits(const SegmentRow& head) {
  auto at = head;
  while (true) {
    TIDE_ASSIGN(const auto header, file_.read_header(at.at));
    if (!header || header->number != at.number || header->ordinal != at.ordinal ||
        row_of(*header, at.at).checksum != at.checksum) {
      return false;
    }
    TIDE_ASSIGN(const bool whole, file_.verify(at.at, *header));
    if (!whole) return false;
    if (at.follows <= head.synced) return true;
    TIDE_ASSIGN(const auto before, contents_.catalogue().segment(at.follows));
    if (!before) return false;
    at = *before;
  }
}

Result<> Recovery::scan_from(std::uint64_t at, std::uint64_t number) {
  const auto& geometry = file_.geometry();
  for (auto budget = geometry.look_ahead(); budget >= kPage;) {
    if (at + kPage > geometry.end()) at = geometry.begin();
    TIDE_ASSIGN(const auto header, file_.read_header(at));
    bool counts = header && header->number > number;
    if (counts) {
      TIDE_ASSIGN(counts, file_.verify(at, *header));
    }
    if (!counts) {
      at += kPage;
      budget -= kPage;
      continue;
    }
    TIDE_TRY(contents_.catalogue().add(row_of(*header, at)));
    number = header->number;
    at += header->length;
    budget = geometry.look_ahead();
  }
  return {};
}

Result<> Recovery::scan_all() {
  const auto& geometry = file_.geometry();
  log::info("ring catalogue is rebuilt by a scan", "bytes={}", geometry.end());
  for (auto at = geometry.begin(); at + kPage <= geometry.end();) {
    TIDE_ASSIGN(const auto header, file_.read_header(at));
    bool whole = header.has_value();
    if (whole) {
      TIDE_ASSIGN(whole, file_.verify(at, *header));
      if (!whole) ++found_.damaged;
    }
    if (whole) TIDE_TRY(contents_.catalogue().add(row_of(*header, at)));
    at += whole ? header->length : kPage;
  }
  return {};
}

Result<> Recovery::find_tip() {
  auto& catalogue = contents_.catalogue();
  TIDE_ASSIGN(auto row, catalogue.newest(kNewest));
  found_.numbers_used = row ? row->number : 0;
  proved_ = 0;
  while (row) {
    TIDE_ASSIGN(const bool complete, reaches_durable(*row));
    if (complete) break;
    proved_ = std::max(proved_, row->synced);
    TIDE_ASSIGN(row, catalogue.newest(row->number - 1));
  }
  found_.tip = row;
  return {};
}

// What came after a hole never counted. Its headers go, so that no later recovery finds them among
// newer segments.
Result<> Recovery::reject_after(std::uint64_t number) {
  auto& catalogue = contents_.catalogue();
  bool wrote = false;
  while (true) {
    TIDE_ASSIGN(const auto row, catalogue.newest(kNewest));
    if (!row || row->number <= number) break;
    TIDE_TRY(file_.write(row->at, ByteVector(kPage)));
    wrote = true;
    TIDE_TRY(catalogue.remove_segment(row->number));
  }
  if (wrote) TIDE_TRY(file_.sync());
  return {};
}

Result<> Recovery::drop_dead(std::uint64_t oldest) {
  auto& catalogue = contents_.catalogue();
  while (true) {
    TIDE_ASSIGN(const auto row, catalogue.oldest(0));
    if (!row || row->number >= oldest) break;
    if (row->blocks > 0) {
      TIDE_ASSIGN(const auto rows, catalogue.blocks(row->ordinal,
                                                    {row->first, row->first + row->blocks - 1},
                                                    Order::oldest_first, row->blocks));
      for (const auto& b : rows) {
        if (b.segment == row->number) {
          TIDE_TRY(catalogue.remove_block(b.ordinal, b.meta.sequence));
        }
      }
    }
    TIDE_TRY(catalogue.remove_segment(row->number));
  }
  TIDE_ASSIGN(const auto tail, catalogue.oldest(0));
  found_.tail_at = tail ? tail->at : found_.tip->at;
  return {};
}

Result<> Recovery::replay(std::uint64_t indexed_through) {
  auto& catalogue = contents_.catalogue();
  const auto tip = *found_.tip;
  // The newest checkpoint that can be read; without any, all that is there.
  TIDE_ASSIGN(auto checkpoint, catalogue.checkpoint(tip.number));
  while (checkpoint) {
    TIDE_ASSIGN(const bool whole, replay_one(*checkpoint, true, false));
    if (whole) break;
    log::error("ring checkpoint is damaged: an older one is used", "segment={}",
               checkpoint->number);
    TIDE_ASSIGN(checkpoint, catalogue.checkpoint(checkpoint->number - 1));
  }
  const auto state_from = checkpoint ? checkpoint->number : 0;
  found_.checkpoint = state_from;
  auto number = found_.rebuilt ? 0 : std::min(state_from, indexed_through);
  std::uint64_t applied = 0;  // the last segment that the state knows
  while (true) {
    TIDE_ASSIGN(const auto row, catalogue.oldest(number));
    if (!row) break;
    number = row->number + 1;
    const bool state = row->number >= state_from;
    if (applied != 0 && row->follows > applied) contents_.state().note_hole(row->ordinal);
    TIDE_ASSIGN(const bool whole, replay_one(*row, state, row->number > indexed_through));
    if (state && whole) applied = row->number;
    if (!whole) {
      ++found_.damaged;
      log::error("ring segment is damaged: its blocks are evicted", "segment={}", row->number);
      TIDE_TRY(lose(*row));
    } else if (state && row->number != state_from) {
      found_.since_checkpoint_bytes += row->length;
      ++found_.since_checkpoint_segments;
    }
  }
  return {};
}

Result<bool> Recovery::replay_one(const SegmentRow& row, bool state, bool rows) {
  TIDE_ASSIGN(const auto header, file_.read_header(row.at));
  if (!header || header->number != row.number) return false;
  TIDE_ASSIGN(const auto index, file_.read_index(row.at, *header));
  if (!index) return false;
  SegmentContent content;
  auto& ring_state = contents_.state();
  if (state) ring_state.apply(*header);
  TIDE_TRY(each_record(*index, [&](RecordType type, ByteSpan bytes) -> Result<> {
    if (type == RecordType::block) {
      ByteReader in(bytes);
      content.blocks.push_back(BlockMeta::decode(in));
    }
    return state ? ring_state.apply(*header, type, bytes) : Result<>();
  }));
  if (state) ring_state.apply(*header);  // again: a checkpoint replaces what the first one said
  if (rows) {
    content.index = *index;  // its size places the blocks
    TIDE_TRY(contents_.place(*header, row.at, content));
  }
  if (row.number == found_.tip->number) found_.journal = header->journal;
  return true;
}

// Without its index part only the catalogue can say what was in it.
Result<> Recovery::lose(const SegmentRow& row) {
  auto& catalogue = contents_.catalogue();
  if (row.blocks > 0) {
    auto& i = contents_.state().incarnations[row.ordinal];
    const SequenceRange range{row.first, row.first + row.blocks - 1};
    TIDE_ASSIGN(const auto rows,
                catalogue.blocks(row.ordinal, range, Order::oldest_first, row.blocks));
    if (i.last < range.last) {
      i.waiting.add(range);
      i.last = range.last;
    }
    for (const auto& b : rows) {
      const Sequence sequence{b.meta.sequence};
      if (b.segment != row.number) continue;
      if (i.waiting.contains(sequence)) {
        i.waiting.remove({sequence.count, sequence.count});
        i.evicted.add(sequence);
        i.evicted.add(b.meta.replaces);
        i.readings_evicted += b.meta.readings;
      }
      TIDE_TRY(catalogue.remove_block(b.ordinal, sequence.count));
    }
  }
  return catalogue.remove_segment(row.number);
}

}  // namespace tidemark::ring
