// Writes checkpoints of a partition's cloud.db into the topic PREFIX.checkpoints, so that another
// node can take over from there instead of from the start of retention.
//
// Promise    a marker is written only once the brokers have every piece that it names; until then
//            the generation before it can be restored. The file is copied as of one commit, while
//            the partition goes on.
// Cadence    every `every` at most, while the input moves; and checkpoints take no more than a
//            twentieth of a core, of a partition, and half of the time, brokers included.
// Owner      while `holds` says no, none is begun and no marker is written; nor is one of a store
//            that is behind the newest marker.
// Deleted    is a piece one generation after it was named last: whoever stood still while another
//            took over takes nothing away that counts.
// Bounds     the disk takes a second cloud.db meanwhile; a file of more than kPiecesMax pieces has
//            no checkpoint, which problem() says.
// Threads    one of its own; the rest from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>

#include "cloud/checkpoint/marker.h"
#include "common/base/disk.h"
#include "common/kafka/producer.h"

namespace tidemark::checkpoint {

struct WriterOptions {
  kafka::Settings settings;
  std::string layout;  // Layout::id
  int partition = 0;
  std::filesystem::path data_dir;  // of the partition's store
  Nanoseconds every = std::chrono::minutes(1);
  std::function<bool()> holds = nullptr;  // empty: always
  std::optional<Marker> newest = std::nullopt;  // what the topic has
  std::unordered_set<std::uint64_t> pieces = {};  // that are there and not damaged
};

struct Written {  // since it was made
  std::uint64_t generations = 0;
  std::uint64_t bytes = 0;  // into Kafka, packed
  EventTime at{};           // of the newest one; 0: there is none
};

class Writer {
 public:
  Writer(WriterOptions options, const Clock& clock);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  [[nodiscard]] Written written() const;
  [[nodiscard]] std::string problem() const;  // of the last try; empty: none

 private:
  void run();
  // False: nothing has moved since the newest one.
  Result<bool> write();
  Result<> send_pieces(File& copy, Marker& marker);
  Result<> delete_unnamed(const Marker& marker);
  Result<> send(ByteSpan key, ByteSpan value);
  Result<> finish();
  [[nodiscard]] bool may() const { return !stopping_ && (!options_.holds || options_.holds()); }

  const WriterOptions options_;
  const Clock& clock_;
  std::optional<Marker> newest_;
  std::unordered_set<std::uint64_t> there_;  // pieces that the brokers have, named or not
  std::vector<std::uint64_t> sent_;          // of those, by the generation under way
  std::unordered_set<std::uint64_t> dying_;  // those that two markers in turn have not named
  std::unique_ptr<kafka::Producer> producer_;  // of one generation
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  Written written_;
  std::string problem_;
  std::thread thread_;
};

}  // namespace tidemark::checkpoint
