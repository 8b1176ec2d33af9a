// Gathers readings into the columns of the next block. Rows of the same set of series share one
// group and so one time column, whichever messages they came with. Series are SeriesTable handles.
//
// Bound: full() tells the pipeline to flush at kValuesMax values or kBytesMax, earlier for a small
// ring. What one message
// brings beyond that (a waveform, an object of thousands of keys) goes into further blocks of the
// same flush, so that no block passes what the codec takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/model/block.h"
#include "edge/source/source.h"

namespace tidemark::pipeline {

class Collector {
 public:
  static constexpr std::size_t kValuesMax = 32'768;
  static constexpr std::size_t kBytesMax = 256 * 1024;  // before packing; a block packs to less
  // Of one block: where the next begins, and how much of one row may still come.
  static constexpr std::size_t kBlockBytesMax = 512 * 1024;  // at worst, packing gained nothing
  static constexpr std::size_t kBlockCellsMax = 4'194'304;   // rows times columns
  static constexpr std::size_t kBlockPartialsMax = 16'384;
  static constexpr std::size_t kPieceColumnsMax = 8'192;
  static constexpr std::size_t kPieceBytesMax = 256 * 1024;

  // Of a flush that the ring takes, so that what was gathered fits and several blocks do too.
  void bound(std::uint64_t flush_bytes) {
    bytes_max_ = std::min<std::size_t>(kBytesMax, flush_bytes / 4);
    block_bytes_max_ = std::min<std::size_t>(kBlockBytesMax, flush_bytes / 2);
  }

  // Adds row `row` of `group` at event time `time`, only the values that `keep` marks (by column,
  // nullptr: all that are present). Column::series holds handles. `value_at[c]` is the index of
  // this row's value in column c.
  void add_row(const Group& group, std::size_t row, std::int64_t time,
               const std::vector<std::size_t>& value_at, const std::vector<bool>& keep,
               const std::vector<Quality>& quality);
  void add_partial(PartialRow row);

  [[nodiscard]] bool empty() const { return values_ == 0 && partials_ == 0; }
  [[nodiscard]] bool full() const { return values_ >= kValuesMax || bytes_ >= bytes_max_; }
  // What was gathered, with handles for series; empty afterwards. One block, but for the above.
  std::vector<Block> take();

 private:
  struct Key {
    std::vector<std::uint32_t> series;
    bool copy;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // Columns [first, last) of a row.
  struct Piece {
    std::size_t first;
    std::size_t last;
    std::size_t bytes;  // at worst
    bool any;           // values to keep
  };
  static Piece piece_of(const Group& group, std::size_t row, std::size_t first,
                        const std::vector<std::size_t>& value_at, const std::vector<bool>& keep);
  static bool is_of(const Group& group, const Group& like, const Piece& piece);
  Group& group_for(const Group& like, const Piece& piece);
  void make_room(std::size_t columns);
  void next_block();
  void end_block();

  std::vector<Block> blocks_;  // the last one is being filled
  std::map<Key, std::size_t> by_key_;  // groups of the last
  std::map<Key, std::size_t> before_;  // values a column of those before: reserved
  std::vector<std::uint32_t> guess_;   // by first series: its last group, maybe of another block
  struct {
    std::size_t values = 0, bytes = 0, columns = 0, cells = 0;
  } last_;
  std::size_t bytes_max_ = kBytesMax;
  std::size_t block_bytes_max_ = kBlockBytesMax;
  std::size_t values_ = 0;
  std::size_t bytes_ = 0;
  std::size_t partials_ = 0;
};

// The dictionaries of this start: gives each series its place, once, and says which dictionaries
// are new. A block's columns are renumbered from handles to places in the block's own list.
class DictionaryBook {
 public:
  // Labels that the configuration gives: to every series, and to those of one source.
  void label(std::map<std::string, std::string> all) {
    labels_ = std::move(all);
    ++labelled_;
  }
  void label(const std::string& source, std::map<std::string, std::string> labels) {
    source_labels_[source] = std::move(labels);
    ++labelled_;
  }
  // What of a series is left out of raw rows: SeriesDescription::deadband.
  using Deadband = std::function<std::optional<double>(const SeriesDescription&)>;
  void thin(Deadband deadband) { deadband_ = std::move(deadband); }
  // Rewrites Column::series and PartialRow::series of `block` and fills block.dictionaries. Series
  // that became known one by one lie in many dictionaries; a block that would name more than
  // kNamedMax gets them gathered into few.
  static constexpr std::size_t kNamedMax = 512;
  void translate(Block& block, const source::SeriesTable& table);
  // Dictionaries made since the last call; they go into the same flush as the block.
  std::vector<DictionaryPtr> take_new();

 private:
  struct Place {
    std::uint32_t dictionary;
    std::uint32_t index;
    std::uint32_t version;   // of the table's description that it was made of
    std::uint32_t labelled;  // labels_ and source_labels_ then
  };
  [[nodiscard]] SeriesDescription described(std::uint32_t handle,
                                            const source::SeriesTable& table) const;
  void add(std::span<const std::uint32_t> handles, const source::SeriesTable& table);
  void gather(const Block& block, const source::SeriesTable& table);
  void describe_anew(const Block& block, const source::SeriesTable& table);

  std::map<std::string, std::string> labels_;
  std::map<std::string, std::map<std::string, std::string>> source_labels_;
  Deadband deadband_ = [](const SeriesDescription&) { return std::nullopt; };
  std::uint32_t labelled_ = 0;  // calls of label()
  std::vector<DictionaryPtr> dictionaries_;
  std::vector<Place> places_;  // by handle
  std::vector<DictionaryPtr> fresh_;
};

}  // namespace tidemark::pipeline
