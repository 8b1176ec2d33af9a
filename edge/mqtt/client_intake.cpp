#include "edge/mqtt/client_intake.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::mqtt {
namespace {

constexpr std::chrono::hours kKeptIsNews{24};
constexpr std::chrono::milliseconds kPatience{200};  // how soon a full journal notices stop()

}  // namespace

ClientIntake::ClientIntake(const Options& options, std::uint16_t flags, journal::Journal& journal,
                           const Clock& clock, Random& random)
    : options_(options),
      flags_(flags),
      journal_(journal),
      clock_(clock),
      client_(options_,
              {.message = [this](const Delivery& d) { return take(d); },
               .settled = [this] { return settle(); },
               .new_session = [this] { return take_session(); },
               .kept_session = [this] { count_kept(true); }},
              random) {}

BrokerClient::State ClientIntake::state() const {
  auto state = client_.state();
  const std::lock_guard lock(mutex_);
  if (const auto kept = kept_.ended(clock_.steady().time_since_epoch())) kept_messages_ = *kept;
  const bool fresh = kept_messages_ > 0 && clock_.wall() - kept_at_ < kKeptIsNews;
  if (!fresh || state.state != "ok" || !state.error.empty()) return state;
  state.error = fmt::format(
      "at {} the broker gave about {} messages at once that it had kept: those without a time of "
      "their own count as of then, and windows with them; have devices send theirs",
      format_utc(kept_at_), kept_messages_);
  return state;
}

// What has a time of its own is not of now, and nobody takes it for that.
void ClientIntake::count_kept(bool connected) {
  if (options_.stamp == Stamp::device) return;
  const Nanoseconds now = clock_.steady().time_since_epoch();
  const std::lock_guard lock(mutex_);
  if (connected) {
    kept_.connected(now);
    kept_messages_ = 0;
    kept_at_ = clock_.wall();
  } else {
    kept_.heard(now);
    if (const auto kept = kept_.ended(now)) kept_messages_ = *kept;
  }
  counting_ = kept_.counting();
}

bool ClientIntake::take(const Delivery& delivery) {
  Message message;
  message.flags = flags_;
  message.packet_id = delivery.packet_id;
  message.size = delivery.size;
  message.topic = as_bytes(delivery.topic);
  message.payload = delivery.payload;
  if (delivery.duplicate) message.flags |= kDuplicate;
  if (delivery.retained) message.flags |= kRetained;
  if (message.size > options_.payload_max.count) cut(message);
  journal::Entry entry;
  to_entry(message, buffer_, entry);
  if (!store(entry, &message)) return false;
  heard_.fetch_add(1, std::memory_order_relaxed);
  if (counting_.load(std::memory_order_relaxed)) count_kept(false);
  return true;
}

bool ClientIntake::take_session() {
  journal::Entry entry;
  entry.kind = kNewSession;
  return store(entry, nullptr) && settle();
}

// With `durable`: waits for the flush of what was stored; false when the source stops before.
bool ClientIntake::settle() {
  if (!options_.durable) return true;
  while (!journal_.wait_durable(stored_, kPatience)) {
    if (client_.stopping()) return false;
  }
  return true;
}

// Waits for room; false when the source stops before.
bool ClientIntake::store(journal::Entry& entry, Message* message) {
  entry.source = options_.index;
  entry.arrived = clock_.wall();
  // Strictly rising: it also tells the entries of this boot apart (seen_table.h).
  steady_ = std::max(steady_ + 1, std::int64_t{clock_.steady().time_since_epoch().count()});
  entry.steady = steady_;
  for (;;) {
    if (client_.stopping()) return false;
    const auto stored = journal_.append(entry, kPatience);
    if (stored) {
      stored_ = *stored;
      return true;
    }
    const auto fault = stored.error().fault();
    if (fault == Fault::full) {
      log::warning("journal is full: mqtt waits", "source={}", options_.name);
    } else if (fault == Fault::bad_input && message != nullptr && !message->has(kCut)) {
      cut(*message);
      to_entry(*message, buffer_, entry);
    } else {
      return false;
    }
  }
}

}  // namespace tidemark::mqtt
