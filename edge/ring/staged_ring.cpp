#include "edge/ring/staged_ring.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "common/base/log.h"
#include "edge/ring/ring_state.h"
#include "edge/ring/stage_file.h"

namespace tidemark::ring {
namespace {

// An acknowledgement says that the link is up when it is of one of the newest so many blocks.
constexpr std::uint64_t kNewest = 8;
constexpr std::uint64_t kFileSlack = 1 << 20;  // of records that count no more

std::uint64_t bytes_of(const Flush& flush) {
  std::uint64_t bytes = 0;
  for (const auto& b : flush.blocks) bytes += stored_bytes(b);
  return bytes;
}

Stored stored_of(const BlockRecord& b) {
  return {b.name, b.time_min, b.time_max, b.readings, b.bytes.size(), b.alarm, b.reduction};
}

class StagedRing final : public RingBuffer {
 public:
  StagedRing(std::unique_ptr<RingBuffer> inner, Incarnation current, StageOptions options,
             Disk& stage_disk, const Clock& clock)
      : inner_(std::move(inner)),
        current_(current),
        options_(std::move(options)),
        clock_(clock),
        file_(options_.file, stage_disk),
        next_(inner_->next_sequence()),
        sealed_(clock.steady()) {}

  [[nodiscard]] const Recovered& recovered() const override { return inner_->recovered(); }
  [[nodiscard]] std::uint64_t flush_max() const override { return inner_->flush_max(); }
  [[nodiscard]] Sequence next_sequence() const override {
    const std::scoped_lock lock(lock_);
    return next_;
  }

  Result<> append(const Flush& flush) override {
    const std::scoped_lock lock(lock_);
    const auto bytes = bytes_of(flush);
    const bool plain = flush.dictionaries.empty() &&
                       std::ranges::all_of(flush.blocks, [](const BlockRecord& b) {
                         return b.reduction == Reduction::none;
                       });
    if (!linked_ || !plain || staged_bytes_ + bytes > kStageMax) {
      TIDE_TRY(spill());
      TIDE_TRY(write(flush));
      next_.count += flush.blocks.size();
      return {};
    }
    if (auto kept = file_.append(flush); !kept) {
      log::warning("the ring's stage cannot be written: the ring is", "error={}",
                   kept.error().text());
      TIDE_TRY(spill());
      TIDE_TRY(write(flush));
    } else {
      staged_.push_back({flush, clock_.steady(), {}, {}});
      for (const auto& b : flush.blocks) staged_.back().waiting.add(b.name.sequence);
      staged_bytes_ += bytes;
    }
    next_.count += flush.blocks.size();
    return {};
  }

  Result<> sync() override {
    {
      const std::scoped_lock lock(lock_);
      drop_acknowledged();
      const auto now = clock_.steady();
      const bool late = !staged_.empty() && now - staged_.front().at >= options_.hold;
      if (late) {
        linked_ = false;
        TIDE_TRY(spill());
      } else if (unwritten_seal_ && staged_.empty() && now - sealed_ >= kSealEvery) {
        TIDE_TRY(write_seal());
      }
    }
    return inner_->sync();
  }

  [[nodiscard]] journal::Position durable_position() const override {
    const std::scoped_lock lock(lock_);
    // What was dropped is at the cloud; of what was written before it the inner ring must say that
    // it is on the medium.
    const auto inner = inner_->durable_position();
    const bool synced = !written_ || inner == *written_;
    return dropped_ && synced ? *dropped_ : inner;
  }

  Evicted take_evicted() override { return inner_->take_evicted(); }
  std::vector<Stored> next_to_go(const SequenceRanges& skip) override {
    return inner_->next_to_go(skip);
  }

  Result<> offer(Sequence sequence) override {
    {
      const std::scoped_lock lock(lock_);
      for (auto& s : staged_) {
        if (s.waiting.contains(sequence)) s.offered.add(sequence);
      }
    }
    return inner_->offer(sequence);
  }

