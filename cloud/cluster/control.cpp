#include "cloud/cluster/control.h"

#include <fmt/format.h>

#include <array>

#include "common/base/log.h"
#include "common/kafka/records.h"

namespace tidemark::cluster {
namespace {

constexpr std::uint64_t kQueueBytes = 32 << 20;

}  // namespace

Result<std::unique_ptr<Control>> Control::open(const kafka::Settings& settings, int partitions,
                                               int event) {
  kafka::ProducerOptions options;
  options.queue_bytes_max = kQueueBytes;
  options.event = event;
  options.topics = {settings.control()};
  TIDE_ASSIGN(auto producer, kafka::Producer::open(settings, options));
  return std::unique_ptr<Control>(
      new Control(settings.control(), partitions, std::move(producer)));
}

bool Control::produce(const std::string& edge, wire::FrameType type, std::uint64_t session,
                      ByteSpan payload, bool ledger) {
  const std::array<kafka::Header, 2> headers{
      kafka::Header{"type", std::string(kafka::name_of(type))},
      kafka::Header{"session", kafka::hex_of(session)}};
  const auto tag = next_tag_++;
  const auto sent = producer_->send(topic_, kafka::partition_of(edge, partitions_),
                                    as_bytes(edge), payload, headers, tag);
  if (!sent) {
    log::warning("not said to an edge", "edge={} error={}", edge, sent.error().text());
    return false;
  }
  if (ledger) ledgers_.emplace(tag, edge);
  return true;
}

void Control::say(const intake::Reply& reply) {
  produce(reply.edge, reply.type, reply.session, reply.payload, false);
}

void Control::turn(const intake::Intake& intake, SteadyTime now) {
  for (const auto& d : producer_->poll()) {
    const auto at = ledgers_.find(d.tag);
    if (at == ledgers_.end()) continue;
    if (d.fault) due_.insert(at->second);
    ledgers_.erase(at);
  }
  if (due_.empty() || now < said_ + kEvery) return;
  said_ = now;
  while (!due_.empty()) {
    const auto& edge = *due_.begin();
    wire::Ack ack;
    ack.ledger = intake.found(edge).value_or(Ledger{});
    if (!produce(edge, wire::FrameType::ack, 0, wire::encode(ack), true)) return;
    due_.erase(due_.begin());
  }
}

}  // namespace tidemark::cluster
