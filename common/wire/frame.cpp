#include "common/wire/frame.h"

#include <algorithm>

namespace tidemark::wire {

void append_frame(ByteVector& out, FrameType type, ByteSpan payload) {
  TIDE_CHECK(payload.size() <= kFramePayloadMax, "a frame passes its size limit");
  ByteWriter w(out);
  w.fixed(static_cast<std::uint32_t>(payload.size()));
  w.u8(static_cast<std::uint8_t>(type));
  w.u8(kVersion);
  w.fixed(std::uint16_t{0});
  w.raw(payload);
}

void FrameReader::feed(ByteSpan bytes) {
  // Moves the rest to the front only when it is the smaller part: each byte moves at most once on
  // average, however small the pieces are.
  if (at_ > 0 && at_ >= buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<Frame>> FrameReader::next() {
  ByteReader in(ByteSpan(buffer_).subspan(at_));
  if (in.left() < kHeaderBytes) return std::optional<Frame>{};
  const auto length = in.fixed<std::uint32_t>();
  const auto type = in.u8();
  const auto version = in.u8();
  const auto zero = in.fixed<std::uint16_t>();
  if (version != kVersion || zero != 0 || type == 0) {
    return Error{Fault::bad_input, "frame: type " + std::to_string(type) + ", version " +
                                       std::to_string(version) + ": not our protocol"};
  }
  if (length > payload_max_) {
    return Error{Fault::bad_input, "frame: " + std::to_string(length) + " B; the limit here is " +
                                       std::to_string(payload_max_) + " B"};
  }
  if (in.left() < length) return std::optional<Frame>{};
  const auto payload = in.raw(length);
  at_ += kHeaderBytes + length;
  return std::optional<Frame>{
      Frame{static_cast<FrameType>(type), ByteVector(payload.begin(), payload.end())}};
}

}  // namespace tidemark::wire
