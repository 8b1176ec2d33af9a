#include "cloud/cluster/kafka_input.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "cloud/checkpoint/marker.h"
#include "cloud/cluster/gone_records.h"
#include "cloud/cluster/order_record.h"
#include "cloud/cluster/plain_topic.h"
#include "common/base/log.h"
#include "common/kafka/records.h"
#include "common/wire/frame.h"

namespace tidemark::cluster {
namespace {

constexpr std::chrono::milliseconds kCatchUpTurn{2};
constexpr std::chrono::milliseconds kOldestWithin{1000};

const char* word_of(KafkaInput::Kind kind) {
  switch (kind) {
    case KafkaInput::Kind::live: return "live";
    case KafkaInput::Kind::backlog: return "backlog";
    case KafkaInput::Kind::dictionaries: return "dictionaries";
    case KafkaInput::Kind::partials: return "partials";
    case KafkaInput::Kind::orders: return "orders";
  }
  return "";
}

}  // namespace

KafkaInput::KafkaInput(Kind kind, std::string topic, intake::Gateways& gateways)
    : kind_(kind), topic_(std::move(topic)), gateways_(gateways) {}

Result<std::unique_ptr<KafkaInput>> KafkaInput::open(Kind kind, const kafka::Settings& settings,
                                                     const kafka::Layout& layout,
                                                     std::optional<int> only,
                                                     intake::Intake& intake,
                                                     intake::Gateways& gateways, int event) {
  const auto topic = kind == Kind::live      ? settings.live()
                     : kind == Kind::backlog ? settings.backlog()
                     : kind == Kind::partials ? settings.partials()
                     : kind == Kind::orders  ? settings.orders()
                                              : settings.dictionaries();
  std::unique_ptr<KafkaInput> input(new KafkaInput(kind, topic, gateways));
  kafka::ConsumerOptions options;
  options.topic = topic;
  for (int p = 0; p < layout.partitions; ++p) {
    auto& partition = input->partitions_.emplace_back();
    partition.name = checkpoint::position_name(layout.id, word_of(kind), p);
    partition.next = static_cast<std::int64_t>(intake.noted(partition.name));
    partition.saved = partition.next;
    partition.taken = partition.next;
    options.from.push_back(partition.next);
    input->position_ += partition.next;
  }
  if (only) {
    const auto from = options.from[static_cast<std::size_t>(*only)];
    options = kafka::ConsumerOptions::of_one(topic, layout.partitions, *only, from);
  }
  options.event = event;
  TIDE_ASSIGN(input->consumer_, kafka::Consumer::open(settings, std::move(options)));
  return input;
}

std::size_t KafkaInput::take(intake::Intake& intake) {
  std::size_t size = 0;
  consumer_->poll([&](const kafka::Record& r) {
    size = r.value.size() + 1;
    on_record(intake, r);
  });
  return size;
}

void KafkaInput::compare(Partition& p, const kafka::Record& r) {
  if (r.offset == p.next) return;
  lost_ += gone_before(topic_, r, p.next, oldest_before(p, r),
                       "; edges are asked for what they still have");
}

// The first offset of a gap before a record that may have had one, which retention took. Compaction
// leaves gaps, and no record of the last state of anything. Transactions do: each an offset for its
// end, of which the brokers are not asked; one that was taken back more. What was there before the
// first look is not known.
std::int64_t KafkaInput::oldest_before(const Partition& p, const kafka::Record& r) const {
  const bool compacted = kind_ != Kind::live && kind_ != Kind::backlog;
  if (compacted || p.next == 0 || r.offset < p.next) return p.next;
  auto oldest = consumer_->oldest_of(r.partition);
  if (r.offset > p.next + 1) {
    if (const auto now = consumer_->extent_of(r.partition, kOldestWithin)) oldest = now->oldest;
  }
  return std::min(oldest, r.offset);
}

void KafkaInput::on_record(intake::Intake& intake, const kafka::Record& r) {
  auto& p = partitions_[static_cast<std::size_t>(r.partition)];
  compare(p, r);
  last_partition_ = r.partition;
  last_offset_ = r.offset;
  p.next = r.offset + 1;
  const intake::Origin origin{topic_, r.partition, r.offset};
  const auto aside = [&](const std::string& why) {
    intake.keep_foreign(origin.text(), why, r.value);
  };
  if (kind_ == Kind::partials) {
    const auto taken = intake.take_partial(r.value, static_cast<std::uint64_t>(r.offset) + 1);
    if (!taken) aside(taken.error().text());
    return;
  }
  if (kind_ == Kind::orders) {
    if (const auto taken = on_order(intake, r); !taken) aside(taken.error().text());
    return;
  }
  wire::Frame frame;
  if (kind_ == Kind::dictionaries) {
    const auto name = r.key.substr(0, r.key.find('\0'));
    if (name.empty() || name.size() == r.key.size()) return aside("its key names no dictionary");
    frame.type = wire::FrameType::dictionary;
    frame.payload.assign(r.value.begin(), r.value.end());
    return intake.take(std::string(name), 0, frame, origin);
  }
  if (r.header("type") == kNotedType) {
    if (!r.key.empty() && r.key == noted_by_us_) {
      others_note_ = true;
    } else if (!take_noted(intake, r.value)) {
      aside("what it notes is of no plain readings");
    }
    return;
  }
  if (r.header("type") == kRefusedType) {
    return intake.keep_foreign(std::string(r.header("source")), std::string(r.header("reason")),
                               r.value);
  }
  const auto type = kafka::type_of(r.header("type"));
  if (!type || r.key.empty()) {
    return aside(fmt::format("a record of type '{}', which this version does not know",
                             r.header("type")));
  }
  const auto own = kafka::partition_of(r.key, static_cast<int>(partitions_.size()));
  if (own != r.partition) return aside(fmt::format("its edge belongs to partition {}", own));
  frame.type = *type;
  const std::string edge(r.key);
  if (const auto ordinal = r.header("ordinal"); !ordinal.empty()) {
    const Incarnation start{kafka::number_of_hex(r.header("incarnation"))};
    intake.introduce(edge, start, kafka::number_of(ordinal));
  }
  if (frame.type == wire::FrameType::block) {
    frame.payload.push_back(static_cast<std::uint8_t>(kafka::lane_of(r.header("lane"))));
  }
  frame.payload.insert(frame.payload.end(), r.value.begin(), r.value.end());
  const auto session = kafka::number_of_hex(r.header("session"));
  const auto gateway = r.header("gateway");  // plain readings have none that could go silent
  if (!gateway.empty() && frame.type == wire::FrameType::bye) gateways_.heard(gateway);
  if (!gateway.empty() && frame.type != wire::FrameType::bye) {
    gateways_.heard(gateway, edge, session);
  }
  intake.take(edge, session, frame, origin);
}

Result<> KafkaInput::on_order(intake::Intake& intake, const kafka::Record& r) const {
  TIDE_ASSIGN(const auto record, read_order(r, static_cast<int>(partitions_.size())));
  if (const auto* order = std::get_if<store::Order>(&record)) {
    intake.take_order(*order);
  } else {
    intake.take_outcome(std::get<store::Outcome>(record));
  }
  return {};
}

Result<std::int64_t> KafkaInput::end_now(int partition) {
  TIDE_ASSIGN(const auto extent, consumer_->extent_of(partition, kCatchUp));
  return extent.end;
}

bool KafkaInput::catch_up(intake::Intake& intake, int partition) {
  const auto end = end_now(partition);
  if (!end) {
    log::warning("not read to the end", "topic={} error={}", topic_, end.error().text());
    return false;
  }
  for (auto left = kCatchUp; !has_passed(partition, *end); left -= kCatchUpTurn) {
    while (take(intake) > 0) {
    }
    if (has_passed(partition, *end)) break;
    if (left.count() <= 0) return false;
    std::this_thread::sleep_for(kCatchUpTurn);
  }
  return true;
}

void KafkaInput::hold() {
  auto& p = partitions_[static_cast<std::size_t>(last_partition_)];
  if (!p.held) p.held = last_offset_;
}

std::vector<int> KafkaInput::held() const {
  std::vector<int> all;
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    if (partitions_[p].held) all.push_back(static_cast<int>(p));
  }
  return all;
}

void KafkaInput::release() {
  for (auto& p : partitions_) p.held.reset();
}

void KafkaInput::save(intake::Intake& intake) {
  behind_ = consumer_->behind();
  for (auto& p : partitions_) {
    p.taken = p.next;
    const auto at = p.held.value_or(p.next);
    const auto before = std::exchange(p.saved, at);
    if (at == before) continue;
    intake.note(p.name, static_cast<std::uint64_t>(at));
    position_ += at - before;
  }
}

}  // namespace tidemark::cluster
