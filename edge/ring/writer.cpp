#include "edge/ring/writer.h"

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::ring {
namespace {

// A start replays what follows the newest checkpoint: bounded in reads as well as in bytes.
constexpr std::uint64_t kReplaySegments = 1024;
// A checkpoint may cost at most this share of what is written.
constexpr std::uint64_t kCheckpointShare = 32;

}  // namespace

Writer::Writer(RingFile& file, Contents& contents, std::mutex& state_lock, const Found& found)
    : file_(file),
      contents_(contents),
      state_lock_(state_lock),
      head_(found.tip ? found.tip->at + found.tip->length : file.geometry().begin()),
      numbers_used_(found.numbers_used),
      // In an empty ring all is free: the live segments begin behind its end.
      tail_at_(found.tip ? found.tail_at : file.geometry().end()),
      journal_(found.journal),
      checkpoint_(found.checkpoint),
      since_checkpoint_bytes_(found.since_checkpoint_bytes),
      since_checkpoint_segments_(found.since_checkpoint_segments) {
  if (found.tip) {
    last_ = found.tip->number;
    oldest_ = found.tip->oldest;
  }
  durable_ = {last_, head_, 0, oldest_, tail_at_, 0, journal_, {}};
}

bool Writer::checkpoint_due() const {
  const auto quarter = (file_.geometry().end() - kPage) / 4;
  return contents_.checkpoint_needed() || since_checkpoint_bytes_ >= quarter ||
         (since_checkpoint_segments_ >= kReplaySegments &&
          since_checkpoint_bytes_ >= kCheckpointShare * checkpoint_bytes_);
}

Result<Writer::Outcome> Writer::write(const SegmentContent& part) {
  if (part.length() + file_.geometry().control_max() > file_.geometry().segment_max()) {
    return Error{Fault::full, "ring: a flush of " + std::to_string(part.length()) +
                                  " B is too large; the limit is " +
                                  std::to_string(file_.geometry().segment_max() -
                                                 file_.geometry().control_max()) + " B"};
  }
  if (checkpoint_due()) {
    TIDE_ASSIGN(const auto outcome, write_control(true));
    if (outcome == Outcome::needs_sync) return outcome;
  }
  return write_segment(part, false);
}

Result<Writer::Outcome> Writer::write_control(bool checkpoint) {
  return write_segment({}, checkpoint || contents_.checkpoint_needed());
}

// Makes the live segments begin so late that `length` bytes and a zone lie free ahead of the head.
// Never over a segment that is not durable, nor over the newest checkpoint.
Result<> Writer::advance_tail(std::uint64_t length) {
  const auto wanted = length + file_.geometry().zone() + 2 * file_.geometry().control_max();
  auto& catalogue = contents_.catalogue();
  while (!file_.geometry().find(head_, tail_at_, wanted)) {
    TIDE_ASSIGN(const auto tail, catalogue.oldest(0));
    if (!tail || tail->number >= std::min(checkpoint_, durable_.number)) return {};
    TIDE_TRY(contents_.evict(*tail));
    TIDE_ASSIGN(const auto next, catalogue.oldest(0));
    TIDE_CHECK(next.has_value(), "the ring lost its newest segment");
    oldest_ = next->number;
    tail_at_ = next->at;
  }
  return {};
}

SegmentContent Writer::compose(const SegmentContent& part, bool checkpoint) {
  SegmentContent content = part;
  if (checkpoint) {
    SegmentContent state;
    contents_.state().add_to(state);
    state.index.insert(state.index.end(), part.index.begin(), part.index.end());
    content.index = std::move(state.index);
    content.checkpoint = true;
  }
  contents_.add_records(content);
  if (content.journal == journal::Position{}) content.journal = journal_;
  return content;
}

Result<Writer::Outcome> Writer::write_segment(const SegmentContent& part, bool checkpoint) {
  const auto& geometry = file_.geometry();
  const bool control = part.index.empty() && !checkpoint;
  auto estimate = part.length() + geometry.control_max();
  SegmentContent content;
  bool fits = false;
  {
    const std::scoped_lock lock(state_lock_);
    if (checkpoint) {
      SegmentContent state;
      contents_.state().add_to(state);
      estimate += state.length();
      if (estimate > geometry.segment_max()) {
        return Error{Fault::full, "ring: its state of " + std::to_string(state.length()) +
                                      " B no longer fits in a segment"};
      }
    }
    if (!unsynced_.empty() && unsynced_bytes_ + estimate > geometry.segment_max() / 2) {
      return Outcome::needs_sync;
    }
    TIDE_TRY(advance_tail(estimate));
    fits = geometry.find(head_, durable_.tail_at, estimate).has_value();
    if (!fits && !unsynced_.empty()) return Outcome::needs_sync;
    if (!fits && control) return Error{Fault::full, "ring: no room for its own records"};
    if (fits && !contents_.claim(part)) {
      return Error{Fault::denied, "ring: a block that was to be replaced has left"};
    }
    if (fits) content = compose(part, checkpoint);
  }
  if (!fits) {
    // The room that was just made counts when it is durable: said in a small segment first.
    TIDE_TRY(write_segment({}, false));
    return Outcome::needs_sync;
  }
  TIDE_TRY(put(std::move(content)));
  return Outcome::written;
}

SegmentHeader Writer::next_header() {
  SegmentHeader h;
  h.ring = file_.id();
  h.number = ++numbers_used_;
  h.incarnation = contents_.current().incarnation;
  h.ordinal = contents_.ordinal();
  h.follows = last_;
  h.synced = durable_.number;
  h.oldest = std::min(oldest_, h.number);
  // While the link is up, reserved ahead in chunks, so that offering never waits for a sync.
  if (asked_ > 0 && offered_ < asked_ + RingBuffer::kOfferChunk / 2) {
    offered_ = asked_ + RingBuffer::kOfferChunk;
  }
  h.offered = offered_;
  return h;
}

Result<> Writer::put(SegmentContent content) {
  const auto& geometry = file_.geometry();
  for (int attempt = 0;; ++attempt) {
    const auto at = geometry.find(head_, durable_.tail_at, content.length());
    SegmentHeader header;
    ByteVector bytes;
    const auto give_up = [&](Error error) -> Result<> {
      const std::scoped_lock lock(state_lock_);
      contents_.records_lost();
      // It may be on the disk and count after a crash, until a later one is there.
      claims_through_ = numbers_used_;
      if (header.number != 0) {
        if (auto removed = contents_.catalogue().remove_segment(header.number); !removed) {
          log::warning("ring catalogue", "error={}", removed.error().text());
        }
      }
      return std::move(error).within("ring.dat");
    };
    if (!at) return give_up({Fault::unavailable, "no place is left that was not given up"});
    {
      const std::scoped_lock lock(state_lock_);
      header = next_header();
      bytes = encode_segment(header, content);
      if (auto placed = contents_.place(header, *at, content); !placed) {
        return give_up(std::move(placed).error());
      }
    }
    bytes_written_ += bytes.size();
    head_ = *at + bytes.size();
    if (auto written = file_.write(*at, bytes); !written) {
      log::error("ring segment could not be written", "at={} error={}", *at,
                 written.error().text());
      if (attempt == 1) return give_up(std::move(written).error());
      const std::scoped_lock lock(state_lock_);
      TIDE_TRY(contents_.catalogue().remove_segment(header.number));
      continue;
    }
    const std::scoped_lock lock(state_lock_);
    TIDE_TRY(contents_.count(header, content));
    last_ = header.number;
    journal_ = content.journal;
    if (tail_at_ == geometry.end()) tail_at_ = *at;  // the first in an empty ring
    since_checkpoint_bytes_ += bytes.size();
    ++since_checkpoint_segments_;
    if (content.checkpoint) {
      checkpoint_ = header.number;
      checkpoint_bytes_ = bytes.size();
      since_checkpoint_bytes_ = 0;
      since_checkpoint_segments_ = 0;
      contents_.checkpoint_written();
    }
    content.index.clear();
    content.index.shrink_to_fit();
    unsynced_bytes_ += bytes.size();
    unsynced_.push_back({header.number, head_, bytes.size(), header.oldest, tail_at_,
                         header.offered, content.journal, std::move(content)});
    return {};
  }
}

Result<std::uint64_t> Writer::sync_begin() {
  if (unsafe_ && !unsynced_.empty()) TIDE_TRY(rewrite());
  unsafe_ = false;
  return last_;
}

// One segment with the state and all blocks since the last good sync: either it counts, or none of
// them does, and what they said about earlier segments is in the state.
Result<> Writer::rewrite() {
  SegmentContent all;
  for (const auto& w : unsynced_) {
    all.body.insert(all.body.end(), w.content.body.begin(), w.content.body.end());
    for (const auto& meta : w.content.blocks) {
      ByteVector bytes;
      ByteWriter out(bytes);
      meta.encode(out);
      all.add(RecordType::block, bytes);
      all.blocks.push_back(meta);
    }
  }
  all.journal = journal_;
  log::error("ring could not be synced: its newest segments are written again", "segments={}",
             unsynced_.size());
  SegmentContent content;
  {
    const std::scoped_lock lock(state_lock_);
    content = compose(all, true);
    if (!file_.geometry().find(head_, durable_.tail_at, content.length())) head_ = durable_.end;
  }
  const auto before = std::exchange(last_, durable_.number);  // what it follows
  auto given_up = std::exchange(unsynced_, {});
  const auto bytes_before = std::exchange(unsynced_bytes_, 0);
  if (auto done = put(std::move(content)); !done) {
    last_ = before;
    unsynced_ = std::move(given_up);
    unsynced_bytes_ = bytes_before;
    return done;
  }
  const std::scoped_lock lock(state_lock_);
  for (const auto& w : given_up) TIDE_TRY(contents_.catalogue().remove_segment(w.number));
  return {};
}

std::uint64_t Writer::room_before(const std::optional<SegmentRow>& needed) const {
  const auto& geometry = file_.geometry();
  if (!needed) return geometry.end() - geometry.begin();
  if (head_ <= needed->at) return needed->at - head_;
  return geometry.end() - head_ + needed->at - geometry.begin();
}

void Writer::sync_good(std::uint64_t number) {
  if (number > claims_through_) {
    const std::scoped_lock lock(state_lock_);
    contents_.forget_claims();
  }
  while (!unsynced_.empty() && unsynced_.front().number <= number) {
    durable_ = std::move(unsynced_.front());
    durable_.content = {};
    unsynced_bytes_ -= durable_.bytes;
    unsynced_.pop_front();
  }
}

}  // namespace tidemark::ring
