#include "edge/pipeline/collector.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace tidemark::pipeline {
namespace {

void append_value(Column& to, const Column& from, std::size_t at) {
  switch (from.type) {
    case ValueType::f64: to.f64.push_back(from.f64[at]); break;
    case ValueType::i64:
    case ValueType::boolean: to.i64.push_back(from.i64[at]); break;
    case ValueType::text: to.text.push_back(from.text[at]); break;
  }
}

// Bytes at worst: varints of the longest kind, nothing gained by packing.
constexpr std::size_t kRowBytes = 10;
constexpr std::size_t kValueBytes = 11;  // with its quality
constexpr std::size_t kColumnBytes = 16;
constexpr std::size_t kPartialBytes = 48;

std::size_t bytes_of(const Column& c, std::size_t value) {
  return kValueBytes + (c.type == ValueType::text ? c.text[value].size() : 0);
}

}  // namespace

void Collector::end_block() {
  if (blocks_.empty()) return;
  for (auto& [key, at] : by_key_) {
    const auto& columns = blocks_.back().groups[at].columns;
    std::size_t values = 0;
    for (const auto& c : columns) values += c.values();
    at = values / columns.size();
  }
  before_ = std::exchange(by_key_, {});
  last_ = {};
}

void Collector::next_block() {
  end_block();
  blocks_.emplace_back();
}

// For a piece of a row, or a partial, that may make `columns` new columns.
void Collector::make_room(std::size_t columns) {
  if (blocks_.empty() || last_.values >= kValuesMax || last_.bytes >= block_bytes_max_ ||
      last_.cells >= kBlockCellsMax || blocks_.back().partials.size() >= kBlockPartialsMax ||
      last_.columns + columns > 2 * kPieceColumnsMax) {
    next_block();
  }
}

bool Collector::is_of(const Group& group, const Group& like, const Piece& piece) {
  const auto from = like.columns.begin();
  return group.copy == like.copy &&
         std::equal(group.columns.begin(), group.columns.end(),
                    from + static_cast<std::ptrdiff_t>(piece.first),
                    from + static_cast<std::ptrdiff_t>(piece.last),
                    [](const Column& a, const Column& b) { return a.series == b.series; });
}

Group& Collector::group_for(const Group& like, const Piece& piece) {
  make_room(piece.last - piece.first);
  const auto first = like.columns[piece.first].series;
  if (first >= guess_.size()) guess_.resize(first + 1);
  if (auto& last = blocks_.back().groups; guess_[first] < last.size()) {
    auto& group = last[guess_[first]];
    if (is_of(group, like, piece)) return group;
  }
  Key key{{}, like.copy};
  key.series.reserve(piece.last - piece.first);
  for (auto c = piece.first; c < piece.last; ++c) key.series.push_back(like.columns[c].series);
  auto& groups = blocks_.back().groups;
  const auto [at, made] = by_key_.try_emplace(std::move(key), groups.size());
  if (made) {
    // A block is much like the one before it: growing by doubling would cost a thousand columns
    // of thirty rows six thousand allocations.
    const auto before = before_.find(at->first);
    const auto rows = before == before_.end() ? 0 : before->second;
    auto& g = groups.emplace_back();
    g.copy = like.copy;
    g.times.reserve(rows);
    g.columns.resize(piece.last - piece.first);
    for (auto c = piece.first; c < piece.last; ++c) {
      auto& empty = g.columns[c - piece.first];
      empty.series = like.columns[c].series;
      empty.type = like.columns[c].type;
      if (empty.type == ValueType::f64) empty.f64.reserve(rows);
      if (empty.type == ValueType::i64 || empty.type == ValueType::boolean) empty.i64.reserve(rows);
    }
    last_.columns += g.columns.size();
    last_.bytes += g.columns.size() * kColumnBytes;
  }
  guess_[first] = static_cast<std::uint32_t>(at->second);
  return groups[at->second];
}

Collector::Piece Collector::piece_of(const Group& group, std::size_t row, std::size_t first,
                                     const std::vector<std::size_t>& value_at,
                                     const std::vector<bool>& keep) {
  Piece piece{first, first, 0, false};
  for (; piece.last < group.columns.size(); ++piece.last) {
    if (piece.last - first >= kPieceColumnsMax || piece.bytes >= kPieceBytesMax) break;
    const auto& c = group.columns[piece.last];
    if (!keep[piece.last] || (!c.present.empty() && !c.present[row])) continue;
    piece.bytes += bytes_of(c, value_at[piece.last]);
    piece.any = true;
  }
  return piece;
}

void Collector::add_row(const Group& group, std::size_t row, std::int64_t time,
                        const std::vector<std::size_t>& value_at, const std::vector<bool>& keep,
                        const std::vector<Quality>& quality) {
  bytes_ += sizeof time;
  for (std::size_t next = 0; next < group.columns.size();) {
    const auto piece = piece_of(group, row, next, value_at, keep);
    next = piece.last;
    if (!piece.any) continue;
    auto& to = group_for(group, piece);
    const auto rows = to.times.size();
    to.times.push_back(time);
    last_.cells += to.columns.size();
    last_.bytes += kRowBytes + piece.bytes;
    for (auto c = piece.first; c < piece.last; ++c) {
      const auto& from = group.columns[c];
      auto& column = to.columns[c - piece.first];
      const bool here = keep[c] && (from.present.empty() || from.present[row]);
      // A presence bitmap and a quality list come into being with the first row that needs one.
      if (!here && column.present.empty()) column.present.assign(rows, true);
      if (!here || !column.present.empty()) column.present.push_back(here);
      if (!here) continue;
      if (quality[c] != Quality::good && column.quality.empty()) {
        column.quality.assign(column.values(), Quality::good);
      }
      const bool judged = !column.quality.empty() || quality[c] != Quality::good;
      append_value(column, from, value_at[c]);
      if (judged) column.quality.push_back(quality[c]);
      ++last_.values;
      ++values_;
      bytes_ += from.type == ValueType::text ? from.text[value_at[c]].size() + 4 : 8;
    }
  }
}

