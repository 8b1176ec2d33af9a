#include "cloud/cluster/outbox.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kAgain = std::chrono::milliseconds(1000);
constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::uint64_t kQueueBytes = 64 << 20;

constexpr std::uintptr_t kOfTheFirst = 1;  // tag of records for its topic

Result<> send(kafka::Producer& to, const Outbox::Record& r, const std::string& first) {
  return to.send(r.topic, r.partition, as_bytes(r.key), r.value, r.headers,
                 r.topic == first ? kOfTheFirst : 0);
}

// Behind the place that the last one got, or why one did not.
Result<std::uint64_t> end_of(const std::vector<kafka::Delivery>& deliveries) {
  std::int64_t last = -1;
  for (const auto& d : deliveries) {
    if (d.fault) return *d.fault;
    if (d.tag == kOfTheFirst) last = std::max(last, d.offset);
  }
  return static_cast<std::uint64_t>(last + 1);
}

}  // namespace

Outbox::Outbox(Options options) : options_(std::move(options)), producer_(options_.voice) {
  for (const auto& feed : options_.feeds) feeds_.emplace_back(feed);
  thread_ = std::thread([this] { run(); });
}

Outbox::~Outbox() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Outbox::wake() {
  {
    const std::lock_guard lock(mutex_);
    more_ = true;
  }
  woken_.notify_all();
}

std::string Outbox::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

bool Outbox::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::vector<std::pair<std::string, std::uint64_t>> Outbox::moved() {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  const std::lock_guard lock(mutex_);
  for (auto& state : feeds_) {
    const bool same = std::exchange(state.told, state.said) == state.said;
    if (same || state.feed.name.empty()) continue;
    all.emplace_back(state.feed.name, state.said);
    if (!state.feed.offset_name.empty() && state.offset > 0) {
      all.emplace_back(state.feed.offset_name, state.offset);
    }
  }
  return all;
}

void Outbox::tell(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!why.empty() && why != problem_) log::error("records wait", "error={}", why);
  problem_ = why;
}

void Outbox::run() {
  for (;;) {
    std::size_t done = 0;
    std::string why;
    for (auto& state : feeds_) {
      const auto went = turn(state);
      if (went) {
        done += *went;
        continue;
      }
      why = went.error().text();
      if (refused_) break;
    }
    tell(why);
    std::unique_lock lock(mutex_);
    if (refused_) {
      silenced_ = true;
      return;
    }
    const auto pause = !why.empty() ? kAgain : done == 0 ? kTick : std::chrono::milliseconds(0);
    woken_.wait_for(lock, pause, [this] { return stopping_ || more_; });
    if (stopping_) return;
    more_ = false;
  }
}

Result<std::size_t> Outbox::turn(State& state) {
  if (options_.holds && !options_.holds()) return 0;
  if (!reader_) {
    TIDE_ASSIGN(reader_, options_.open());
  }
  const auto batch = state.feed.next(*reader_, state.said);
  if (!batch) {
    reader_.reset();  // the next turn opens another
    return batch.error();
  }
  waiting_ += batch->waits - std::exchange(state.waits, batch->waits);
  if (batch->to == 0 && batch->records.empty()) return 0;
  std::uint64_t offset = 0;
  if (!batch->records.empty()) {
    TIDE_ASSIGN(offset, options_.voice ? say_at_once(batch->records) : say(batch->records));
  }
  const std::lock_guard lock(mutex_);
  state.said = batch->to;
  if (batch->gone) batch->gone();
  if (offset > 0) state.offset = offset;
  return batch->records.size() + 1;
}

Result<std::uint64_t> Outbox::say(const std::vector<Record>& batch) {
  if (!producer_) {
    const auto& s = options_.settings;
    TIDE_ASSIGN(producer_, kafka::Producer::open(s, {.queue_bytes_max = kQueueBytes,
                                                     .patience = kPatience,
                                                     .topics = {s.answers(), s.history()}}));
  }
  producer_->poll();  // it may have come to an end since
  for (const auto& r : batch) TIDE_TRY(send(*producer_, r, batch.front().topic));
  // Each has its outcome by then: no record waits longer than kPatience.
  TIDE_ASSIGN(const auto offset, end_of(producer_->finish(kPatience + kAgain)));
  if (producer_->waiting() > 0) {
    return Error{Fault::unavailable, batch.front().topic + ": no answer in time"};
  }
  return offset;
}

// What a reader or a record is denied is another matter.
Error Outbox::refused_if_denied(const Error& by_the_brokers) {
  refused_ = by_the_brokers.fault() == Fault::denied;
  return by_the_brokers;
}

Result<std::uint64_t> Outbox::say_at_once(const std::vector<Record>& batch) {
  if (const auto begun = producer_->begin(); !begun) return refused_if_denied(begun.error());
  for (const auto& r : batch) {
    const auto sent = send(*producer_, r, batch.front().topic);
    if (sent) continue;
    producer_->give_up(sent.error());
    break;
  }
  std::vector<kafka::Delivery> deliveries;
  for (;;) {
    const auto there = producer_->commit(kAgain);
    for (auto& d : producer_->poll()) deliveries.push_back(std::move(d));
    if (!there) return refused_if_denied(there.error());
    if (there->done) return end_of(deliveries);
    tell(batch.front().topic + ": " + there->why);
    if (stopping()) return Error{Fault::unavailable, batch.front().topic + ": no answer in time"};
  }
}

}  // namespace tidemark::cluster
