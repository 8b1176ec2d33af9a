#include "gateway/listener/cloud_link.h"

#include "common/wire/frame.h"

namespace tidemark::gateway {

CloudLink::Change CloudLink::on_tick(SteadyTime now) {
  if (!asked_once_ || now - asked_at_ >= kPingEvery) {
    asked_once_ = true;
    asked_ = random_.next();
    asked_at_ = now;
    ByteVector payload;
    ByteWriter(payload).fixed(asked_);
    ByteVector frame;
    wire::append_frame(frame, wire::FrameType::ping, payload);
    (void)log_.send("", own_, frame);  // not taken: the pong stays away, which is what counts
  }
  if (up_ && now - answered_at_ > kPatience) {
    up_ = false;
    return Change::lost;
  }
  return Change::none;
}

CloudLink::Change CloudLink::on_envelope(const Envelope& envelope, SteadyTime now) {
  if (!envelope.edge.empty()) return Change::none;
  wire::FrameReader reader(wire::kFramePayloadMax);
  reader.feed(envelope.frame);
  const auto frame = reader.next();
  if (!frame || !frame->has_value() || (*frame)->type != wire::FrameType::pong) return Change::none;
  ByteReader in((*frame)->payload);
  const auto answered = in.fixed<std::uint64_t>();
  const auto instance = in.fixed<std::uint64_t>();
  if (!in.done()) return Change::none;
  if (answered == asked_) round_trip_ = now - asked_at_;
  answered_at_ = now;
  const bool same = instance_ == instance;
  instance_ = instance;
  if (up_) return same ? Change::none : Change::restarted;
  up_ = true;
  return Change::up;
}

}  // namespace tidemark::gateway