  std::vector<Stored> unreleased(
      Order order, std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    const std::scoped_lock lock(lock_);
    auto staged = waiting(skip, false);
    if (order == Order::newest_first) {
      std::reverse(staged.begin(), staged.end());
      if (staged.size() >= limit) staged.resize(limit);
      for (auto& s : inner_->unreleased(order, limit - staged.size(), skip)) staged.push_back(s);
      return staged;
    }
    auto all = inner_->unreleased(order, limit, skip);
    for (auto& s : staged) {
      if (all.size() < limit) all.push_back(s);
    }
    return all;
  }
  std::vector<Stored> alarms(
      std::size_t limit,
      const std::vector<std::pair<Incarnation, SequenceRanges>>& skip) override {
    const std::scoped_lock lock(lock_);
    auto all = inner_->alarms(limit, skip);
    for (auto& s : waiting(skip, true)) {
      if (all.size() < limit) all.push_back(s);
    }
    return all;
  }

  Result<BlockRecord> read(BlockName name) override {
    if (name.incarnation == current_) {
      const std::scoped_lock lock(lock_);
      for (const auto& s : staged_) {
        for (const auto& b : s.flush.blocks) {
          if (b.name == name) return b;
        }
      }
    }
    return inner_->read(name);
  }

  void give_up(BlockName name) override { inner_->give_up(name); }

  Result<> release(Incarnation incarnation, const SequenceRanges& acknowledged) override {
    if (incarnation == current_) {
      const std::scoped_lock lock(lock_);
      for (auto& s : staged_) {
        for (const auto& r : acknowledged.ranges()) s.waiting.remove(r);
      }
      linked_ = linked_ || acknowledged.highest().count + kNewest >= next_.count;
      drop_acknowledged();
    }
    return inner_->release(incarnation, acknowledged);
  }

  Result<> seals_acknowledged(Incarnation incarnation, std::uint64_t number) override {
    if (incarnation == current_) {
      const std::scoped_lock lock(lock_);
      said_.acknowledge(number);
    }
    return inner_->seals_acknowledged(incarnation, number);
  }
  std::vector<Seal> past_seals() override { return inner_->past_seals(); }
  DictionaryPtr dictionary(DictionaryHash hash) override { return inner_->dictionary(hash); }

  [[nodiscard]] Usage usage() const override {
    auto usage = inner_->usage();
    const std::scoped_lock lock(lock_);
    for (const auto& s : staged_) {
      for (const auto& b : s.flush.blocks) {
        if (!s.waiting.contains(b.name.sequence)) continue;
        ++usage.blocks_unreleased;
        usage.readings_unreleased += b.readings;
        if (usage.oldest_time == 0) usage.oldest_time = b.time_min;
      }
    }
    usage.bytes_staged = staged_bytes_;
    usage.bytes_spared = spared_;
    return usage;
  }

  void note_end() override { inner_->note_end(); }
  Result<> close() override {
    {
      const std::scoped_lock lock(lock_);
      drop_acknowledged();
      TIDE_TRY(spill());
      if (unwritten_seal_) TIDE_TRY(write_seal());
    }
    TIDE_TRY(inner_->close());
    StageFile::remove(options_.file);
    return {};
  }

 private:
  struct Staged {
    Flush flush;
    SteadyTime at;
    SequenceRanges waiting;  // of its blocks
    SequenceRanges offered;
  };

  std::vector<Stored> waiting(const std::vector<std::pair<Incarnation, SequenceRanges>>& skip,
                              bool alarms) const {
    std::vector<Stored> out;
    const auto skipped = [&](Sequence s) {
      return std::ranges::any_of(skip, [&](const auto& of) {
        return of.first == current_ && of.second.contains(s);
      });
    };
    for (const auto& s : staged_) {
      for (const auto& b : s.flush.blocks) {
        const bool wanted = s.waiting.contains(b.name.sequence) && (!alarms || b.alarm);
        if (wanted && !skipped(b.name.sequence)) out.push_back(stored_of(b));
      }
    }
    return out;
  }

