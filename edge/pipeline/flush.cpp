// What was gathered, on its way into the ring: windows, packing, the seal, room for the next.
#include <algorithm>

#include "common/base/log.h"
#include "edge/pipeline/pipeline.h"

namespace tidemark::pipeline {
namespace {

constexpr auto kQuietSeal = std::chrono::seconds(5);  // progress without readings
constexpr auto kIdleAfter = std::chrono::seconds(60);
constexpr auto kRetry = std::chrono::milliseconds(500);  // of a ring that cannot be written
constexpr auto kAlarmPace = std::chrono::milliseconds(50);  // an alarm waits for no interval
constexpr std::chrono::milliseconds kWait{50};
constexpr auto kRetryWays = std::chrono::seconds(10);
constexpr int kCompactionsAFlush = 4;     // so that live data does not wait for old
constexpr std::size_t kPiecesMax = 1024;  // of incompressible_; then all are tried again

std::uint64_t bytes_of(const std::vector<DictionaryPtr>& dictionaries) {
  std::uint64_t bytes = 0;
  for (const auto& d : dictionaries) bytes += d->bytes().size() + 16;
  return bytes;
}

}  // namespace

bool Pipeline::flush_due(SteadyTime now) const {
  if (unwritten_ || sync_failed_) return now - last_flush_ >= kRetry || stopping_.load();
  if (collector_.full() || context_.full()) return true;
  if (alarm_ && now - last_flush_ >= kAlarmPace) return true;
  if (gathering_since_) {
    // What fills the journal may not have been read yet: then a flush makes no room.
    if (journal_.used().count > options_.journal_capacity.count / 2) return true;
    if (journal_.durable_awaited() && position_ == journal_.end()) return true;
    return now - *gathering_since_ >= gather_for();
  }
  const bool idle =
      windowed_.empty() && groups_.empty() && now - last_counted_ >= kIdleAfter;
  const Nanoseconds pause = idle ? kIdleSeal : kQuietSeal;
  return now - last_flush_ >= pause && stamper_.state() != ClockState::unknown;
}

Nanoseconds Pipeline::gather_for() const {
  const bool live = options_.live && options_.live();
  return live ? std::min(options_.live_interval, options_.sync_interval) : options_.sync_interval;
}

// What leaves early is synced in its time: several flushes share a sync.
bool Pipeline::sync_due(SteadyTime now) const {
  if (!unsynced_since_ || unwritten_) return false;
  if (sync_failed_) return now - last_flush_ >= kRetry || stopping_.load();
  return now - *unsynced_since_ >= options_.sync_interval || journal_.durable_awaited() ||
         journal_.used().count > options_.journal_capacity.count / 2 || stopping_.load();
}

std::chrono::milliseconds Pipeline::patience(SteadyTime now) const {
  Nanoseconds wait = kWait;
  if (gathering_since_) wait = std::min<Nanoseconds>(wait, *gathering_since_ + gather_for() - now);
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, Nanoseconds(0)));
}

std::vector<EventTime> Pipeline::sealed_until() const {
  std::vector<EventTime> out;
  out.reserve(lines_.size());
  for (const auto& line : lines_) {
    out.push_back(sources_[line.source].progress.sealed_until(heard_until_));
  }
  return out;
}

// Carriers into the collector, results to the local sink.
void Pipeline::flush_windows(const std::vector<EventTime>& frontiers) {
  std::vector<PartialRow> rows;
  for (const auto handle : windowed_) {
    auto& state = series_[handle];
    state.route.flush_windows(frontiers[state.line], handle, rows);
  }
  for (auto& row : rows) collector_.add_partial(std::move(row));
  groups_.flush(frontiers, local_);
}

