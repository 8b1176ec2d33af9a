// What the pipeline does with entries that came before anybody knew the time.
#include <limits>

#include "common/base/log.h"
#include "edge/pipeline/pipeline.h"

namespace tidemark::pipeline {
namespace {

constexpr std::size_t kEntriesATurn = 64;
constexpr auto kNoSource = std::numeric_limits<std::uint32_t>::max();

std::uint64_t readings_of(const source::Decoded& decoded) {
  std::uint64_t readings = 0;
  for (const auto& g : decoded.groups) {
    for (const auto& c : g.columns) readings += c.values();
  }
  for (const auto& r : decoded.rejected) readings += r.readings;
  return readings;
}

}  // namespace

// Behind what is in the ring, and behind what was put aside.
void Pipeline::start_reading() {
  auto from = ring_.recovered().journal.value_or(journal::Position{});
  const auto aside = untimed_ == nullptr ? std::nullopt : untimed_->read_through();
  const auto here = journal_.end().journal;
  if (aside && aside->journal == here && (from.journal != here || aside->offset > from.offset)) {
    from = position_ = *aside;
  }
  journal_.start_at(from);
}

void Pipeline::put_aside() {
  const bool stopping = stopping_.load();
  if (!aside_) aside_ = journal_.next(std::chrono::milliseconds(stopping ? 0 : 50));
  for (std::size_t n = 0; aside_ && n < kEntriesATurn; ++n) {
    std::string source;
    {
      const std::lock_guard lock(mutex_);
      const auto known = source_by_id_.find(aside_->first.source);
      if (known != source_by_id_.end()) source = sources_[known->second].entry.name;
    }
    if (auto kept = untimed_->append(aside_->first, source, aside_->second); !kept) {
      const std::lock_guard lock(mutex_);
      if (error_.empty()) {
        log::error("no more room for what waits for the time; sources wait", "error={}",
                   kept.error().text());
      }
      error_ = kept.error().text();
      pause();
      break;
    }
    position_ = aside_->second;
    aside_ = journal_.next(std::chrono::milliseconds(0));
  }
  const auto now = clock_.steady();
  if (now - aside_synced_ >= options_.sync_interval || journal_.durable_awaited() || stopping) {
    aside_synced_ = now;
    if (!keep_aside()) pause();
  }
}

bool Pipeline::keep_aside() {
  if (auto synced = untimed_->sync(); !synced) {
    const std::lock_guard lock(mutex_);
    error_ = synced.error().text();
    log::error("what waits for the time cannot be made durable; trying again", "error={}", error_);
    return false;
  }
  if (const auto through = untimed_->read_through()) {
    journal_.durable(*through);
    journal_.release(*through);
  }
  return true;
}

// Under the lock. As many as fit into this turn; untimed_waits_ is false when there are no more.
void Pipeline::take_untimed() {
  if (aside_) {  // the time became known between two turns
    take(aside_->first);
    position_ = aside_->second;
    aside_.reset();
  }
  for (std::size_t n = 0; n < kEntriesATurn; ++n) {
    if (collector_.full() || context_.full()) return;
    const auto next = untimed_->next();
    if (!next) {
      error_ = next.error().text();
      log::error("what waited for the time cannot be read", "error={}", error_);
      untimed_waits_.store(false);
      return;
    }
    if (!next->has_value()) {
      // What is on its way is done with the next flush; then there may be another boot.
      untimed_waits_.store(false);
      return;
    }
    take_untimed(**next);
  }
}

void Pipeline::take_untimed(const untimed::Untimed::Next& next) {
  auto entry = next.entry.entry;
  const auto known = source_by_name_.find(next.entry.source);
  const bool here = known != source_by_name_.end() &&
                    sources_[known->second].entry.source != nullptr;
  entry.source = here ? sources_[known->second].entry.id : kNoSource;
  if (here && next.held) return count_untimed(sources_[known->second], entry, next.boot);
  other_boot_ = next.base;
  take(entry);
  other_boot_.reset();
}

// A boot that ended before anybody knew the time: its readings are counted, and kept aside.
void Pipeline::count_untimed(SourceState& source, const journal::Entry& entry,
                             const std::string& boot) {
  if (!gathering_since_) gathering_since_ = clock_.steady();
  decoded_.groups.clear();
  decoded_.expected.clear();
  decoded_.rejected.clear();
  decoded_.poll_class.clear();
  auto& decoder = source.entry.source->decoder();
  decoder.decode(entry, table_, decoded_);
  const auto readings = readings_of(decoded_);
  if (readings == 0) return;
  const auto now = stamper_.now(clock_.steady());
  manifest_.taken(line_of(source, decoded_.poll_class), now, readings);
  manifest_.ledger().quarantined += readings;
  quarantine_.add("time unknown: boot " + boot + " ended before anybody knew the time; if you know "
                  "when it was: edge clock release " + boot + " --ended TIME",
                  source.entry.name, entry.topic, decoder.sent(entry), readings, now);
}

}  // namespace tidemark::pipeline