  // Flushes that the cloud has, from the oldest on: they are never written.
  void drop_acknowledged() {
    bool any = false;
    while (!staged_.empty() && staged_.front().waiting.empty()) {
      auto& front = staged_.front();
      said_.merge(front.flush.seal);
      unwritten_seal_ = unwritten_seal_ || front.flush.seal.number != 0;
      dropped_ = front.flush.journal;
      const auto bytes = bytes_of(front.flush);
      staged_bytes_ -= bytes;
      spared_ += bytes;
      staged_.pop_front();
      any = true;
    }
    if (!any || file_.bytes() < kFileSlack + 2 * staged_bytes_) return;
    // What was dropped is in the file as its seal and its place in the journal.
    Flush said;
    said.seal = said_.merged(current_);
    said.journal = *dropped_;
    std::vector<const Flush*> kept{&said};
    for (const auto& s : staged_) kept.push_back(&s.flush);
    if (auto done = file_.replace(kept); !done) {
      log::warning("the ring's stage cannot be made shorter", "error={}", done.error().text());
    }
  }

  // Under the numbers that follow on, or behind those that the cloud has.
  Result<> write(const Flush& flush) {
    auto whole = flush;
    if (flush.seal.number != 0) {
      said_.merge(flush.seal);
      whole.seal = said_.merged(current_);
    }
    if (!flush.blocks.empty()) {
      whole.acknowledged_before = flush.blocks.front().name.sequence.count - 1;
      // A segment that is written again after a fault has no room for a gap in it.
      if (inner_->next_sequence() != flush.blocks.front().name.sequence) TIDE_TRY(inner_->sync());
    }
    TIDE_TRY(inner_->append(whole));
    if (flush.seal.number != 0) {
      unwritten_seal_ = false;
      sealed_ = clock_.steady();
      said_ = {};  // the ring has it
      said_.number = flush.seal.number;
    }
    if (flush.journal != journal::Position{}) written_ = flush.journal;
    dropped_.reset();
    return {};
  }

  Result<> write_seal() {
    Flush said;
    said.seal = said_.merged(current_);
    said.journal = dropped_.value_or(journal::Position{});
    said_.number = 0;
    return write(said);
  }

  Result<> spill() {
    if (staged_.empty()) return {};
    while (!staged_.empty()) {
      TIDE_TRY(write(staged_.front().flush));
      const auto front = std::move(staged_.front());  // from here on the inner ring has it
      staged_.pop_front();
      staged_bytes_ -= bytes_of(front.flush);
      SequenceRanges here;
      for (const auto& b : front.flush.blocks) {
        const auto s = b.name.sequence;
        if (front.offered.contains(s)) note(inner_->offer(s));
        if (!front.waiting.contains(s)) here.add(s);
      }
      if (!here.empty()) note(inner_->release(current_, here));
    }
    // All that the file says is in ring.dat, its seals and its place in the journal too.
    note(file_.replace({}));
    return {};
  }
  static void note(const Result<>& done) {
    if (!done) log::warning("the ring's stage", "error={}", done.error().text());
  }

  const std::unique_ptr<RingBuffer> inner_;
  const Incarnation current_;
  const StageOptions options_;
  const Clock& clock_;
  mutable std::mutex lock_;
  StageFile file_;
  Sequence next_;
  std::deque<Staged> staged_;  // oldest first
  std::uint64_t staged_bytes_ = 0;
  std::uint64_t spared_ = 0;
  bool linked_ = false;
  SealState said_;              // of all that was dropped or written
  bool unwritten_seal_ = false;  // something of it is not in ring.dat
  SteadyTime sealed_;
  std::optional<journal::Position> dropped_;  // of the last flush since then that was dropped
  std::optional<journal::Position> written_;  // of the last flush that went to the inner ring
};

}  // namespace

Result<std::unique_ptr<RingBuffer>> open_unstaged(const Options& options,
                                                  const std::filesystem::path& stage, Disk& disk,
                                                  Disk& stage_disk) {
  auto with = options;
  TIDE_ASSIGN(with.staged, StageFile::read(stage, stage_disk));
  TIDE_ASSIGN(auto ring, RingBuffer::open(with, disk));
  StageFile::remove(stage);
  return ring;
}

Result<std::unique_ptr<RingBuffer>> open_staged(const Options& options, StageOptions stage,
                                                Disk& disk, Disk& stage_disk,
                                                const Clock& clock) {
  TIDE_ASSIGN(auto inner, open_unstaged(options, stage.file, disk, stage_disk));
  return std::unique_ptr<RingBuffer>(std::make_unique<StagedRing>(
      std::move(inner), options.incarnation, std::move(stage), stage_disk, clock));
}

}  // namespace tidemark::ring
