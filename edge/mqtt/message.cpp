#include "edge/mqtt/message.h"

#include <algorithm>

#include "common/base/hash.h"

namespace tidemark::mqtt {

std::uint64_t Message::fingerprint() const {
  return xxh3(payload, xxh3(topic, packet_id));
}

void cut(Message& message) {
  message.flags |= kCut;
  message.payload = message.payload.first(std::min(message.payload.size(), kCutBytes));
}

void to_entry(const Message& message, ByteVector& buffer, journal::Entry& entry) {
  entry.kind = static_cast<std::uint16_t>(kMessage | message.flags);
  entry.mark = message.packet_id;
  entry.topic = message.topic;
  entry.payload = message.payload;
  if (!message.has(kCut)) return;
  buffer.assign(message.payload.begin(), message.payload.end());
  ByteWriter(buffer).fixed(message.size);
  entry.payload = buffer;
}

Result<Message> from_entry(const journal::Entry& entry) {
  Message message;
  message.flags = static_cast<std::uint16_t>(entry.kind ^ kMessage);
  const std::size_t trailer = message.has(kCut) ? sizeof message.size : 0;
  if (message.flags > (kDuplicate | kRetained | kCut | kSubscribed) ||
      entry.payload.size() < trailer) {
    return Error(Fault::corrupt, "journal entry is no MQTT message");
  }
  message.packet_id = static_cast<std::uint16_t>(entry.mark);
  message.topic = entry.topic;
  message.payload = entry.payload.first(entry.payload.size() - trailer);
  ByteReader in(entry.payload.last(trailer));
  message.size = message.has(kCut) ? in.fixed<std::uint64_t>() : message.payload.size();
  return message;
}

}  // namespace tidemark::mqtt
