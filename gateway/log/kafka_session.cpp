#include "gateway/log/kafka_session.h"

namespace tidemark::gateway {

using wire::FrameType;

KafkaSession::KafkaSession(std::uint64_t id, std::string edge, std::string gateway,
                           const kafka::Settings& settings)
    : id_(id), edge_(std::move(edge)), gateway_(std::move(gateway)), settings_(settings) {}

Result<std::optional<kafka::FrameRecord>> KafkaSession::take(FrameType type, ByteSpan payload) {
  if (type == FrameType::hello) greet(payload);
  const kafka::Sender sender{edge_, gateway_, id_, ordinals_};
  TIDE_ASSIGN(auto made, kafka::record_of(settings_, sender, type, payload));
  if (type == FrameType::dictionary) {
    dictionaries_.insert(made.name.number);
  } else if (!dictionaries_.empty()) {
    held_.push_back(std::move(made));
    return std::optional<kafka::FrameRecord>{};
  }
  return std::optional(std::move(made));
}

void KafkaSession::greet(ByteSpan payload) {
  const auto hello = wire::decode_hello(payload);
  if (!hello) return;
  ordinals_[hello->incarnation] = hello->start_ordinal;
  for (const auto& c : hello->closings) ordinals_[c.incarnation] = c.start_ordinal;
}

std::vector<kafka::FrameRecord> KafkaSession::delivered(const kafka::FrameName& frame) {
  std::vector<kafka::FrameRecord> free;
  if (failed_) return free;
  const auto holdings = [&]() -> wire::Holdings& {
    auto& h = holdings_[frame.incarnation];
    h.incarnation = frame.incarnation;
    return h;
  };
  switch (frame.type) {
    case FrameType::hello: welcome_ = true; break;
    case FrameType::block: holdings().blocks.add(Sequence{frame.number}); break;
    case FrameType::seal:
      if (frame.last) holdings().seal_number = std::max(holdings().seal_number, frame.number);
      break;
    case FrameType::dictionary:
      has_.push_back({frame.number});
      dictionaries_.erase(frame.number);
      if (!dictionaries_.empty()) break;
      free.assign(std::make_move_iterator(held_.begin()), std::make_move_iterator(held_.end()));
      held_.clear();
      break;
    default: break;
  }
  return free;
}

bool KafkaSession::fail() {
  held_.clear();
  holdings_.clear();
  has_.clear();
  welcome_ = false;
  return !std::exchange(failed_, true);
}

bool KafkaSession::welcomed() { return std::exchange(welcome_, false); }

std::optional<wire::Ack> KafkaSession::acknowledgement() {
  if (holdings_.empty() && has_.empty()) return std::nullopt;
  wire::Ack ack;
  for (auto& [incarnation, h] : holdings_) ack.holdings.push_back(std::move(h));
  ack.dictionaries = std::exchange(has_, {});
  holdings_.clear();
  return ack;
}

}  // namespace tidemark::gateway
