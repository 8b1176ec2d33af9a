#include "gateway/session/session.h"

#include <algorithm>

#include "common/base/hash.h"
#include "common/base/log.h"

namespace tidemark::gateway {

using wire::FrameType;
using wire::Refusal;

Session::Session(std::uint64_t id, std::string edge, std::string site, const Limits& limits,
                 Surroundings& around, SteadyTime now)
    : id_(id), edge_(std::move(edge)), site_(std::move(site)), limits_(limits), around_(around),
      started_(now), heard_(now), progressed_(now) {
  TIDE_CHECK(limits_.window >= kWindowMin, "the window must hold the largest frame");
}

void Session::on_frame(const wire::Frame& frame, SteadyTime now) {
  if (closed()) return;
  heard_ = now;
  if (in_flight_.bytes() == 0) progressed_ = now;
  if (frame.type == FrameType::ping && frame.payload.size() == 8) {
    return put(FrameType::pong, frame.payload);
  }
  if (frame.type == FrameType::pong) return;
  if (state_ == State::hello && frame.type == FrameType::hello) return on_hello(frame);
  if (state_ == State::open) {
    switch (frame.type) {
      case FrameType::block: return on_block(frame);
      case FrameType::seal: return on_seal(frame);
      case FrameType::dictionary: return on_dictionary(frame);
      case FrameType::enroll_request: {
        // Each costs a signature and a commit, with Kafka at every gateway.
        if (renewed_ && now - *renewed_ < kRenewalsApart) return;
        renewed_ = now;
        auto grant = around_.renew(edge_, site_, frame.payload);
        if (grant) return put(FrameType::enroll_grant, *grant);
        log::warning("certificate not renewed", "edge={} error={}", edge_, grant.error().text());
        return;  // the edge goes on with the one it has and asks again
      }
      default: break;
    }
  }
  refuse(Refusal::protocol, "a frame of type " + std::to_string(static_cast<int>(frame.type)) +
                                " has no place here");
}

void Session::on_hello(const wire::Frame& frame) {
  auto hello = wire::decode_hello(frame.payload);
  if (!hello) return refuse(Refusal::protocol, hello.error().text());
  if (hello->edge != edge_ || (!site_.empty() && hello->site != site_)) {
    return refuse(Refusal::identity,
                  "this certificate is of edge '" + edge_ + "' at site '" + site_ +
                      "', but the agent calls itself '" + hello->edge + "' at '" + hello->site +
                      "'; correct edge.toml or enrol anew");
  }
  if (hello->version_min > wire::kVersion || hello->version_max < wire::kVersion) {
    return refuse(Refusal::version, "this gateway speaks version " +
                                        std::to_string(wire::kVersion) + ", the edge " +
                                        std::to_string(hello->version_min) + " to " +
                                        std::to_string(hello->version_max) + "; upgrade the older");
  }
  // Shown to people, in logs and in JSON, which takes no bytes that are not UTF-8.
  program_version_ = hello->program_version;
  for (auto& c : program_version_) {
    if (c < ' ' || c > '~') c = '?';
  }
  wire::append_frame(hello_, frame.type, frame.payload);
  state_ = State::waiting;
  send_hello();
}

void Session::send_hello() {
  if (!around_.cloud_up() || !around_.forward(edge_, id_, hello_)) return;  // on_tick tries again
  known_to_cloud_ = true;
  state_ = State::welcome;
  hello_ = {};
}

bool Session::within_credit(std::size_t payload_bytes) {
  received_ += payload_bytes;
  counts_.bytes += payload_bytes;
  if (received_ <= granted_) return true;
  refuse(Refusal::quota, "more bytes sent (" + std::to_string(received_) + ") than granted (" +
                             std::to_string(granted_) + ")");
  return false;
}

bool Session::forward(const wire::Frame& frame) {
  ByteVector bytes;
  bytes.reserve(frame.payload.size() + wire::kHeaderBytes);
  wire::append_frame(bytes, frame.type, frame.payload);
  if (around_.forward(edge_, id_, bytes)) return true;
  refuse(Refusal::unavailable, "the cloud is not reachable right now");
  return false;
}

void Session::on_block(const wire::Frame& frame) {
  if (!within_credit(frame.payload.size())) return;
  const auto block = wire::decode_block(frame.payload);
  if (!block) return reject(frame, block.error().text());
  ++counts_.blocks;
  in_flight_.block(block->second.name, frame.payload.size());
  forward(frame);
}

void Session::on_seal(const wire::Frame& frame) {
  if (!within_credit(frame.payload.size())) return;
  const auto seal = Seal::decode(frame.payload);
  if (!seal) return reject(frame, seal.error().text());
  ++counts_.seals;
  in_flight_.seal(seal->incarnation, seal->number, frame.payload.size());
  forward(frame);
}

void Session::on_dictionary(const wire::Frame& frame) {
  if (!within_credit(frame.payload.size())) return;
  ++counts_.dictionaries;
  in_flight_.dictionary({xxh3(frame.payload)}, frame.payload.size());
  forward(frame);
}

// The verdict on a frame that cannot be forwarded: kept for a person, not acknowledged, and a block
// is asked for once more, for the case that it was damaged on its way here.
void Session::reject(const wire::Frame& frame, const std::string& reason) {
  ++counts_.dead_letters;
  settled_ += frame.payload.size();
  const auto kept = around_.dead_letter(edge_, reason, frame.type, frame.payload);
  if (!kept) {
    log::error("dead letter not kept", "edge={} error={}", edge_, kept.error().text());
    return refuse(Refusal::unavailable, "the gateway cannot write: " + kept.error().text());
  }
  ByteReader in(frame.payload);
  in.u8();  // the lane
  BlockName name;
  name.incarnation = {in.fixed<std::uint64_t>()};
  name.sequence = {in.fixed<std::uint64_t>()};
  const bool again = frame.type == FrameType::block && in.ok() && name.sequence.count != 0 &&
                     ++rejected_[name] <= 2 && counts_.dead_letters <= limits_.dead_letters_max;
  if (!again) return refuse(Refusal::protocol, reason + "; it is among the dead letters");
  wire::Request request;
  wire::Holdings wanted;
  wanted.incarnation = name.incarnation;
  wanted.blocks.add(name.sequence);
  request.missing.push_back(std::move(wanted));
  put(FrameType::request, wire::encode(request));
  grant_credit();
}

void Session::on_cloud(ByteSpan bytes, SteadyTime now) {
  if (closed()) return;
  wire::FrameReader reader(wire::kFramePayloadMax);
  reader.feed(bytes);
  auto next = reader.next();
  if (!next || !next->has_value()) {
    return log::warning("frame from the cloud ignored: damaged", "edge={}", edge_);
  }
  const auto& frame = **next;
  switch (frame.type) {
    case FrameType::welcome:
      if (state_ != State::welcome) return;
      state_ = State::open;
      progressed_ = now;
      put(frame.type, frame.payload);
      return grant_credit();
    case FrameType::ack: return on_ack(frame.payload, now);
    case FrameType::request: return put(frame.type, frame.payload);
    case FrameType::refuse: {
      const auto why = wire::decode_refuse(frame.payload);
      if (why) refuse(why->reason, why->text);
      return;
    }
    default:
      log::warning("frame from the cloud ignored: unknown", "edge={} type={}", edge_,
                   static_cast<int>(frame.type));
  }
}

void Session::on_ack(ByteSpan payload, SteadyTime now) {
  const auto ack = wire::decode_ack(payload);
  if (!ack) {
    return log::warning("frame from the cloud ignored: damaged", "edge={} error={}", edge_,
                        ack.error().text());
  }
  const auto done = in_flight_.acknowledge(*ack);
  settled_ += done;
  counts_.acknowledged_bytes += done;
  if (done > 0 || in_flight_.bytes() == 0) progressed_ = now;
  put(FrameType::ack, payload);
  grant_credit();
}

void Session::grant_credit() {
  const auto target = settled_ + limits_.window;
  // In steps of a quarter, so that credit costs a frame every megabyte, not one every block.
  if (state_ != State::open || target < granted_ + limits_.window / 4) return;
  granted_ = target;
  put(FrameType::credit, wire::encode(wire::Credit{granted_}));
}

void Session::put(FrameType type, ByteSpan payload) {
  if (output_.size() + payload.size() > limits_.output_bytes_max) {
    close_reason_ = "the edge does not read";
    state_ = State::closed;
    return;
  }
  wire::append_frame(output_, type, payload);
}

void Session::refuse(Refusal reason, const std::string& text) {
  if (closed()) return;
  put(FrameType::refuse, wire::encode(wire::Refuse{reason, text}));
  close_reason_ = text;
  state_ = State::closed;
}

void Session::on_tick(SteadyTime now) {
  if (closed()) return;
  if (state_ == State::hello && now - started_ > limits_.hello_within) {
    return refuse(Refusal::protocol, "no hello in time");
  }
  if (state_ == State::waiting) send_hello();
  if (now - heard_ > limits_.silence_max) {
    close_reason_ = "silence";
    state_ = State::closed;
    return;
  }
  if (in_flight_.bytes() == 0) progressed_ = now;
  if (now - progressed_ > limits_.acknowledge_within) {
    refuse(Refusal::unavailable, "the cloud does not acknowledge");
  }
}

void Session::end() {
  state_ = State::closed;
  if (!known_to_cloud_) return;
  known_to_cloud_ = false;
  ByteVector bye;
  wire::append_frame(bye, FrameType::bye, {});
  (void)around_.forward(edge_, id_, bye);  // a cloud that does not hear it has gone itself
}

}  // namespace tidemark::gateway
