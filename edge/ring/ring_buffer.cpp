#include "edge/ring/ring_buffer.h"

#include <atomic>
#include <mutex>

#include "common/base/log.h"
#include "edge/ring/contents.h"
#include "edge/ring/recovery.h"
#include "edge/ring/resize.h"
#include "edge/ring/ring_file.h"
#include "edge/ring/writer.h"

namespace tidemark::ring {
namespace {

// The catalogue is a cache, and a commit of it costs as much flash as a small flush: what came
// since the last one is read from ring.dat at a start, and segments say releases too.
constexpr std::uint64_t kCommitSegments = 256;
constexpr std::uint64_t kCommitReleases = 256;

// Locks, in the order in which they are taken: sync_lock_ (one sync at a time), write_lock_ (the
// head of the ring), state_lock_ (catalogue and state; never held over a write or sync of
// ring.dat).
class StoredRing final : public RingBuffer {
 public:
  StoredRing(std::unique_ptr<RingFile> file, std::unique_ptr<Catalogue> catalogue)
      : file_(std::move(file)), contents_(std::move(catalogue)) {}

  Result<> start(const Options& options) {
    configured_ = options.capacity;
    contents_.state().set_room(file_->geometry().segment_max());
    Recovery recovery(*file_, contents_);
    TIDE_ASSIGN(const auto found, recovery.run());
    // What was found counts from now on, so it must not depend on a page cache.
    if (found.tip) TIDE_TRY(file_->sync());
    writer_ = std::make_unique<Writer>(*file_, contents_, state_lock_, found);
    TIDE_TRY(take_staged(options.staged, found.journal));
    const auto read_to = writer_->durable_position().journal;
    contents_.begin(options.incarnation, options.now,
                    options.journal != 0 && read_to != 0 && read_to != options.journal,
                    options.journal);
    if (found.tip) recovered_.journal = writer_->durable_position();
    if (recovered_.journal == journal::Position{}) recovered_.journal.reset();
    TIDE_TRY(until_written([&] { return writer_->write_control(true); }));
    TIDE_TRY(sync());
    contents_.take_evicted();  // of earlier incarnations: in their Past
    recovered_.past = contents_.state().past();
    recovered_.ledger = contents_.state().ledger_of_past();
    recovered_.dictionaries = contents_.state().dictionaries();
    recovered_.start_ordinal = contents_.ordinal();
    recovered_.uncounted_from = contents_.current().uncounted_from;
    recovered_.settled = contents_.state().settled;
    recovered_.catalogue_rebuilt = found.rebuilt;
    recovered_.blocks_damaged = contents_.blocks_damaged();
    if (found.damaged > 0) log::error("ring has damaged segments", "segments={}", found.damaged);
    return contents_.commit();
  }

  [[nodiscard]] const Recovered& recovered() const override { return recovered_; }

  [[nodiscard]] Sequence next_sequence() const override {
    const std::scoped_lock lock(state_lock_);
    return Sequence{contents_.current().last + 1};
  }

  [[nodiscard]] std::uint64_t flush_max() const override {
    return file_->geometry().segment_max() - file_->geometry().control_max() -
           kSegmentHeaderBytes;
  }

  Result<> append(const Flush& flush) override {
    SegmentContent part;
    part.journal = flush.journal;
    auto next = next_sequence().count;
    if (flush.acknowledged_before >= next) {
      SequenceRanges skipped;
      skipped.add(SequenceRange{next, flush.acknowledged_before});
      const std::scoped_lock lock(state_lock_);
      part.add(RecordType::skipped,
               encode_ranges(contents_.current().incarnation, skipped));
      next = flush.acknowledged_before + 1;
    }
    for (const auto& d : flush.dictionaries) part.add(RecordType::dictionary, d->bytes());
    for (const auto& block : flush.blocks) {
      TIDE_CHECK(block.name.sequence.count == next++, "sequences of a flush follow on");
      part.add(block);
    }
    if (flush.seal.number != 0) {
      ByteVector seal;
      ByteWriter out(seal);
      flush.seal.encode(out);
      part.add(RecordType::seal, seal);
    }
    return until_written([&] { return writer_->write(part); });
  }

