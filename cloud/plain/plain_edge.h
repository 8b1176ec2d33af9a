// What an edge would make of plain readings, for who has none: dictionaries, blocks and seals of an
// edge that is nowhere, so that all behind the intake is the same. Plain state: no I/O.
//
// Promise    flush() says all that was taken, in numbers that rise without a gap; who commits
//            state() with it, and how far the readings' input was read, repeats and loses nothing.
// Series     EDGE/device/metric, cleaned as an edge's names are; of one name, whatever its
//            readings' way, one for each type of values: what came first decides nothing. Their
//            poll class is kEstimatedClass: of seals nobody counts minutes, and none is a proof.
// Repeats    with `once`, what a series has of several hours goes into blocks of an hour each, of
//            longer stretches past kHoursMax: each is compared with what is archived of its time,
//            and one that would be with too much takes no other readings along.
// When full  full(): flush. A reading of one series more than kSeriesMax is refused.
// Threads    one.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/plain/plain_reading.h"
#include "cloud/plain/sent_names.h"
#include "common/base/result.h"
#include "common/base/row_order.h"
#include "common/codec/codec.h"
#include "common/model/block.h"
#include "common/model/record.h"
#include "common/model/series.h"
#include "common/wire/frame.h"

namespace tidemark::plain {

class PlainEdge {
 public:
  static constexpr std::size_t kSeriesMax = 50'000;
  static constexpr std::uint64_t kStart = 1;  // its ordinal: there is one start for ever
  static constexpr std::size_t kReadingsMax = 131'072;  // of a flush, about
  static constexpr std::size_t kTextBytesMax = 8 << 20;  // of a flush
  static constexpr std::size_t kHoursMax = 64;  // of a flush, in blocks of their own
  // Of one series, about: its rows are a group of a block.
  static constexpr std::size_t kRowsMax = codec::kRowsMax / 2;

  struct Options {
    std::string name;    // of the edge
    std::string source;  // of all of its series; the device of those that name none
    bool once = false;   // a reading that comes again with its series, time and value is a repeat
  };
  // What is committed with a flush.
  struct State {
    Incarnation incarnation;
    std::uint64_t next = 1;    // the number of the next block
    std::uint64_t seals = 0;   // that were said
    std::uint64_t taken = 0;   // readings
    EventTime until = kEventTimeMin;  // of the last seal
  };

  // Goes on from there.
  PlainEdge(Options options, State state);

  // Before the first reading: series of earlier starts. They are described together and in one
  // order, so that another start makes the same dictionaries, not as many again.
  void know(std::vector<SeriesDescription> series);
  // To be said first, at every start.
  [[nodiscard]] wire::Frame hello() const;
  // Fault::bad_input says why it cannot be taken.
  Result<> take(const PlainReading& reading);
  [[nodiscard]] bool empty() const { return readings_ == 0; }
  [[nodiscard]] bool full() const { return full_ || readings_ >= room_; }
  // In the order in which they are to be said. All before `until` is complete, as is estimated.
  std::vector<wire::Frame> flush(EventTime until);
  // All that blocks of the last flush may name, for who has forgotten one of them.
  [[nodiscard]] std::vector<wire::Frame> dictionaries() const;
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] std::size_t series() const { return series_.size(); }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kNamedMax = 512;      // dictionaries; beyond, few are made of them
  static constexpr std::size_t kRowsKept = 4096;     // room for them
  struct Series {
    SeriesDescription description;
    std::uint32_t dictionary = kNone;
    std::uint32_t place = 0;  // in it
    Group gathered;           // one column
  };
  struct Named {  // the next so many of series_
    DictionaryHash hash;
    std::uint32_t series = 0;
  };
  Result<std::uint32_t> series_of(const PlainReading& reading);
  Result<std::uint32_t> add_series(const PlainReading& reading);
  std::uint32_t put_series(std::string name, SeriesDescription description);
  void describe(std::vector<wire::Frame>& out);
  [[nodiscard]] Dictionary dictionary_of(std::size_t first, std::size_t n) const;
  // Of all that was gathered of these series.
  void say_of(std::span<const std::uint32_t> all, std::vector<wire::Frame>& out);
  // Of series of several hours, which are touched no longer.
  void say_by_hours(std::vector<wire::Frame>& out);
  void put_in_order(Group& group);
  Block block_of(std::span<const std::uint32_t> part);
  void give_back(std::span<const std::uint32_t> part, Block& block);
  // As one block or, where it would be too large, as several.
  void pack(Block& block, std::vector<wire::Frame>& out);
  void say(const Block& block, ByteVector bytes, std::vector<wire::Frame>& out);
  wire::Frame seal();

  const Options options_;
  State state_;
  std::vector<Series> series_;
  SentNames by_sent_;
  std::unordered_map<std::string, std::uint32_t> by_name_;  // local_name(), type
  std::vector<std::uint32_t> touched_;
  RowOrder order_;
  std::size_t described_ = 0;  // of series_, those that lie in dictionaries
  std::vector<Named> dictionaries_;
  codec::Memories memories_;
  std::size_t readings_ = 0;
  std::size_t text_bytes_ = 0;
  std::size_t room_;  // readings that one block takes, going by the last
  bool full_ = false;
};

}  // namespace tidemark::plain
