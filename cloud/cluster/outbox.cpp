#include "cloud/cluster/outbox.h"

#include <fmt/format.h>

#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kAgain = std::chrono::milliseconds(1000);
constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::uint64_t kQueueBytes = 64 << 20;

}  // namespace

Outbox::Outbox(const kafka::Settings& settings, int partitions, OpenReader open,
               std::uint64_t from, std::unique_ptr<kafka::Producer> producer)
    : topic_(settings.answers()), partitions_(partitions), open_(std::move(open)),
      producer_(std::move(producer)), said_(from) {}

Result<std::unique_ptr<Outbox>> Outbox::start(const kafka::Settings& settings, int partitions,
                                              OpenReader open, std::uint64_t from) {
  kafka::ProducerOptions options;
  options.queue_bytes_max = kQueueBytes;
  options.patience = kPatience;
  TIDE_ASSIGN(auto producer, kafka::Producer::open(settings, options));
  std::unique_ptr<Outbox> outbox(
      new Outbox(settings, partitions, std::move(open), from, std::move(producer)));
  outbox->thread_ = std::thread([o = outbox.get()] { o->run(); });
  return outbox;
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

void Outbox::run() {
  for (;;) {
    const auto done = turn();
    std::unique_lock lock(mutex_);
    const auto why = done ? std::string() : done.error().text();
    if (!why.empty() && why != problem_) log::error("answers wait", "error={}", why);
    problem_ = why;
    const auto pause = !done ? kAgain : *done == 0 ? kTick : std::chrono::milliseconds(0);
    if (woken_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

Result<std::size_t> Outbox::turn() {
  if (!reader_) {
    TIDE_ASSIGN(reader_, open_());
  }
  const auto batch = reader_->since(said_.load(), kBatch);
  if (!batch) {
    reader_.reset();  // the next turn opens another
    return batch.error();
  }
  if (batch->empty()) return 0;
  TIDE_TRY(say(*batch));
  said_ = batch->back().position;
  return batch->size();
}

Result<> Outbox::say(const std::vector<answers::Answer>& batch) {
  for (const auto& answer : batch) {
    const auto group = fmt::format("{}\t{}", answer.view, answer.series);
    const auto key = fmt::format("{}\t{}", group, format_utc(answer.start));
    const auto value = answers::to_json(answer);
    TIDE_TRY(producer_->send(topic_, kafka::partition_of(group, partitions_), as_bytes(key),
                             as_bytes(value), {}, answer.position));
  }
  // Each has its outcome by then: no record waits longer than kPatience.
  for (const auto& d : producer_->finish(kPatience + kAgain)) {
    if (d.fault) return *d.fault;
  }
  if (producer_->waiting() > 0) return Error{Fault::unavailable, topic_ + ": no answer in time"};
  if (auto fatal = producer_->fatal()) return *fatal;
  return {};
}

}  // namespace tidemark::cluster
