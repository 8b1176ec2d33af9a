#include "bench/reconcile/fleet_edge.h"

#include <map>

#include "common/codec/codec.h"
#include "common/model/seal.h"

namespace tidemark::bench {
namespace {
constexpr std::int64_t kMinuteNs = 60'000'000'000;
}

FleetEdge::FleetEdge(unsigned number, unsigned sources, std::int64_t first)
    : name_("edge-" + std::to_string(number)), incarnation_{number + 1}, first_(first) {
  for (unsigned i = 0; i < sources; ++i) {
    SeriesDescription d;
    d.source = d.device = "meter" + std::to_string(i);
    d.metric = "power";
    d.type = i % 2 == 0 ? ValueType::i64 : ValueType::f64;
    d.exponent = i % 2 == 0 ? -1 : 0;
    series_.push_back(std::move(d));
  }
  dictionary_ = std::make_shared<const Dictionary>(series_);
}

wire::Frame FleetEdge::hello() const {
  wire::Hello h;
  h.edge = name_;
  h.incarnation = incarnation_;
  h.start_ordinal = 1;
  return {wire::FrameType::hello, wire::encode(h)};
}

wire::Frame FleetEdge::dictionary() const {
  return {wire::FrameType::dictionary, dictionary_->bytes()};
}

std::int64_t FleetEdge::level(std::uint32_t series, std::uint64_t reading) const {
  auto h = (reading + 1) * 0x9E3779B97F4A7C15ULL + incarnation_.count * 977 + series;
  h ^= h >> 31;
  return 20'000 + static_cast<std::int64_t>(100 * series + (reading / 64) % 300 + h % 20);
}

BlockRecord FleetEdge::pack(std::uint32_t rows) {
  Block block;
  block.dictionaries = {dictionary_->hash()};
  auto& group = block.groups.emplace_back();
  for (std::uint32_t r = 0; r < rows; ++r) group.times.push_back(time_of(done_ + r));
  for (std::uint32_t s = 0; s < series_.size(); ++s) {
    auto& column = group.columns.emplace_back();
    column.series = s;
    column.type = series_[s].type;
    for (std::uint32_t r = 0; r < rows; ++r) {
      const auto v = level(s, done_ + r);
      if (column.type == ValueType::i64) {
        column.i64.push_back(v);
      } else {
        column.f64.push_back(static_cast<double>(v) * 0.01);
      }
    }
  }
  BlockRecord record;
  record.name = {incarnation_, Sequence{next_++}};
  record.readings = readings_carried(block);
  record.time_min = group.times.front();
  record.time_max = group.times.back();
  record.bytes = codec::encode(block, codec::Tier::standard).value();
  done_ += rows;
  return record;
}

wire::Frame FleetEdge::seal() {
  Seal s;
  s.incarnation = incarnation_;
  s.number = ++seals_;
  s.next = Sequence{next_};
  s.ledger.taken = done_ * series_.size();
  // Counts of a minute are cumulative: those that had something since the last seal, from their
  // beginning.
  std::map<std::int64_t, std::uint64_t> minutes;
  auto from = stated_;
  while (from > 0 && time_of(from - 1) / kMinuteNs == time_of(stated_) / kMinuteNs) --from;
  for (auto k = from; k < done_; ++k) ++minutes[time_of(k) / kMinuteNs];
  stated_ = done_;
  for (const auto& d : series_) {
    SourceSeal source;
    source.source = d.source;
    source.sealed_until = event_time(time_of(done_));
    for (const auto& [minute, readings] : minutes) {
      MinuteCounts counts;
      counts.minute = minute;
      counts.due = counts.good = counts.taken = counts.sent = readings;
      source.minutes.push_back(counts);
    }
    s.sources.push_back(std::move(source));
  }
  wire::Frame frame{wire::FrameType::seal, {}};
  ByteWriter out(frame.payload);
  s.encode(out);
  return frame;
}

}  // namespace tidemark::bench
