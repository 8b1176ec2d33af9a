// Makes less of blocks that wait while room runs out (semantics A3): one block of several, and in
// place of raw rows partials of 1 s, then of 1 min, for those panes in which that saves room.
//
// Promise    a block made here carries exactly the readings of those that it replaces. Partials are
//            made of good, uncertain and bad values alike (window::Partial counts them apart); text
//            stays raw, and so does every series that a rule puts into windows. Rows that are
//            copies (context of an anomaly, events) stay as they are.
// Order      a pane of a series is made once in this start (the cloud keeps one partial of a pane
//            and replaces it); rows that come later for it stay raw, and the cloud adds both.
// Bounds     one block: kValuesMax values go into it. The memory of panes is one time a series and
//            level.
// Packing    tier standard, whatever live data is packed by: room is what is short.
// Threads    one (the pipeline's).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/codec/codec.h"
#include "common/model/record.h"
#include "edge/pipeline/collector.h"
#include "edge/pipeline/route.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::pipeline {

// Readings by what has become of them; a reading can pass through all three.
struct Compacted {
  std::uint64_t merged = 0;
  std::uint64_t seconds = 0;
  std::uint64_t minutes = 0;
};

class Compaction {
 public:
  // A pane with fewer readings than this costs less as raw rows.
  static constexpr std::uint64_t kPaneReadingsMin = 24;
  // Less than an eighth saved is not worth the writing.
  static constexpr std::size_t kSavedShare = 8;

  using Dictionaries = std::function<DictionaryPtr(DictionaryHash)>;
  Compaction(std::string edge, std::vector<Rule> rules, Dictionaries dictionaries)
      : edge_(std::move(edge)), rules_(std::move(rules)), dictionaries_(std::move(dictionaries)) {}

  // One record, without a name, in place of the first few of `from`, which are of one reduction and
  // lane and in the order of the ring. Nothing when it would save too little. The next call, or
  // taken(), decides about it.
  std::optional<BlockRecord> make(const std::vector<BlockRecord>& from);
  // The ring has the last one.
  void taken();

  [[nodiscard]] const Compacted& counts() const { return counts_; }

 private:
  static constexpr std::size_t kLevels = 2;  // partials of 1 s and 1 min
  struct Series {
    DictionaryHash dictionary;
    std::uint32_t index = 0;
    std::uint32_t identity = 0;  // of the series, whichever dictionaries name it
    ValueType type = ValueType::f64;
    bool reducible = false;
  };
  struct Pane;
  using Panes = std::map<std::pair<std::uint32_t, std::int64_t>, Pane>;  // identity, start

  std::optional<BlockRecord> make(std::span<const Block> blocks, Reduction to);
  bool bind(const std::vector<BlockRecord>& from);
  bool bind(Block& block);
  std::uint32_t identity_of(const SeriesDescription& d);
  [[nodiscard]] bool open(std::uint32_t identity, std::size_t level, std::int64_t start) const;
  Panes gather(std::span<const Block> blocks, std::size_t level) const;
  void keep_rows(const Group& group, const Panes& panes, Nanoseconds size, Collector& out) const;
  std::optional<ByteVector> encode(std::vector<Block> blocks);

  std::string edge_;
  std::vector<Rule> rules_;
  Dictionaries dictionaries_;
  std::map<std::string, std::uint32_t> identities_;
  std::vector<std::array<std::int64_t, kLevels>> made_until_;  // by identity: starts below are made
  Compacted counts_;

  // Of the run at hand.
  std::vector<Block> blocks_;     // with handles in place of series
  std::vector<Series> series_;    // by handle
  std::map<std::pair<DictionaryHash, std::uint32_t>, std::uint32_t> handles_;
  std::vector<std::pair<std::uint32_t, std::int64_t>> pending_until_;  // identity, end of pane
  Reduction pending_level_ = Reduction::none;
  std::uint64_t pending_readings_ = 0;
};

}  // namespace tidemark::pipeline
