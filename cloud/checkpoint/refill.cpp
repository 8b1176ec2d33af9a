#include "cloud/checkpoint/refill.h"

#include <algorithm>
#include <thread>

#include "common/base/log.h"
#include "common/kafka/records.h"

namespace tidemark::checkpoint {
namespace {

constexpr std::chrono::milliseconds kTurn{2};

}  // namespace

std::string Refill::next_name(std::string_view topic) {
  return "refill " + std::string(topic) + " next";
}
std::string Refill::until_name(std::string_view topic) {
  return "refill " + std::string(topic) + " until";
}

Result<std::unique_ptr<Refill>> Refill::open(const Place& place, intake::Intake& intake,
                                             std::function<bool()> holds,
                                             const StopSignal& stop) {
  std::unique_ptr<Refill> refill(new Refill(intake, place.partition, std::move(holds), stop));
  refill->first_ = intake.noted(std::string(kFirstName));
  const std::array<std::pair<std::string, std::string>, 2> topics{
      {{"live", place.settings.live()}, {"backlog", place.settings.backlog()}}};
  for (std::size_t i = 0; i < topics.size(); ++i) {
    auto& t = refill->topics_[i];
    t.word = topics[i].first;
    t.next = t.saved = intake.noted(next_name(t.word));
    t.until = intake.noted(until_name(t.word));
    if (t.done()) continue;
    auto options = kafka::ConsumerOptions::of_one(topics[i].second, place.partitions,
                                                  place.partition,
                                                  static_cast<std::int64_t>(t.next));
    TIDE_ASSIGN(t.consumer, kafka::Consumer::open(place.settings, std::move(options)));
  }
  if (refill->done()) return std::unique_ptr<Refill>();
  intake.on_hole([self = refill.get()](store::ArchivePosition at) { return self->fetch(at); });
  return refill;
}

bool Refill::done() const {
  return std::ranges::all_of(topics_, [](const Topic& t) { return t.done(); });
}

std::size_t Refill::step() {
  for (auto& t : topics_) {
    if (const auto size = step(t); size > 0) return size;
  }
  return 0;
}

std::size_t Refill::step(Topic& topic) {
  if (topic.done()) return 0;
  std::size_t size = 0;
  topic.consumer->poll([&](const kafka::Record& r) {
    size = r.value.size() + 1;
    topic.next = static_cast<std::uint64_t>(r.offset) + 1;
    if (static_cast<std::uint64_t>(r.offset) < topic.until) take(r);
  });
  if (size == 0 && topic.consumer->read_to_its_end(partition_)) topic.next = topic.until;
  if (topic.done()) {
    topic.consumer.reset();
    log::info("the archive of a restored partition has been fetched", "partition={} topic={}",
              partition_, topic.word);
  }
  return size;
}

void Refill::take(const kafka::Record& r) {
  if (kafka::type_of(r.header("type")) != wire::FrameType::block) return;
  ByteReader in(r.value);
  const auto record = BlockRecord::decode(in);
  if (!record) return;  // it lies among the dead letters
  const auto at = intake_.fill_archive(std::string(r.key), *record);
  if (!at || at->value == 0) return;  // a fault ends the batch
  last_ = *at;
  first_ = first_ == 0 ? at->value : std::min(first_, at->value);
}

Result<> Refill::fetch(store::ArchivePosition at) {
  last_ = {};
  while (!done()) {
    if (stop_.asked()) return Error{Fault::denied, "the partition is let go of"};
    const auto size = holds_() ? step() : 0;
    if (last_.value == at.value) return {};
    if (size == 0) std::this_thread::sleep_for(kTurn);
  }
  return {};
}

void Refill::save() {
  if (done() && !ended_ && first_ > 0) intake_.forget_archive_before({first_});
  ended_ = done();
  bool moved = false;
  for (auto& t : topics_) {
    if (t.next == t.saved) continue;
    t.saved = t.next;
    moved = true;
    intake_.note(next_name(t.word), t.next);
  }
  if (moved) intake_.note(std::string(kFirstName), first_);
}

}  // namespace tidemark::checkpoint