bool Pipeline::flush() {
  last_flush_ = clock_.steady();
  if (unwritten_ || sync_failed_) return append_out();
  if (off_) state_off_time();
  const auto frontiers = sealed_until();
  flush_windows(frontiers);
  ring::Flush out;
  auto blocks = collector_.take();
  // Blocks from here on take the alarm lane: all with an anomaly, else only context.
  const bool alarm = std::exchange(alarm_, false);
  const auto alarm_from = alarm ? 0 : blocks.size();
  for (auto& block : context_.take()) blocks.push_back(std::move(block));
  out.blocks = pack(std::move(blocks), alarm_from);
  out.dictionaries = book_.take_new();
  give_up_what_does_not_fit(out.blocks, bytes_of(out.dictionaries) + manifest_.seal_bytes_max() +
                                            20 * evicted_.ranges().size());
  const Sequence next{ring_.next_sequence().count + out.blocks.size()};
  const bool dirty = manifest_.dirty();
  const auto evicted_before = evicted_.count();
  out.seal = seal_of(next, frontiers);
  const bool counted = dirty || !out.blocks.empty() || evicted_.count() != evicted_before;
  out.journal = position_;
  const bool read_on = gathering_since_.has_value();
  // An alarm is synced at once.
  unwritten_since_ = alarm ? last_flush_ - options_.sync_interval
                           : gathering_since_.value_or(last_flush_);
  gathering_since_.reset();
  if (off_) gathering_since_ = last_flush_;
  // A statement that only says how far time has come is worth sending, not writing.
  if (!counted && !read_on) return true;
  last_counted_ = last_flush_;
  unwritten_ = std::move(out);
  return append_out();
}

// One message can hold more than a small ring takes at once, and cannot be parted between two
// flushes: a crash between them would count it twice. Waiting for room would wait for ever.
void Pipeline::give_up_what_does_not_fit(std::vector<BlockRecord>& blocks, std::uint64_t beside) {
  const auto total = [&] {
    auto bytes = beside;
    for (const auto& b : blocks) bytes += ring::stored_bytes(b);
    return bytes;
  };
  while (total() > ring_.flush_max() && !blocks.empty()) {
    const auto largest = std::ranges::max_element(
        blocks, {}, [](const BlockRecord& b) { return b.bytes.size(); });
    log::error("readings are evicted: the ring takes less at once; raise ring.size",
               "readings={} bytes={} limit={}", largest->readings, largest->bytes.size(),
               ring_.flush_max());
    manifest_.ledger().evicted += largest->readings;
    blocks.erase(largest);
  }
  auto sequence = ring_.next_sequence();
  for (auto& b : blocks) b.name.sequence = {sequence.count++};
}

Seal Pipeline::seal_of(Sequence next, const std::vector<EventTime>& frontiers) {
  const auto evicted = ring_.take_evicted();
  evicted_.add(evicted.current);
  manifest_.ledger().evicted += evicted.readings_current;
  past_.evicted += evicted.readings_past;
  return manifest_.state(next, frontiers, stamper_.state(), evicted_);
}

// Behind a flush, when all that was taken is stated: a block that replaces others comes under a
// seal of its own, which counts nothing new.
bool Pipeline::make_room() {
  for (int n = 0; n < kCompactionsAFlush; ++n) {
    const auto ahead = ring_.next_to_go(incompressible_);
    if (ahead.empty()) return true;
    if (!compact(ahead)) return false;
  }
  return true;
}

bool Pipeline::compact(const std::vector<ring::Stored>& ahead) {
  std::vector<BlockRecord> from;
  for (const auto& stored : ahead) {
    auto record = ring_.read(stored.name);
    if (!record) break;  // evicted, and counted as such
    from.push_back(std::move(*record));
  }
  auto made = from.empty() ? std::nullopt : compaction_.make(from);
  if (!made) {
    if (incompressible_.ranges().size() >= kPiecesMax) incompressible_ = {};
    for (const auto& record : from) incompressible_.add(record.name.sequence);
    return true;
  }
  auto next = ring_.next_sequence();
  made->name = {options_.incarnation, next};
  ++next.count;
  ring::Flush out;
  out.blocks.push_back(std::move(*made));
  out.seal = seal_of(next, sealed_until());
  out.journal = position_;
  unwritten_ = std::move(out);
  unwritten_since_ = clock_.steady();
  return append_out() && note_synced(ring_.sync());
}

