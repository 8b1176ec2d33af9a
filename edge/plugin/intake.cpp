#include "edge/plugin/intake.h"

#include <algorithm>

#include "common/base/log.h"
#include "edge/mqtt/message.h"

namespace tidemark::plugin {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kDurablePatience{10'000};

}  // namespace

Result<std::unique_ptr<Intake>> Intake::open(const Options& options, const Clock& clock) {
  std::unique_ptr<Intake> intake(new Intake(options, clock));
  TIDE_TRY(intake->reopen(clock.steady()));
  return intake;
}

Result<> Intake::reopen(SteadyTime now) {
  looked_ = now;
  journal_.reset();
  journal::Options options;
  options.file = options_.journal;
  options.capacity = options_.capacity;
  options.guest = true;
  TIDE_ASSIGN(journal_, journal::Journal::open(options));
  full_ = false;
  unsynced_.reset();
  return {};
}

Result<> Intake::look(SteadyTime now) {
  if (now - looked_ >= kLookEvery) {
    looked_ = now;
    if (journal_ == nullptr || journal_->replaced()) TIDE_TRY(reopen(now));
  }
  if (journal_ == nullptr) {
    return Error{Fault::unavailable, "journal " + options_.journal.string() + " is not open"};
  }
  if (unsynced_ && !journal_->wait_durable(*unsynced_, std::chrono::milliseconds(0))) {
    return Error{Fault::unavailable, "the agent does not sync messages"};
  }
  unsynced_.reset();
  return {};
}

Result<journal::Position> Intake::append(const journal::Entry& entry) {
  const auto patience = full_ ? std::chrono::milliseconds(0) : options_.wait;
  auto stored = journal_->append(entry, patience);
  const bool full = !stored && stored.error().fault() == Fault::full;
  if (full != full_) {
    full_ = full;
    if (full) {
      log::warning("journal is full: senders are refused until the agent reads on", "file={}",
                   options_.journal.string());
    } else {
      log::info("journal has room again", "file={}", options_.journal.string());
    }
  }
  return stored;
}

Result<> Intake::take(std::string_view topic, ByteSpan payload) {
  const auto now = clock_.steady();
  TIDE_TRY(look(now));
  mqtt::Message message;
  message.topic = as_bytes(topic);
  message.payload = payload;
  message.size = payload.size();
  if (message.size > options_.payload_max.count) mqtt::cut(message);
  journal::Entry entry;
  mqtt::to_entry(message, buffer_, entry);
  entry.source = mqtt::kBrokerSource;
  entry.arrived = clock_.wall();
  steady_ = std::max(steady_ + 1, std::int64_t{now.time_since_epoch().count()});
  entry.steady = steady_;
  auto position = append(entry);
  if (!position && position.error().fault() == Fault::bad_input) {
    // However empty the journal gets: the sender would come with it again for ever.
    mqtt::cut(message);
    mqtt::to_entry(message, buffer_, entry);
    position = append(entry);
  }
  if (!position) return std::move(position).error();
  if (!options_.durable || journal_->wait_durable(*position, kDurablePatience)) return {};
  unsynced_ = *position;
  return Error{Fault::unavailable, "the agent did not sync the message within 10 s"};
}

}  // namespace tidemark::plugin
