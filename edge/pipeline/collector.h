// Gathers readings into the columns of the next block. Rows of the same set of series share one
// group and so one time column, whichever messages they came with.
//
// Bound: kValuesMax values; full() tells the pipeline to flush. Series are SeriesTable handles.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/model/block.h"
#include "edge/source/source.h"

namespace tidemark::pipeline {

class Collector {
 public:
  static constexpr std::size_t kValuesMax = 32'768;
  static constexpr std::size_t kBytesMax = 256 * 1024;  // before packing; a block packs to less

  // Adds row `row` of `group` at event time `time`, only the values that `keep` marks (by column,
  // nullptr: all that are present). Column::series holds handles. `value_at[c]` is the index of
  // this row's value in column c.
  void add_row(const Group& group, std::size_t row, std::int64_t time,
               const std::vector<std::size_t>& value_at, const std::vector<bool>& keep,
               const std::vector<Quality>& quality);
  void add_partial(PartialRow row) { partials_.push_back(std::move(row)); }

  [[nodiscard]] bool empty() const { return values_ == 0 && partials_.empty(); }
  [[nodiscard]] bool full() const { return values_ >= kValuesMax || bytes_ >= kBytesMax; }
  // What was gathered, with handles for series; empty afterwards.
  Block take();

 private:
  struct Key {
    std::vector<std::uint32_t> series;
    bool copy;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  Group& group_for(const Group& like);

  std::map<Key, std::size_t> by_key_;
  std::vector<Group> groups_;
  std::vector<PartialRow> partials_;
  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
};

// The dictionaries of this start: gives each series its place, once, and says which dictionaries
// are new. A block's columns are renumbered from handles to places in the block's own list.
class DictionaryBook {
 public:
  // Labels that the configuration gives: to every series, and to those of one source.
  void label(std::map<std::string, std::string> all) { labels_ = std::move(all); }
  void label(const std::string& source, std::map<std::string, std::string> labels) {
    source_labels_[source] = std::move(labels);
  }
  // Rewrites Column::series and PartialRow::series of `block` and fills block.dictionaries.
  void translate(Block& block, const source::SeriesTable& table);
  // Dictionaries made since the last call; they go into the same flush as the block.
  std::vector<DictionaryPtr> take_new();

 private:
  struct Place {
    std::uint32_t dictionary;
    std::uint32_t index;
  };
  std::map<std::string, std::string> labels_;
  std::map<std::string, std::map<std::string, std::string>> source_labels_;
  std::vector<DictionaryPtr> dictionaries_;
  std::vector<Place> places_;  // by handle
  std::vector<DictionaryPtr> fresh_;
};

}  // namespace tidemark::pipeline