std::vector<BlockRecord> Pipeline::pack(std::vector<Block> blocks, std::size_t alarm_from) {
  std::vector<BlockRecord> records;
  const auto capacity = static_cast<double>(options_.journal_capacity.count);
  const auto tier = tier_choice_.choose(last_flush_,
                                        static_cast<double>(journal_.used().count) / capacity);
  const auto begun = clock_.thread_cpu();
  std::uint64_t values = 0;
  auto next = ring_.next_sequence();
  for (auto& block : blocks) {
    book_.translate(block, table_);
    auto bytes = codec::encode(block, tier, memories_);
    TIDE_CHECK(bytes.ok(), "a block within the collector's bounds does not pack");
    const auto summary = codec::summary(block);
    BlockRecord record;
    record.name = {options_.incarnation, next};
    record.readings = summary.readings;
    record.time_min = summary.time_min;
    record.time_max = summary.time_max;
    record.alarm = records.size() >= alarm_from;
    record.bytes = std::move(*bytes);
    values += record.readings;
    records.push_back(std::move(record));
    ++next.count;
  }
  tier_choice_.packed(values, clock_.thread_cpu() - begun);
  return records;
}

// Readings do not wait for it: what cannot be written is told, and tried again.
Result<> Pipeline::keep_ways() {
  if (ways_ == nullptr) return {};
  const auto now = clock_.steady();
  if (!ways_error_.empty() && now - ways_failed_ < kRetryWays) {
    return Error{Fault::unavailable, ways_error_};
  }
  auto kept = ways_->keep(table_.owners());
  if (kept) {
    ways_error_.clear();
    return kept;
  }
  ways_failed_ = now;
  if (ways_error_.empty()) {
    log::error("which way leads to which series cannot be kept; trying again", "error=\"{}\"",
               kept.error().text());
  }
  ways_error_ = kept.error().text();
  return kept;
}

bool Pipeline::append_out() {
  if (!unwritten_) return true;
  static_cast<void>(keep_ways());
  if (untimed_ != nullptr && untimed_->under_way()) {
    if (auto noted = untimed_->note(options_.incarnation, unwritten_->seal.number); !noted) {
      error_ = noted.error().text();
      log::error("what waited for the time cannot be noted; trying again", "error={}", error_);
      return false;
    }
  }
  const bool replaces = !unwritten_->blocks.empty() &&
                        unwritten_->blocks[0].reduction != Reduction::none;
  if (auto written = ring_.append(*unwritten_); !written) {
    if (replaces && written.error().fault() == Fault::denied) {
      // What it should replace is on its way to the cloud. Its number is free again.
      unwritten_.reset();
      seal_of(ring_.next_sequence(), sealed_until());
      return true;
    }
    error_ = written.error().text();
    log::error("the ring does not take a block; sources wait", "error={}", error_);
    return false;
  }
  if (replaces) compaction_.taken();
  unwritten_.reset();
  if (!unsynced_since_) unsynced_since_ = unwritten_since_;
  return true;
}

bool Pipeline::sync_out() {
  auto synced = ring_.sync();
  const std::lock_guard lock(mutex_);
  return note_synced(std::move(synced));
}

bool Pipeline::note_synced(Result<> synced) {
  if (!synced) {
    error_ = synced.error().text();
    log::error("the ring cannot be made durable; trying again", "error={}", error_);
    sync_failed_ = true;
    return false;
  }
  sync_failed_ = false;
  unsynced_since_.reset();
  error_.clear();
  if (untimed_ != nullptr && untimed_->under_way()) {
    untimed_->noted();
    untimed_waits_.store(true);  // there may be another boot's
  }
  const auto position = ring_.durable_position();
  journal_.durable(position);
  journal_.release(position);
  return true;
}

}  // namespace tidemark::pipeline
