#include "gateway/log/kafka_session.h"

#include "common/base/hash.h"
#include "common/kafka/records.h"

namespace tidemark::gateway {

using wire::FrameType;

KafkaSession::KafkaSession(std::uint64_t id, std::string edge, std::string gateway,
                           const kafka::Settings& settings)
    : id_(id), edge_(std::move(edge)), gateway_(std::move(gateway)), settings_(settings) {}

Result<std::optional<KafkaRecord>> KafkaSession::take(FrameType type, ByteSpan payload) {
  if (type == FrameType::hello) greet(payload);
  TIDE_ASSIGN(auto made, record(type, payload));
  if (type == FrameType::dictionary) {
    dictionaries_.insert(made.what.number);
  } else if (!dictionaries_.empty()) {
    held_.push_back(std::move(made));
    return std::optional<KafkaRecord>{};
  }
  return std::optional(std::move(made));
}

void KafkaSession::greet(ByteSpan payload) {
  const auto hello = wire::decode_hello(payload);
  if (!hello) return;
  ordinals_[hello->incarnation] = hello->start_ordinal;
  for (const auto& c : hello->closings) ordinals_[c.incarnation] = c.start_ordinal;
}

Result<KafkaRecord> KafkaSession::record(FrameType type, ByteSpan payload) const {
  KafkaRecord r;
  r.topic = settings_.live();
  r.key = edge_;
  r.what = {id_, type, {}, 0, true};
  r.headers = {{"type", std::string(kafka::name_of(type))},
               {"gateway", gateway_},
               {"session", kafka::hex_of(id_)}};
  if (type == FrameType::block) {
    ByteReader in(payload);
    const auto lane = static_cast<Lane>(in.u8());
    r.what.incarnation = {in.fixed<std::uint64_t>()};
    r.what.number = in.fixed<std::uint64_t>();
    if (!in.ok()) return Error{Fault::bad_input, "block: shorter than its name"};
    if (lane == Lane::backlog) r.topic = settings_.backlog();
    r.headers.push_back({"lane", std::string(kafka::name_of(lane))});
    r.headers.push_back({"sequence", std::to_string(r.what.number)});
    payload = payload.subspan(1);  // the lane is how it travels, not part of the block
  } else if (type == FrameType::seal) {
    TIDE_ASSIGN(const auto seal, Seal::decode(payload));
    r.what.incarnation = seal.incarnation;
    r.what.number = seal.number;
    r.what.last = !seal.more;
    r.headers.push_back({"number", std::to_string(seal.number)});
  } else if (type == FrameType::dictionary) {
    r.what.number = xxh3(payload);
    r.topic = settings_.dictionaries();
    r.key += '\0' + kafka::hex_of(r.what.number);
    r.headers.clear();  // one record for whoever sends it: the topic keeps the last of each key
  }
  if (type == FrameType::block || type == FrameType::seal) {
    r.headers.push_back({"incarnation", kafka::hex_of(r.what.incarnation.count)});
    const auto ordinal = ordinals_.find(r.what.incarnation);
    if (ordinal != ordinals_.end()) {
      r.headers.push_back({"ordinal", std::to_string(ordinal->second)});
    }
  }
  r.value.assign(payload.begin(), payload.end());
  return r;
}

std::vector<KafkaRecord> KafkaSession::delivered(const Produced& what) {
  std::vector<KafkaRecord> free;
  if (failed_) return free;
  const auto holdings = [&]() -> wire::Holdings& {
    auto& h = holdings_[what.incarnation];
    h.incarnation = what.incarnation;
    return h;
  };
  switch (what.type) {
    case FrameType::hello: welcome_ = true; break;
    case FrameType::block: holdings().blocks.add(Sequence{what.number}); break;
    case FrameType::seal:
      if (what.last) holdings().seal_number = std::max(holdings().seal_number, what.number);
      break;
    case FrameType::dictionary:
      has_.push_back({what.number});
      dictionaries_.erase(what.number);
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
