#include "edge/pipeline/compaction.h"

#include <algorithm>
#include <limits>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/window/partial.h"

namespace tidemark::pipeline {
namespace {

constexpr std::array<Nanoseconds, 2> kSizes{std::chrono::seconds(1), std::chrono::minutes(1)};

std::int64_t pane_of(std::int64_t time, Nanoseconds size) {
  return count_ns(floor_to(event_time(time), size));
}

std::size_t values_of(const Block& block) {
  std::size_t n = block.partials.size();
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) n += c.values();
  }
  return n;
}

// Calls visit(row, value) for each row in which the column is present.
template <typename Visit>
void each_value(const Group& group, const Column& column, Visit visit) {
  std::size_t value = 0;
  for (std::size_t row = 0; row < group.times.size(); ++row) {
    if (column.present.empty() || column.present[row]) visit(row, value++);
  }
}

}  // namespace

struct Compaction::Pane {
  std::uint32_t handle = 0;
  window::Partial partial;
  std::uint64_t readings = 0;
  bool made = false;  // it saves room
};

std::uint32_t Compaction::identity_of(const SeriesDescription& d) {
  auto name = d.source + '\0' + d.local_name() + '\0' + static_cast<char>(d.type) +
              static_cast<char>(d.exponent);
  const auto [at, fresh] =
      identities_.try_emplace(std::move(name), static_cast<std::uint32_t>(made_until_.size()));
  if (fresh) {
    constexpr auto kNever = std::numeric_limits<std::int64_t>::min();
    made_until_.push_back({kNever, kNever});
  }
  return at->second;
}

// Puts handles in place of the block's indices. False: a dictionary is no longer known.
bool Compaction::bind(Block& block) {
  std::vector<std::uint32_t> handles;
  for (const auto hash : block.dictionaries) {
    const auto dictionary = dictionaries_(hash);
    if (dictionary == nullptr) return false;
    const auto& all = dictionary->series();
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      const auto [at, fresh] =
          handles_.try_emplace({hash, i}, static_cast<std::uint32_t>(series_.size()));
      handles.push_back(at->second);
      if (!fresh) continue;
      const auto* rule = rule_of(rules_, edge_, all[i]);
      const bool windowed = rule != nullptr && rule->window.has_value();
      series_.push_back({hash, i, identity_of(all[i]), all[i].type,
                         !windowed && all[i].type != ValueType::text});
    }
  }
  const auto known = [&](std::uint32_t index) { return index < handles.size(); };
  for (auto& g : block.groups) {
    for (auto& c : g.columns) {
      if (!known(c.series)) return false;
      c.series = handles[c.series];
    }
  }
  for (auto& p : block.partials) {
    if (!known(p.series)) return false;
    p.series = handles[p.series];
  }
  return true;
}

bool Compaction::bind(const std::vector<BlockRecord>& from) {
  blocks_.clear();
  series_.clear();
  handles_.clear();
  std::size_t values = 0;
  for (const auto& record : from) {
    auto block = codec::decode(record.bytes);
    if (!block || !bind(*block)) break;
    values += values_of(*block);
    if (!blocks_.empty() && values > Collector::kValuesMax) break;
    blocks_.push_back(std::move(*block));
  }
  return !blocks_.empty();
}

std::optional<BlockRecord> Compaction::make(const std::vector<BlockRecord>& from) {
  pending_until_.clear();
  if (!bind(from)) return std::nullopt;
  const auto below = static_cast<int>(from.front().reduction);
  for (auto to = below + 1; to <= static_cast<int>(kReductionLast); ++to) {
    const auto level = static_cast<Reduction>(to);
    if (level == Reduction::merged && blocks_.size() < 2) continue;
    auto made = make(blocks_, level);
    if (!made) continue;
    std::size_t before = 0;
    std::uint64_t readings = 0;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      before += from[i].bytes.size();
      readings += from[i].readings;
      made->replaces.add(from[i].name.sequence);
      made->replaces.add(from[i].replaces);
    }
    if (made->bytes.size() > before - before / kSavedShare) continue;
    TIDE_CHECK(made->readings == readings, "a compacted block carries other readings");
    made->reduction = level;
    made->alarm = from.front().alarm;
    pending_level_ = level;
    if (level == Reduction::merged) pending_readings_ = readings;
    return made;
  }
  pending_until_.clear();
  return std::nullopt;
}

std::optional<BlockRecord> Compaction::make(std::span<const Block> blocks, Reduction to) {
  pending_until_.clear();
  pending_readings_ = 0;
  Collector out;
  Panes panes;
  const bool merged = to == Reduction::merged;
  const std::size_t level = to == Reduction::minutes ? 1 : 0;
  if (!merged) panes = gather(blocks, level);
  const auto in_pane = [&](const Series& s, std::int64_t time) {
    const auto at = panes.find({s.identity, pane_of(time, kSizes[level])});
    return at != panes.end() && at->second.made;
  };
  for (const auto& block : blocks) {
    for (const auto& g : block.groups) keep_rows(g, panes, kSizes[level], out);
    for (const auto& p : block.partials) {
      const bool ours = !p.copy && p.size == kSizes[0].count() && series_[p.series].reducible;
      if (level == 1 && ours && in_pane(series_[p.series], p.start)) continue;
      out.add_partial(p);
    }
  }
  for (const auto& [key, pane] : panes) {
    if (!pane.made) continue;
    PartialRow row;
    row.series = pane.handle;
    row.start = key.second;
    row.size = kSizes[level].count();
    row.revision = 1;
    row.readings = pane.readings;
    ByteWriter state(row.state);
    pane.partial.encode(state);
    pending_until_.emplace_back(key.first, key.second + row.size);
    pending_readings_ += pane.readings;
    out.add_partial(std::move(row));
  }
  if (!merged && pending_until_.empty()) return std::nullopt;
  auto blocks_out = out.take();
  if (blocks_out.size() != 1) return std::nullopt;
  BlockRecord record;
  record.readings = readings_carried(blocks_out[0]);
  const auto summary = codec::summary(blocks_out[0]);
  record.time_min = summary.time_min;
  record.time_max = summary.time_max;
  auto bytes = encode(std::move(blocks_out));
  if (!bytes) return std::nullopt;
  record.bytes = std::move(*bytes);
  return record;
}