  Result<> sync() override {
    const std::scoped_lock one(sync_lock_);
    for (int attempt = 0;; ++attempt) {
      std::uint64_t number = 0;
      {
        const std::scoped_lock lock(write_lock_);
        if (writer_->all_synced()) return {};
        TIDE_ASSIGN(number, writer_->sync_begin());
      }
      ++syncs_;
      auto synced = file_->sync();
      const std::scoped_lock lock(write_lock_);
      if (synced.ok()) {
        writer_->sync_good(number);
        return commit_if_due();
      }
      writer_->sync_failed();
      if (attempt == 1) return synced;
    }
  }

  [[nodiscard]] journal::Position durable_position() const override {
    const std::scoped_lock lock(write_lock_);
    return writer_->durable_position();
  }

  Evicted take_evicted() override {
    const std::scoped_lock lock(state_lock_);
    return contents_.take_evicted();
  }

  std::vector<Stored> next_to_go(const SequenceRanges& skip) override {
    const std::scoped_lock lock(write_lock_, state_lock_);
    const auto needed = contents_.first_needed();
    if (!needed || !needed->has_value() ||
        writer_->room_before(*needed) >= file_->geometry().reserve()) {
      return {};
    }
    return listed(contents_.next_to_go(skip));
  }

  Result<> offer(Sequence sequence) override {
    bool unmarked = false;
    {
      const std::scoped_lock lock(write_lock_);
      unmarked = writer_->raise_offered(sequence.count);
    }
    if (unmarked) {
      TIDE_TRY(until_written([&] { return writer_->write_control(false); }));
      TIDE_TRY(sync());
    }
    const std::scoped_lock lock(state_lock_);
    if (contents_.offer(sequence)) return {};
    return Error{Fault::denied, "block " + std::to_string(sequence.count) +
                                    ": another one carries its readings"};
  }

  std::vector<Stored> unreleased(
      Order order, std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    const std::scoped_lock lock(state_lock_);
    return listed(contents_.unreleased(order, limit, skip));
  }

  std::vector<Stored> alarms(
      std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    const std::scoped_lock lock(state_lock_);
    return listed(contents_.alarms(limit, skip));
  }

  Result<BlockRecord> read(BlockName name) override {
    const auto text = "block " + std::to_string(name.sequence.count);
    TIDE_ASSIGN(const auto place, find(name));
    if (!place) return Error{Fault::unavailable, text + ": no longer in the ring"};
    // Twice: what a medium cannot read at once it often can after its own retries.
    for (int attempt = 0; attempt < 2; ++attempt) {
      ByteVector bytes(place->stored);
      if (auto done = file_->read(place->at, bytes); !done) {
        log::error("ring cannot read a block", "sequence={} error={}", name.sequence.count,
                   done.error().text());
        continue;
      }
      ByteReader in(bytes);
      auto record = BlockRecord::decode(in);
      // The checksum is over the name too: other bytes that lie there now cannot pass for it.
      if (record.ok() && in.done() && record->name == name) return record;
    }
    TIDE_ASSIGN(const auto now, find(name));
    if (!now) return Error{Fault::unavailable, text + ": overwritten while it was read"};
    if (now->at != place->at) return read(name);  // written again elsewhere after a fault
    const std::scoped_lock lock(state_lock_);
    TIDE_ASSIGN(const auto row, contents_.find(name));
    if (row) TIDE_TRY(contents_.evict_block(*row));
    return Error{Fault::corrupt, text + ": it cannot be read, and is counted as evicted"};
  }

  void give_up(BlockName name) override {
    const std::scoped_lock lock(state_lock_);
    contents_.give_up(name);
  }

