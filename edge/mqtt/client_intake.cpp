#include "edge/mqtt/client_intake.h"

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::mqtt {
namespace {

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
               .new_session = [this] { return take_session(); }},
              random) {}

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
