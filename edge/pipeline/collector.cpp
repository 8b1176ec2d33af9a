#include "edge/pipeline/collector.h"

#include <algorithm>

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

}  // namespace

Group& Collector::group_for(const Group& like) {
  Key key{{}, like.copy};
  key.series.reserve(like.columns.size());
  for (const auto& c : like.columns) key.series.push_back(c.series);
  const auto [at, made] = by_key_.try_emplace(std::move(key), groups_.size());
  if (made) {
    Group g;
    g.copy = like.copy;
    for (const auto& c : like.columns) {
      Column empty;
      empty.series = c.series;
      empty.type = c.type;
      g.columns.push_back(std::move(empty));
    }
    groups_.push_back(std::move(g));
  }
  return groups_[at->second];
}

void Collector::add_row(const Group& group, std::size_t row, std::int64_t time,
                        const std::vector<std::size_t>& value_at, const std::vector<bool>& keep,
                        const std::vector<Quality>& quality) {
  auto& to = group_for(group);
  const auto rows = to.times.size();
  to.times.push_back(time);
  bytes_ += sizeof time;
  for (std::size_t c = 0; c < group.columns.size(); ++c) {
    const auto& from = group.columns[c];
    auto& column = to.columns[c];
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
    ++values_;
    bytes_ += from.type == ValueType::text ? from.text[value_at[c]].size() + 4 : 8;
  }
}

Block Collector::take() {
  Block out;
  out.groups = std::move(groups_);
  out.partials = std::move(partials_);
  by_key_.clear();
  groups_.clear();
  partials_.clear();
  values_ = bytes_ = 0;
  return out;
}

void DictionaryBook::translate(Block& block, const source::SeriesTable& table) {
  if (places_.size() < table.size()) {
    // All series that are new since the last block go into one dictionary (or a few, by its bound).
    for (auto first = places_.size(); first < table.size(); first += Dictionary::kSeriesMax) {
      const auto end = std::min(first + Dictionary::kSeriesMax, table.size());
      std::vector<SeriesDescription> series;
      for (auto h = first; h < end; ++h) {
        places_.push_back({static_cast<std::uint32_t>(dictionaries_.size()),
                           static_cast<std::uint32_t>(h - first)});
        auto& d = series.emplace_back(table.at(static_cast<std::uint32_t>(h)));
        // merge() keeps what is there: a payload's label before the source's before the edge's.
        auto more = source_labels_[d.source];
        d.labels.merge(more);
        more = labels_;
        d.labels.merge(more);
        while (d.labels.size() > Dictionary::kLabelsMax) d.labels.erase(std::prev(d.labels.end()));
      }
      dictionaries_.push_back(std::make_shared<const Dictionary>(std::move(series)));
      fresh_.push_back(dictionaries_.back());
    }
  }
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