  Result<> release(Incarnation incarnation, const SequenceRanges& acknowledged) override {
    const std::scoped_lock lock(state_lock_);
    TIDE_TRY(contents_.release(incarnation, acknowledged));
    return contents_.releases_uncommitted() >= kCommitReleases ? contents_.commit() : Result<>();
  }

  Result<> seals_acknowledged(Incarnation incarnation, std::uint64_t number) override {
    const std::scoped_lock lock(state_lock_);
    contents_.seals_acknowledged(incarnation, number);
    return {};
  }

  std::vector<Seal> past_seals() override {
    const std::scoped_lock lock(state_lock_);
    return contents_.state().past_seals();
  }

  DictionaryPtr dictionary(DictionaryHash hash) override {
    const std::scoped_lock lock(state_lock_);
    return contents_.state().dictionary(hash);
  }

  [[nodiscard]] Usage usage() const override {
    Usage usage;
    {
      const std::scoped_lock lock(state_lock_);
      usage = contents_.usage();
    }
    const std::scoped_lock lock(write_lock_);
    usage.capacity = Bytes{file_->geometry().end()};
    usage.configured = configured_;
    usage.bytes_written = writer_->bytes_written();
    usage.syncs = syncs_;
    return usage;
  }

  void note_end() override {
    const std::scoped_lock lock(state_lock_);
    contents_.current().ended = true;
  }

  Result<> close() override {
    // Releases and evictions since the last flush: with them in the ring, a lost catalogue costs
    // nothing but the scan.
    TIDE_TRY(until_written([&] { return writer_->write_control(false); }));
    TIDE_TRY(sync());
    const std::scoped_lock lock(write_lock_, state_lock_);
    return contents_.commit();
  }

 private:
  // Under the numbers that they had. What is here already is passed over, and what says less of the
  // journal than the ring does (`at`).
  Result<> take_staged(const std::vector<Flush>& staged, journal::Position at) {
    if (staged.empty() || !contents_.resume(staged.front().seal.incarnation)) return {};
    std::uint64_t blocks = 0;
    for (const auto& flush : staged) {
      auto next = next_sequence();
      const bool here = !flush.blocks.empty() && flush.blocks.front().name.sequence < next;
      const bool behind = flush.journal.journal == at.journal && flush.journal.offset <= at.offset;
      if (here || behind) continue;
      at = flush.journal;
      auto whole = flush;
      if (!flush.blocks.empty()) {
        whole.acknowledged_before = flush.blocks.front().name.sequence.count - 1;
        // No segment has a gap in it, nor one that is written again after a fault.
        if (whole.acknowledged_before >= next.count) TIDE_TRY(sync());
      }
      TIDE_TRY(append(whole));
      blocks += flush.blocks.size();
    }
    log::info("what a killed agent had staged is in the ring", "blocks={}", blocks);
    return sync();
  }

  static std::vector<Stored> listed(Result<std::vector<Stored>> found) {
    if (found.ok()) return std::move(found).value();
    log::error("ring catalogue cannot be read", "error={}", found.error().text());
    return {};
  }
  struct At {
    std::uint64_t at = 0;
    std::uint64_t stored = 0;
  };
  Result<std::optional<At>> find(BlockName name) {
    const std::scoped_lock lock(state_lock_);
    TIDE_ASSIGN(const auto row, contents_.find(name));
    if (!row) return std::optional<At>{};
    TIDE_ASSIGN(const auto segment, contents_.catalogue().segment(row->segment));
    if (!segment) return std::optional<At>{};
    return std::optional(At{segment->at + row->offset, row->meta.stored});
  }

  // A write may need room that the next sync frees, twice at most: once for unsynced segments, once
  // for the segment that declares the room.
  template <typename Write>
  Result<> until_written(Write write) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      {
        const std::scoped_lock lock(write_lock_);
        TIDE_ASSIGN(const auto outcome, write());
        if (outcome == Writer::Outcome::written) return {};
      }
      TIDE_TRY(sync());
    }
    return Error{Fault::unavailable, "ring: no room could be made"};
  }

