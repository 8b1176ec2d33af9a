#include "cloud/cluster/outbox.h"

#include <utility>

#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kAgain = std::chrono::milliseconds(1000);
constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::uint64_t kQueueBytes = 64 << 20;

}  // namespace

Outbox::Outbox(const kafka::Settings& settings, OpenReader open, std::vector<Feed> feeds)
    : settings_(settings), open_(std::move(open)) {
  for (auto& feed : feeds) feeds_.emplace_back(std::move(feed));
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

std::string Outbox::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::vector<std::pair<std::string, std::uint64_t>> Outbox::moved() {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (auto& state : feeds_) {
    const auto said = state.said.load();
    if (std::exchange(state.told, said) != said) all.emplace_back(state.feed.name, said);
  }
  return all;
}

void Outbox::run() {
  for (;;) {
    std::size_t done = 0;
    std::string why;
    for (auto& state : feeds_) {
      const auto went = turn(state);
      if (went) {
        done += *went;
      } else {
        why = went.error().text();
      }
    }
    std::unique_lock lock(mutex_);
    if (!why.empty() && why != problem_) log::error("records wait", "error={}", why);
    problem_ = why;
    const auto pause = !why.empty() ? kAgain : done == 0 ? kTick : std::chrono::milliseconds(0);
    if (woken_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

Result<std::size_t> Outbox::turn(State& state) {
  if (!reader_) {
    TIDE_ASSIGN(reader_, open_());
  }
  const auto batch = state.feed.next(*reader_, state.said.load());
  if (!batch) {
    reader_.reset();  // the next turn opens another
    return batch.error();
  }
  if (batch->records.empty()) return 0;
  TIDE_TRY(say(batch->records));
  state.said = batch->to;
  if (batch->gone) batch->gone();
  return batch->records.size();
}

Result<> Outbox::say(const std::vector<Record>& batch) {
  if (!producer_) {
    TIDE_ASSIGN(producer_, kafka::Producer::open(settings_, {.queue_bytes_max = kQueueBytes,
                                                             .patience = kPatience}));
  }
  for (const auto& r : batch) {
    TIDE_TRY(producer_->send(r.topic, r.partition, as_bytes(r.key), r.value, r.headers, 0));
  }
  // Each has its outcome by then: no record waits longer than kPatience.
  for (const auto& d : producer_->finish(kPatience + kAgain)) {
    if (d.fault) return *d.fault;
  }
  if (producer_->waiting() > 0) {
    return Error{Fault::unavailable, batch.front().topic + ": no answer in time"};
  }
  if (auto fatal = producer_->fatal()) {
    producer_.reset();
    return *fatal;
  }
  return {};
}

}  // namespace tidemark::cluster
