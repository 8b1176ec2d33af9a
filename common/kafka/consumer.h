// Records from Kafka: partitions of one topic, assigned by hand, from positions that the caller
// keeps. It joins no group and commits nothing at the brokers.
//
// Promise    records of one partition come in their order. Where a position is not there (retention
//            has passed it, or the topic is another one) reading goes on at the oldest record, or,
//            by Options::tail, behind the newest: the offsets say so.
// Bounds     queue_bytes_max and queue_records_max of what is fetched and not yet polled, of all
//            partitions that are read; by one fetch more.
// Threads    one. The library has threads of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

struct ConsumerOptions {
  std::string topic;
  // The offset to begin with, by partition; kNotRead: that one is for somebody else.
  static constexpr std::int64_t kNotRead = -1;
  std::vector<std::int64_t> from;
  bool tail = false;  // only what comes from now on: `from` says how many partitions, no more
  std::uint64_t queue_bytes_max = 16 << 20;
  // Records, likewise, at about 400 B each. The library (2.0.2) looks at a queue that was full only
  // once a second, or when something else happens: of small records this is what can be read in
  // that time.
  std::uint64_t queue_records_max = 100'000;
  // Where fewer records wait and more did, poll_many() asks the leaders of the partitions for their
  // ends, for at most 100 ms and a tenth of the time, so that something happens. 0: it does not.
  std::uint64_t queue_records_low = 0;
  std::uint64_t fetch_bytes_of_partition = 2 << 20;  // one record at least
  int event = -1;  // an eventfd of the caller, who keeps it longer and reads it

  static std::vector<std::int64_t> none_of(int partitions);
  // One partition alone, with a share of the bound: the others may be read here as well.
  static ConsumerOptions of_one(std::string topic, int partitions, int partition,
                                std::int64_t from);
};
// Valid while the call lasts that hands it out.
struct Record {
  int partition = 0;
  std::int64_t offset = 0;
  EventTime appended{};  // as the broker stamped it, to the ms; 1970: it did not
  std::string_view key;
  ByteSpan value;
  std::vector<std::pair<std::string_view, std::string_view>> headers;

  [[nodiscard]] std::string_view header(std::string_view name) const;  // empty: it is not there
};

class Consumer {
 public:
  // Reaches nobody yet. Fault::bad_input for settings that do not fit together.
  static Result<std::unique_ptr<Consumer>> open(const Settings& settings, ConsumerOptions options);
  virtual ~Consumer() = default;

  // Hands out the next record, if one has been fetched.
  virtual bool poll(const std::function<void(const Record&)>& take) = 0;
  // Up to `most` records that have been fetched, without their headers; how many.
  virtual std::size_t poll_many(std::size_t most,
                                const std::function<void(const Record&)>& take) = 0;
  // All that is known to be there of a partition has been polled.
  [[nodiscard]] virtual bool read_to_its_end(int partition) const = 0;
  // The offset behind all of a partition that has been polled, or that is known to hold no record.
  [[nodiscard]] virtual std::int64_t next_of(int partition) const = 0;
  // The offset of the oldest record that a partition is known to keep; 0: nothing is known.
  [[nodiscard]] virtual std::int64_t oldest_of(int partition) const = 0;
  // Every partition that is read has been to its end once: what was there at the start has been
  // polled.
  [[nodiscard]] virtual bool at_end() const = 0;
  // The offsets of the oldest record of a partition and behind the last, asked of its leader, which
  // does not answer before it knows that it has all that was acknowledged.
  struct Extent {
    std::int64_t oldest = 0, end = 0;
  };
  virtual Result<Extent> extent_of(int partition, std::chrono::milliseconds within) = 0;
  // Records that are known to be there and have not been polled.
  [[nodiscard]] virtual std::uint64_t behind() const = 0;
  // Empty: nothing is wrong that is known.
  [[nodiscard]] virtual std::string problem() const = 0;
};

}  // namespace tidemark::kafka
