// A message as it lies in the journal: topic and payload as they came, the packet id as the entry's
// mark, and what MQTT said about it in the entry's kind. FORMAT.md.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "edge/journal/journal.h"

namespace tidemark::mqtt {

// Entry::kind. A message is kMessage with flags; kNewSession says that the broker knows nothing of
// what was before: its packet ids begin anew, and no message to come repeats an older one.
enum Kind : std::uint16_t {
  kMessage = 0x0100,
  kNewSession = 0x0200,
};
enum MessageFlag : std::uint16_t {
  kDuplicate = 1,  // the broker says that it sent this packet id before
  kRetained = 2,   // the last message of the topic from before the subscription
  kCut = 4,        // larger than payload_max: only the first bytes follow, and the true size
  kSubscribed = 8,  // beside the broker's plug-in: heard by the client that listens for wills
};

struct Message {
  std::uint16_t flags = 0;
  std::uint16_t packet_id = 0;   // 0 with QoS 0
  std::uint64_t size = 0;        // of the payload as it was sent
  ByteSpan topic;
  ByteSpan payload;              // cut: its beginning

  [[nodiscard]] bool has(MessageFlag flag) const { return (flags & flag) != 0; }
  // What makes a repetition one: topic, payload and packet id.
  [[nodiscard]] std::uint64_t fingerprint() const;
};

// Entry::source of what the broker's plug-in appends (edge/plugin). Other sources have a hash of
// their name.
inline constexpr std::uint32_t kBrokerSource = 1;

inline constexpr std::size_t kCutBytes = 512;  // of a message that is too large

// What is larger than payload_max, or than the journal takes: its beginning, for the quarantine.
void cut(Message& message);
// Fills kind, mark, topic and payload of `entry`; the payload of a cut message lies in `buffer`.
void to_entry(const Message& message, ByteVector& buffer, journal::Entry& entry);
// Of a kMessage entry; its spans are those of the entry. Fault::corrupt: not ours.
Result<Message> from_entry(const journal::Entry& entry);

}  // namespace tidemark::mqtt
