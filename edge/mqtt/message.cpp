#include "edge/mqtt/message.h"

#include "common/base/hash.h"

namespace tidemark::mqtt {

std::uint64_t Message::fingerprint() const {
  return xxh3(payload, xxh3(topic, packet_id));
}

void to_entry(const Message& message, ByteVector& buffer, journal::Entry& entry) {
  buffer.assign(message.payload.begin(), message.payload.end());
  ByteWriter out(buffer);
  if (message.has(kCut)) out.fixed(message.size);
  out.fixed(message.packet_id);
  entry.kind = static_cast<std::uint16_t>(kMessage | message.flags);
  entry.topic = message.topic;
  entry.payload = buffer;
}

Result<Message> from_entry(const journal::Entry& entry) {
  Message message;
  message.flags = static_cast<std::uint16_t>(entry.kind ^ kMessage);
  const std::size_t trailer = sizeof message.packet_id + (message.has(kCut) ? 8 : 0);
  if (message.flags > (kDuplicate | kRetained | kCut) || entry.payload.size() < trailer) {
    return Error(Fault::corrupt, "journal entry is no MQTT message");
  }
  message.topic = entry.topic;
  message.payload = entry.payload.first(entry.payload.size() - trailer);
  ByteReader in(entry.payload.last(trailer));
  message.size = message.has(kCut) ? in.fixed<std::uint64_t>() : message.payload.size();
  message.packet_id = in.fixed<std::uint16_t>();
  return message;
}

}  // namespace tidemark::mqtt