void Collector::add_partial(PartialRow row) {
  make_room(0);
  last_.bytes += kPartialBytes + row.state.size();
  ++partials_;
  blocks_.back().partials.push_back(std::move(row));
}

std::vector<Block> Collector::take() {
  end_block();
  auto out = std::exchange(blocks_, {});
  values_ = bytes_ = partials_ = 0;
  return out;
}

SeriesDescription DictionaryBook::described(std::uint32_t handle,
                                            const source::SeriesTable& table) const {
  auto d = table.at(handle);
  // insert() keeps what is there: a payload's label before the source's before the edge's.
  if (const auto own = source_labels_.find(d.source); own != source_labels_.end()) {
    d.labels.insert(own->second.begin(), own->second.end());
  }
  d.labels.insert(labels_.begin(), labels_.end());
  while (d.labels.size() > Dictionary::kLabelsMax) d.labels.erase(std::prev(d.labels.end()));
  d.deadband = deadband_(d);
  return d;
}

// Into one new dictionary, or a few by its bound.
void DictionaryBook::add(std::span<const std::uint32_t> handles,
                         const source::SeriesTable& table) {
  for (std::size_t first = 0; first < handles.size(); first += Dictionary::kSeriesMax) {
    const auto part = handles.subspan(first, std::min(Dictionary::kSeriesMax,
                                                      handles.size() - first));
    std::vector<SeriesDescription> series;
    for (const auto h : part) {
      places_[h] = {static_cast<std::uint32_t>(dictionaries_.size()),
                    static_cast<std::uint32_t>(series.size()), table.version(h), labelled_};
      series.push_back(described(h, table));
    }
    dictionaries_.push_back(std::make_shared<const Dictionary>(std::move(series)));
    fresh_.push_back(dictionaries_.back());
  }
}

// The series of this block that lie in dictionaries of few, when it would name too many of them.
void DictionaryBook::gather(const Block& block, const source::SeriesTable& table) {
  if (dictionaries_.size() <= kNamedMax) return;
  std::set<std::uint32_t> handles;
  std::set<std::uint32_t> named;
  const auto use = [&](std::uint32_t handle) {
    handles.insert(handle);
    named.insert(places_[handle].dictionary);
  };
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) use(c.series);
  }
  for (const auto& p : block.partials) use(p.series);
  if (named.size() <= kNamedMax) return;
  std::vector<std::uint32_t> scattered;
  for (const auto h : handles) {
    const auto& d = *dictionaries_[places_[h].dictionary];
    if (d.series().size() <= Dictionary::kSeriesMax / 2) scattered.push_back(h);
  }
  add(scattered, table);
}

// The series of this block of which something else is said since: after a reload, or when their
// readings got times of their own.
void DictionaryBook::describe_anew(const Block& block, const source::SeriesTable& table) {
  std::vector<std::uint32_t> changed;
  const auto look = [&](std::uint32_t handle) {
    auto& place = places_[handle];
    if (place.version == table.version(handle) && place.labelled == labelled_) return;
    const auto& said = dictionaries_[place.dictionary]->series()[place.index];
    if (said != described(handle, table)) {
      changed.push_back(handle);
    } else {
      place.version = table.version(handle);
      place.labelled = labelled_;
    }
  };
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) look(c.series);
  }
  for (const auto& p : block.partials) look(p.series);
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  add(changed, table);
}

void DictionaryBook::translate(Block& block, const source::SeriesTable& table) {
  if (places_.size() < table.size()) {
    // All series that are new since the last block go together.
    std::vector<std::uint32_t> fresh(table.size() - places_.size());
    std::iota(fresh.begin(), fresh.end(), static_cast<std::uint32_t>(places_.size()));
    places_.resize(table.size());
    add(fresh, table);
  }
  describe_anew(block, table);
  gather(block, table);
  std::vector<std::int64_t> offset(dictionaries_.size(), -1);
  std::int64_t series_before = 0;
  const auto place = [&](std::uint32_t handle) {
    const auto p = places_[handle];
    if (offset[p.dictionary] < 0) {
      offset[p.dictionary] = series_before;
      series_before += static_cast<std::int64_t>(dictionaries_[p.dictionary]->series().size());
      block.dictionaries.push_back(dictionaries_[p.dictionary]->hash());
    }
    return static_cast<std::uint32_t>(offset[p.dictionary]) + p.index;
  };
  for (auto& g : block.groups) {
    for (auto& c : g.columns) c.series = place(c.series);
  }
  for (auto& p : block.partials) p.series = place(p.series);
}

std::vector<DictionaryPtr> DictionaryBook::take_new() { return std::exchange(fresh_, {}); }

}  // namespace tidemark::pipeline