  Result<> commit_if_due() {  // under the write lock
    if (writer_->numbers_used() - committed_ < kCommitSegments) return {};
    committed_ = writer_->numbers_used();
    const std::scoped_lock lock(state_lock_);
    // The catalogue can be rebuilt, so a fault here must not stop the ring.
    if (auto done = contents_.commit(); !done) {
      log::warning("ring catalogue cannot be committed", "error={}", done.error().text());
    }
    return {};
  }

  std::mutex sync_lock_;
  mutable std::mutex write_lock_;
  mutable std::mutex state_lock_;
  std::unique_ptr<RingFile> file_;
  mutable Contents contents_;
  std::unique_ptr<Writer> writer_;
  Recovered recovered_;
  Bytes configured_;
  std::uint64_t committed_ = 0;  // highest number at the last commit
  std::atomic<std::uint64_t> syncs_ = 0;
};

Result<std::unique_ptr<Catalogue>> open_catalogue(const std::filesystem::path& path,
                                                  std::uint64_t id) {
  auto catalogue = Catalogue::open(path, id);
  if (catalogue.ok()) return catalogue;
  const auto fault = catalogue.error().fault();
  if (fault != Fault::corrupt && fault != Fault::unsupported) return catalogue;
  log::warning("ring catalogue is made anew", "error={}", catalogue.error().text());
  Catalogue::remove(path);
  return Catalogue::open(path, id);
}

struct Parts {
  std::unique_ptr<RingFile> file;
  std::unique_ptr<Catalogue> catalogue;
};

Result<Parts> open_parts(const Options& options, Disk& disk) {
  auto file = RingFile::open(options.folder / "ring.dat", options.capacity, disk);
  if (!file) {
    if (file.error().fault() == Fault::corrupt) {
      std::error_code failed;
      std::filesystem::rename(options.folder / "ring.dat", options.folder / "ring.dat.damaged",
                              failed);
    }
    return std::move(file).error();
  }
  TIDE_ASSIGN(auto catalogue, open_catalogue(options.folder / "ring.db", file.value()->id()));
  return Parts{std::move(file).value(), std::move(catalogue)};
}

// Those of the ring with the capacity that is asked for, or, as long as it cannot have that, as it
// is.
Result<Parts> open_resized(const Options& options, Disk& disk) {
  TIDE_ASSIGN(auto parts, open_parts(options, disk));
  const auto has = parts.file->geometry().end();
  const auto asked = Geometry(options.capacity.count).end();
  if (has == asked) return parts;
  bool done = false;
  if (options.staged.empty()) {
    Contents contents(std::move(parts.catalogue));
    TIDE_ASSIGN(done, resize(options.folder, options.capacity, *parts.file, contents, disk));
  }
  if (done) {
    log::info("ring has another size now", "was={} is={}", has, asked);
  } else {
    log::warning("ring keeps its size until a start at which nothing waits in it",
                 "is={} configured={}", has, asked);
  }
  parts = {};
  return open_parts(options, disk);
}

}  // namespace

Result<std::unique_ptr<RingBuffer>> RingBuffer::open(const Options& options, Disk& disk) {
  const auto place = "open ring " + options.folder.string();
  if (options.capacity < kCapacityMin) {
    return Error{Fault::bad_input, "ring.size: " + std::to_string(options.capacity.count) +
                                       " B is below the 1 MiB minimum"};
  }
  TIDE_TRY(make_folder(options.folder));
  auto parts = open_resized(options, disk);
  if (!parts) return std::move(parts).error().within(place);
  auto ring = std::make_unique<StoredRing>(std::move(parts->file), std::move(parts->catalogue));
  if (auto started = ring->start(options); !started) {
    return std::move(started).error().within(place);
  }
  return std::unique_ptr<RingBuffer>(std::move(ring));
}

}  // namespace tidemark::ring
