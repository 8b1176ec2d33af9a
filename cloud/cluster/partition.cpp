#include "cloud/cluster/partition.h"

#include <fmt/format.h>
#include <poll.h>

#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr int kLookAgainMs = 1000;  // whether the topics can be reached

}  // namespace

Partition::Partition(PartitionOptions options, Disk& disk, const Clock& clock)
    : options_(std::move(options)),
      disk_(disk),
      clock_(clock),
      since_(clock.wall()),
      begun_(clock.steady()) {
  thread_ = std::thread([this] {
    auto ended = run();
    const std::lock_guard lock(mutex_);
    if (ended) return;
    const bool denied = ended.error().fault() == Fault::denied;
    if (denied && stop_.asked()) return;
    if (!denied || !silenced_) {
      fault_ = std::move(ended).error();
      return;
    }
    // Not to be the owner any more is no fault of the node's.
    last_.problem = ended.error().text();
    let_go_ = clock_.steady();
  });
}

Partition::~Partition() {
  ask_to_stop();
  wait();
}

void Partition::wait() {
  if (thread_.joinable()) thread_.join();
}

std::optional<kafka::Layout> Partition::layout() {
  while (!stop_.asked()) {
    auto layout = options_.listener.layout(options_.listener.settings);
    if (layout) return std::move(*layout);
    wait_with(layout.error().text());
  }
  return std::nullopt;
}

Result<checkpoint::Brought> Partition::bring(const checkpoint::Place& place) {
  for (;;) {
    auto brought = checkpoint::bring(place, disk_, stop_);
    if (brought && brought->restored) {
      log::info("restored from a checkpoint", "partition={} of={} bytes={} ms={}", options_.number,
                format_utc(brought->newest->at), brought->newest->bytes, since_begun());
    }
    if (brought && !brought->damage.empty()) {
      log::error("the newest checkpoint is not used; the topics are read from where this node's "
                 "store of the partition is, or from their start", "partition={} why={}",
                 options_.number, brought->damage);
    }
    // Brokers that are away now are not so for ever, and without them nothing is read anyway.
    const bool again = !brought && brought.error().fault() == Fault::unavailable;
    if (!again || stop_.asked()) return brought;
    wait_with(brought.error().text());
  }
}

void Partition::wait_with(const std::string& problem) {
  {
    const std::lock_guard lock(mutex_);
    last_.problem = problem;
  }
  pollfd item{stop_.descriptor(), POLLIN, 0};
  ::poll(&item, 1, kLookAgainMs);
}

void Partition::look(const intake::Intake& intake) {
  const std::lock_guard lock(mutex_);
  counters_ = intake.counters();
  if (takeover_.ready || !listener_->ready()) return;
  takeover_.ready = clock_.steady() - begun_;
  log::info("a partition has read all that was there", "partition={} ms={} of_which_opened_ms={}",
            options_.number, since_begun(), opened_ms_);
}

std::int64_t Partition::since_begun() const {
  return (clock_.steady() - begun_) / std::chrono::milliseconds(1);
}

// Those that the configuration names by now: `view apply` reaches partitions that are open.
void Partition::read_views(intake::Options& taking) {
  if (!taking.read_views) return;
  auto now = taking.read_views();
  if (!now) {
    log::error("views are those of the node's start", "partition={} error={}", options_.number,
               now.error().text());
    return;
  }
  taking.views = std::move(now->views);
  taking.relabels = std::move(now->relabels);
}

Result<> Partition::run() {
  const auto place = fmt::format("partition {}", options_.number);
  const auto layout = this->layout();
  if (!layout) return {};
  const checkpoint::Place where{options_.listener.settings, layout->id, layout->partitions,
                                options_.number, options_.intake.data_dir};
  auto brought = bring(where);
  if (stop_.asked()) return {};
  if (!brought) return std::move(brought).error().within(place);
  auto taking = options_.intake;
  taking.partitions = static_cast<std::uint32_t>(layout->partitions);
  read_views(taking);
  auto intake = intake::Intake::open(disk_, clock_, std::move(taking));
  if (!intake) return std::move(intake).error().within(place);
  auto listening = options_.listener;
  const auto holds = listening.holds ? listening.holds : [] { return true; };
  auto refill = checkpoint::Refill::open(where, **intake, holds, stop_);
  if (!refill) return std::move(refill).error().within(place);
  listening.refill = refill->get();
  auto& json = listening.json;
  if (kafka::partition_of(json.edge, layout->partitions) != options_.number) json.topic.clear();
  if (listening.answers || !json.topic.empty()) {
    auto voice = take_voice(where, listening.answers, **intake, holds, stop_,
                            [this](const std::string& why) { wait_with(why); });
    if (!voice) return std::move(voice).error().within(place);
    if (!*voice) return {};
    listening.voice = std::move(*voice);
  }
  auto listener = KafkaListener::open(std::move(listening), clock_);
  if (!listener) return std::move(listener).error().within(place);
  std::optional<checkpoint::Writer> writer;
  if (options_.checkpoint_every > Nanoseconds{}) {
    writer.emplace(checkpoint::WriterOptions{where.settings, where.layout, where.partition,
                                             where.data_dir, options_.checkpoint_every, holds,
                                             brought->newest, brought->pieces},
                   clock_);
  }
  {
    const std::lock_guard lock(mutex_);
    listener_ = listener->get();
    writer_ = writer ? &*writer : nullptr;
    takeover_.restored = brought->restored;
  }
  opened_ms_ = since_begun();
  options_.opened();
  auto ended = (*listener)->run(**intake, stop_, [&] { look(**intake); });
  {
    const std::lock_guard lock(mutex_);
    last_ = listener_->condition();
    silenced_ = listener_->silenced();
    listener_ = nullptr;
    writer_ = nullptr;
  }
  if (!ended) {
    log::warning("a partition ended", "partition={} error={}", options_.number,
                 ended.error().text());
    return std::move(ended).error().within(place);
  }
  return {};
}

Partition::Takeover Partition::takeover() const {
  const std::lock_guard lock(mutex_);
  auto t = takeover_;
  if (writer_ == nullptr) return t;
  t.written = writer_->written();
  t.problem = writer_->problem();
  return t;
}

intake::Counters Partition::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

Condition Partition::condition() const {
  const std::lock_guard lock(mutex_);
  return listener_ != nullptr ? listener_->condition() : last_;
}

std::optional<SteadyTime> Partition::let_go() const {
  const std::lock_guard lock(mutex_);
  return let_go_;
}

std::optional<Error> Partition::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace tidemark::cluster
