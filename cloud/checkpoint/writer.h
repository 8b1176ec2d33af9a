// Writes checkpoints of a partition's cloud.db into the topic PREFIX.checkpoints, so that another
// node can take over from there instead of from the start of retention.
//
// Promise    a marker is written only once the brokers have every piece that it names; until then
//            the generation before it can be restored. The file is copied as of one commit, while
//            the partition goes on.
// Cadence    every `every` at most, while the input moves; and a checkpoint takes no more than a
//            twentieth of the time.
// Owner      while `holds` says no, none is begun and no marker is written.
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
  Result<> send(ByteSpan key, ByteSpan value);
  Result<> finish();
  [[nodiscard]] bool may() const { return !stopping_ && (!options_.holds || options_.holds()); }

  const WriterOptions options_;
  const Clock& clock_;
  std::optional<Marker> newest_;
  std::unique_ptr<kafka::Producer> producer_;  // of one generation
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  Written written_;
  std::string problem_;
  std::thread thread_;
};

}  // namespace tidemark::checkpoint
