#include "cloud/checkpoint/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <unordered_set>

#include "cloud/store/rows.h"
#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/base/disk.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/codec/packing.h"

namespace tidemark::checkpoint {
namespace {

constexpr int kLevel = 1;     // of zstd
constexpr int kTimeShare = 20;  // one part of so many is for checkpoints
constexpr std::chrono::milliseconds kWithin{30'000};
constexpr std::chrono::milliseconds kFinishTurn{100};
constexpr std::chrono::milliseconds kRoomTurn{5};

class Copy {  // a file that goes with it
 public:
  explicit Copy(std::filesystem::path path) : path_(std::move(path)) { remove(); }
  ~Copy() { remove(); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  std::filesystem::path path_;
};

}  // namespace

Writer::Writer(WriterOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      newest_(options_.newest),
      there_(options_.pieces) {
  if (newest_) written_.at = newest_->at;
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void Writer::run() {
  Nanoseconds pause = options_.every;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (woken_.wait_for(lock, pause, [this] { return stopping_.load(); })) return;
    }
    if (!may()) continue;
    const auto begun = clock_.steady();
    const auto worked_before = clock_.thread_cpu();
    const auto done = write();
    const auto took = clock_.steady() - begun;
    const auto worked = clock_.thread_cpu() - worked_before;
    // What it waits for is no work; but brokers that are slow, or refuse, are let be.
    pause = std::max(options_.every, done ? std::max<Nanoseconds>(took, worked * (kTimeShare - 1))
                                          : took * (kTimeShare - 1));
    producer_.reset();
    if (!done) {  // nobody knows which of them are there
      for (const auto piece : sent_) {
        there_.erase(piece);
        dying_.insert(piece);
      }
    }
    sent_.clear();
    const std::lock_guard lock(mutex_);
    const auto text = done ? "" : done.error().text();
    if (!text.empty() && text != problem_ && !stopping_) {
      log::warning("no checkpoint was written; the last one stays", "partition={} error={}",
                   options_.partition, text);
    }
    problem_ = text;
  }
}

Result<bool> Writer::write() {
  const Copy copy(options_.data_dir / "checkpoint.tmp");
  Marker marker;
  marker.layout = options_.layout;
  marker.number = newest_ ? newest_->number + 1 : 1;
  marker.at = clock_.wall();
  {
    TIDE_ASSIGN(const auto db, store::open_reader(store::database_path(options_.data_dir)));
    store::SmallRows small(*db);
    // Before the copy: that is of then or later.
    marker.live = small.meta(position_name(options_.layout, "live", options_.partition));
    marker.backlog = small.meta(position_name(options_.layout, "backlog", options_.partition));
    marker.partials = small.meta(position_name(options_.layout, "partials", options_.partition));
    marker.archive = store::ArchivePosition{small.meta(store::kArchiveEnd)}.bytes();
    TIDE_TRY(db->fault());
    // A partition without edges may put groups together.
    const bool moved = !newest_ || newest_->live != marker.live ||
                       newest_->backlog != marker.backlog || newest_->partials != marker.partials;
    if (!moved) return false;
    if (newest_ && marker.live < newest_->live) {
      return Error{Fault::unavailable, "the newest checkpoint is ahead of this node's store, which "
                                       "reads on"};
    }
    marker.version = store::kSchemaVersion;
    TIDE_TRY(db->copy_to(copy.path(), [this] { return may(); }));
  }
  SystemDisk disk;
  TIDE_ASSIGN(const auto file, disk.open(copy.path()));
  TIDE_ASSIGN(marker.bytes, file->size());
  TIDE_ASSIGN(producer_, kafka::Producer::open(options_.settings,
                                               {.queue_bytes_max = 16 << 20,
                                                .patience = kWithin,
                                                .topics = {options_.settings.checkpoints()}}));
  TIDE_TRY(send_pieces(*file, marker));
  TIDE_TRY(finish());
  if (!may()) return Error{Fault::denied, "the partition may be another node's"};
  TIDE_TRY(send(as_bytes(kMarkerKey), marker.encode()));
  TIDE_TRY(finish());
  {
    const std::lock_guard lock(mutex_);
    ++written_.generations;
    written_.at = marker.at;
  }
  newest_ = std::move(marker);
  sent_.clear();
  TIDE_TRY(delete_unnamed(*newest_));
  return true;
}

// They go when the brokers compact.
Result<> Writer::delete_unnamed(const Marker& marker) {
  const std::unordered_set<std::uint64_t> named(marker.pieces.begin(), marker.pieces.end());
  for (const auto piece : dying_) {
    if (named.contains(piece)) continue;
    if (!may()) return Error{Fault::denied, "the partition may be another node's"};
    there_.erase(piece);
    TIDE_TRY(send(as_bytes(key_of(piece)), {}));
  }
  dying_.clear();
  for (const auto piece : there_) {
    if (!named.contains(piece)) dying_.insert(piece);
  }
  return finish();
}

Result<> Writer::send_pieces(File& copy, Marker& marker) {
  const auto count = (marker.bytes + kPieceBytes - 1) / kPieceBytes;
  if (count > kPiecesMax) {
    return Error{Fault::full, fmt::format("the store of partition {} is larger than {} GiB, which "
                                          "is what a checkpoint can hold: more partitions, or a "
                                          "shorter retention, make it smaller",
                                          options_.partition,
                                          kPiecesMax * kPieceBytes >> 30)};
  }
  marker.pieces.reserve(count);
  ByteVector piece;
  for (std::size_t i = 0; i < count; ++i) {
    if (!may()) return Error{Fault::denied, "the partition may be another node's"};
    piece.resize(marker.size_of(i));
    TIDE_TRY(copy.read_at(i * kPieceBytes, piece));
    const auto hash = xxh3(piece);
    marker.pieces.push_back(hash);
    if (!there_.insert(hash).second) continue;
    sent_.push_back(hash);
    const auto packed = codec::pack(piece, kLevel);
    TIDE_TRY(send(as_bytes(key_of(hash)), packed));
    const std::lock_guard lock(mutex_);
    written_.bytes += packed.size();
  }
  return {};
}

Result<> Writer::send(ByteSpan key, ByteSpan value) {
  const auto topic = options_.settings.checkpoints();
  for (;;) {
    auto sent = producer_->send(topic, options_.partition, key, value, {}, 0);
    for (const auto& d : producer_->poll()) {
      if (d.fault) return *d.fault;
    }
    if (sent || sent.error().fault() != Fault::full || stopping_) return sent;
    std::this_thread::sleep_for(kRoomTurn);
  }
}

Result<> Writer::finish() {
  for (auto left = kWithin; left.count() > 0 && !stopping_; left -= kFinishTurn) {
    for (const auto& d : producer_->finish(kFinishTurn)) {
      if (d.fault) return *d.fault;
    }
    if (producer_->waiting() == 0) return {};
  }
  return Error{Fault::unavailable, "the brokers do not take a checkpoint in time"};
}

Written Writer::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

std::string Writer::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace tidemark::checkpoint
