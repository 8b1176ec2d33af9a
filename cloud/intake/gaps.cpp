// What does not come by itself is asked for again; what never comes is given up by name, so that
// its edge's other blocks are not kept waiting for it.
#include <fmt/format.h>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/log.h"

namespace tidemark::intake {
namespace {

constexpr std::size_t kRangesLookedAtMax = 1024;  // of a start
constexpr std::size_t kRangesAskedMax = 64;       // of an edge, at a time
constexpr std::uint64_t kBlocksAskedMax = 256;    // they go before what is new
constexpr std::size_t kGivenUpMax = 4096;         // dictionaries of an edge that are known as such

SequenceRanges first_of(const SequenceRanges& all, std::size_t ranges_max) {
  SequenceRanges some;
  for (const auto& r : all.ranges()) {
    if (some.ranges().size() == ranges_max) break;
    some.add(r);
  }
  return some;
}

SequenceRanges common_to(const SequenceRange& range, const SequenceRanges& others) {
  SequenceRanges common{range};
  const auto elsewhere = others.missing_in(range);
  for (const auto& r : elsewhere.ranges()) common.remove(r);
  return common;
}

}  // namespace

void Intake::note_way(Session& s, Lane lane, BlockName block) {
  if (lane == Lane::backlog) {
    const auto* books = s.edge->books.find(block.incarnation);
    const auto ordinal = books != nullptr ? books->ordinal() : 0;
    s.backlog_to = std::max(s.backlog_to, {ordinal, block.sequence.count});
  } else if (block.incarnation == s.edge->row.incarnation) {
    s.live_from = std::min(s.live_from, block.sequence.count);
  }
}

// A block is missing for good between the edge and here when those behind it on its way have come,
// or nothing comes any more: an edge sends each once a connection. What is still on its way in a
// backlog is let come.
void Intake::look_for_gaps(Session& s) {
  const auto before = std::exchange(s.missing_at_look, {});
  const bool silent = std::exchange(s.blocks_at_look, s.blocks_taken) == s.blocks_taken;
  const auto& row = s.edge->row;
  std::size_t ranges = 0;
  std::uint64_t blocks = 0;
  const auto ask = [&](Incarnation i, std::uint64_t ordinal, SequenceRange gap) {
    const bool passed = std::pair{ordinal, gap.last} < s.backlog_to ||
                        (i == row.incarnation && gap.first >= s.live_from);
    if (!silent && !passed) return;
    if (ranges == kRangesAskedMax || blocks == kBlocksAskedMax) return;
    gap.last = std::min(gap.last, gap.first + (kBlocksAskedMax - blocks) - 1);
    ++ranges;
    blocks += gap.last - gap.first + 1;
    s.wanted_blocks[i].add(gap);
  };
  s.edge->books.each_missing([&](Incarnation i, std::uint64_t ordinal, SequenceRanges missing) {
    const auto& now = s.missing_at_look[i] = first_of(missing, kRangesLookedAtMax);
    const auto then = before.find(i);
    if (!row.connected || then == before.end()) return;
    for (const auto& r : now.ranges()) {
      const auto gaps = common_to(r, then->second);
      for (const auto& gap : gaps.ranges()) ask(i, ordinal, gap);
    }
  });
  if (blocks == 0) return;
  touched_.insert(&s);
  log::info("asking again for blocks that do not come", "edge={} blocks={}", row.name, blocks);
}

void Intake::look_for_dictionaries(Session& s) {
  if (!s.edge->row.connected || s.parked.empty()) return;
  touched_.insert(&s);
  std::set<DictionaryHash> missing;
  for (const auto& p : s.parked) missing.insert(p.unknown.begin(), p.unknown.end());
  std::erase_if(s.asks, [&](const auto& asked) {
    return !missing.contains(asked.first) &&
           (asked.second < kAsksMax || s.asks.size() > kGivenUpMax);
  });
  bool given_up = false;
  for (const auto hash : missing) {
    if (++s.asks[hash] < kAsksMax) {
      s.wanted.insert(hash);
      continue;
    }
    given_up = true;
    alarm(s, store::AlarmKind::dictionary_missing,
          fmt::format("dictionary {:016x} does not come, though it was asked for {} times; blocks "
                      "that name it are kept aside", hash.count, kAsksMax));
  }
  if (given_up) take_parked(s);
}

bool Intake::given_up(const Session& s, const std::vector<DictionaryHash>& dictionaries) {
  return std::any_of(dictionaries.begin(), dictionaries.end(), [&](DictionaryHash h) {
    const auto at = s.asks.find(h);
    return at != s.asks.end() && at->second >= kAsksMax;
  });
}

void Intake::take_parked(Session& s) {
  auto parked = std::move(s.parked);
  s.parked.clear();
  parked_bytes_ -= std::exchange(s.parked_bytes, 0);
  for (auto& p : parked) {
    parked_origin_ = std::move(p.origin);
    take_block(s, p.lane, std::move(p.record));
  }
  parked_origin_.clear();
  if (!s.parked.empty()) return;
  for (const auto& [incarnation, ranges] : s.dropped) s.wanted_blocks[incarnation].add(ranges);
  s.dropped.clear();
}

bool Intake::named(Session& s, Incarnation i, const wire::Frame& frame) {
  const auto& books = s.edge->books;
  if (books.find(i) != nullptr || books.folded(i) || s.edge->guard.refuses(i)) return true;
  const auto bytes = frame.payload.size();
  if (s.unnamed_bytes + bytes > kUnnamedBytesMax || parked_bytes_ + bytes > kParkedBytesAllMax) {
    const auto text = fmt::format("frames of start {:016x}, which no hello named, pass {} B; they "
                                  "are not taken", i.count, kUnnamedBytesMax);
    put_off(s, text);
    if (options_.from_log) keep_letter(s, letter_of(frame, store::LetterReason::bound, text));
    return false;
  }
  if (s.unnamed.empty()) s.unnamed_looks = 0;
  s.unnamed.push_back({frame, origin()});
  s.unnamed_bytes += bytes;
  parked_bytes_ += bytes;
  return false;
}

void Intake::take_unnamed(Session& s) {
  auto frames = std::exchange(s.unnamed, {});
  parked_bytes_ -= std::exchange(s.unnamed_bytes, 0);
  for (auto& [frame, origin] : frames) {
    parked_origin_ = std::move(origin);
    take_numbered(s, 0, frame);
  }
  parked_origin_.clear();
}

void Intake::forget_unnamed(Session& s) {
  if (s.unnamed.empty() || ++s.unnamed_looks < 2) return;
  for (auto& [frame, origin] : std::exchange(s.unnamed, {})) {
    parked_origin_ = std::move(origin);
    constexpr auto kText = "frames of a start that no hello named are not taken";
    put_off(s, kText);
    if (options_.from_log) keep_letter(s, letter_of(frame, store::LetterReason::bound, kText));
  }
  parked_origin_.clear();
  parked_bytes_ -= std::exchange(s.unnamed_bytes, 0);
}

}  // namespace tidemark::intake