bool Compaction::open(std::uint32_t identity, std::size_t level, std::int64_t start) const {
  return start >= made_until_[identity][level];
}

// What the readings at hand would make of each pane.
Compaction::Panes Compaction::gather(std::span<const Block> blocks, std::size_t level) const {
  Panes panes;
  const auto size = kSizes[level];
  const auto pane_for = [&](std::uint32_t handle, std::int64_t start) -> Pane* {
    const auto& s = series_[handle];
    if (!open(s.identity, level, start)) return nullptr;
    const auto [at, fresh] = panes.try_emplace({s.identity, start});
    if (fresh) {
      at->second.handle = handle;
      at->second.partial = window::Partial(s.type);
    }
    return &at->second;
  };
  for (const auto& block : blocks) {
    for (const auto& g : block.groups) {
      if (g.copy) continue;
      for (const auto& c : g.columns) {
        if (!series_[c.series].reducible) continue;
        each_value(g, c, [&](std::size_t row, std::size_t value) {
          auto* pane = pane_for(c.series, pane_of(g.times[row], size));
          if (pane == nullptr) return;
          pane->partial.add(g.times[row], c, value);
          ++pane->readings;
        });
      }
    }
    if (level == 0) continue;
    for (const auto& p : block.partials) {
      if (p.copy || p.size != kSizes[0].count() || !series_[p.series].reducible) continue;
      ByteReader in(p.state);
      const auto state = window::Partial::decode(in);
      TIDE_CHECK(state.ok() && in.done(), "a partial of this agent does not decode");
      if (auto* pane = pane_for(p.series, pane_of(p.start, size)); pane != nullptr) {
        pane->partial.merge(*state);
        pane->readings += p.readings;
      }
    }
  }
  for (auto& [key, pane] : panes) pane.made = pane.readings >= kPaneReadingsMin;
  return panes;
}

// The rows that no pane takes.
void Compaction::keep_rows(const Group& group, const Panes& panes, Nanoseconds size,
                           Collector& out) const {
  const auto columns = group.columns.size();
  std::vector<std::size_t> next(columns, 0), value_at(columns, 0);
  std::vector<bool> keep(columns);
  std::vector<Quality> quality(columns);
  for (std::size_t row = 0; row < group.times.size(); ++row) {
    bool any = false;
    for (std::size_t c = 0; c < columns; ++c) {
      const auto& column = group.columns[c];
      keep[c] = column.present.empty() || column.present[row];
      if (!keep[c]) continue;
      value_at[c] = next[c]++;
      quality[c] = column.quality_of(value_at[c]);
      if (!group.copy && !panes.empty() && series_[column.series].reducible) {
        const auto at = panes.find({series_[column.series].identity,
                                    pane_of(group.times[row], size)});
        keep[c] = at == panes.end() || !at->second.made;
      }
      any = any || keep[c];
    }
    if (any) out.add_row(group, row, group.times[row], value_at, keep, quality);
  }
}

// Gives the block the dictionaries of the series that are in it.
std::optional<ByteVector> Compaction::encode(std::vector<Block> blocks) {
  auto& block = blocks[0];
  std::map<DictionaryHash, std::uint32_t> first;  // index of its first series
  std::uint32_t series = 0;
  bool known = true;
  const auto place = [&](std::uint32_t handle) {
    const auto& s = series_[handle];
    const auto [at, fresh] = first.try_emplace(s.dictionary, series);
    if (fresh) {
      const auto dictionary = dictionaries_(s.dictionary);
      known = known && dictionary != nullptr;
      if (dictionary != nullptr) series += static_cast<std::uint32_t>(dictionary->series().size());
      block.dictionaries.push_back(s.dictionary);
    }
    return at->second + s.index;
  };
  for (auto& g : block.groups) {
    for (auto& c : g.columns) c.series = place(c.series);
  }
  for (auto& p : block.partials) p.series = place(p.series);
  if (!known) return std::nullopt;
  auto bytes = codec::encode(block, codec::Tier::standard);
  if (!bytes || bytes->size() > kBlockBytesMax) return std::nullopt;
  return std::move(*bytes);
}

void Compaction::taken() {
  for (const auto& [identity, end] : pending_until_) {
    auto& until = made_until_[identity][pending_level_ == Reduction::minutes ? 1 : 0];
    until = std::max(until, end);
  }
  pending_until_.clear();
  switch (pending_level_) {
    case Reduction::merged: counts_.merged += pending_readings_; break;
    case Reduction::seconds: counts_.seconds += pending_readings_; break;
    case Reduction::minutes: counts_.minutes += pending_readings_; break;
    case Reduction::none: break;
  }
}

}  // namespace tidemark::pipeline
