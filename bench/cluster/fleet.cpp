#include "bench/cluster/fleet.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace tidemark::bench {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::uint64_t kWaitingMax = 64;   // records on their way
constexpr int kTurnMs = 10;
constexpr auto kWithin = std::chrono::seconds(60);
const std::string kSource = "floor";

// The cloud's part of the conversation is left unheard: nothing is lost here that would have to be
// sent again.
class Way {
 public:
  Way(gateway::KafkaLog& log, const Clock& clock) : log_(log), clock_(clock) {}

  Result<> send(const Edge& edge, const wire::Frame& frame) {
    ByteVector bytes;
    wire::append_frame(bytes, frame.type, frame.payload);
    const auto until = clock_.steady() + kWithin;
    while (!log_.send(edge.name(), edge.session(), bytes)) {
      listen();
      if (clock_.steady() > until) return Error(Fault::unavailable, log_.condition().problem);
    }
    if (++sent_ % kWaitingMax == 0) listen();
    return {};
  }
  Result<> finish() {
    const auto until = clock_.steady() + kWithin;
    do {
      listen();
      if (clock_.steady() > until) return Error(Fault::unavailable, "records without an outcome");
    } while (log_.condition().waiting > 0);
    if (log_.condition().failed == 0) return {};
    return Error(Fault::unavailable, log_.condition().problem);
  }

 private:
  void listen() {
    pollfd item{log_.descriptor(), POLLIN, 0};
    ::poll(&item, 1, kTurnMs);
    while (log_.receive()) {
    }
  }

  gateway::KafkaLog& log_;
  const Clock& clock_;
  std::uint64_t sent_ = 0;
};

}  // namespace

Edge::Edge(unsigned number, const FleetOptions& options)
    : number_(number), options_(options), name_(fmt::format("edge-{:03}", number)) {
  std::vector<SeriesDescription> series(kDevicesOfEdge);
  for (unsigned i = 0; i < kDevicesOfEdge; ++i) {
    series[i].source = kSource;
    series[i].device = fmt::format("dev-{:04}", number * kDevicesOfEdge + i);
    series[i].metric = "v";
    series[i].device_stamped = options.stamped;
  }
  dictionary_ = std::make_shared<const Dictionary>(std::move(series));
}

wire::Frame Edge::hello() const {
  wire::Hello h;
  h.edge = name_;
  h.incarnation = {number_ + 1};
  h.start_ordinal = 1;
  return {wire::FrameType::hello, wire::encode(h)};
}

wire::Frame Edge::dictionary() const {
  return {wire::FrameType::dictionary, dictionary_->bytes()};
}

std::optional<wire::Frame> Edge::block(const Readings& readings, std::int64_t from,
                                       std::int64_t until) {
  Block block;
  block.dictionaries = {dictionary_->hash()};
  BlockRecord record;
  for (unsigned i = 0; i < kDevicesOfEdge; ++i) {
    readings.arriving(number_ * kDevicesOfEdge + i, from, until, arrived_);
    if (arrived_.empty()) continue;
    auto& group = block.groups.emplace_back();
    auto& column = group.columns.emplace_back();
    column.series = i;
    for (const auto& r : arrived_) {
      const auto ms = options_.start + r.time;
      group.times.push_back(ms * kMs);
      column.f64.push_back(r.value);
      changed_[ms / kMinuteMs] = ++minutes_[ms / kMinuteMs];
      if (record.readings == 0 || ms * kMs < record.time_min) record.time_min = ms * kMs;
      if (record.readings == 0 || ms * kMs > record.time_max) record.time_max = ms * kMs;
      ++record.readings;
    }
  }
  if (record.readings == 0) return std::nullopt;
  taken_ += record.readings;
  record.name = {{number_ + 1}, Sequence{next_++}};
  record.bytes = codec::encode(block, codec::Tier::standard, memories_).value();
  return wire::Frame{wire::FrameType::block, wire::encode_block(Lane::live, record)};
}

wire::Frame Edge::seal(std::int64_t until) {
  Seal s;
  s.incarnation = {number_ + 1};
  s.number = ++seals_;
  s.next = Sequence{next_};
  s.ledger.taken = s.ledger.pending = taken_;
  s.clock = ClockState::synchronised;
  SourceSeal source;
  source.source = kSource;
  source.device_stamped = options_.stamped;
  source.sealed_until = event_time((options_.start + until) * kMs);
  for (const auto& [minute, readings] : changed_) {
    MinuteCounts counts;
    counts.minute = minute;
    counts.taken = counts.sent = readings;
    source.minutes.push_back(counts);
  }
  changed_.clear();
  s.sources.push_back(std::move(source));
  wire::Frame frame{wire::FrameType::seal, {}};
  ByteWriter out(frame.payload);
  s.encode(out);
  return frame;
}

Result<> each_frame(const Readings& readings, std::int64_t round, const FleetOptions& options,
                    const Visit& visit) {
  std::vector<Edge> edges;
  for (unsigned e = 0; e < kDevices / kDevicesOfEdge; ++e) edges.emplace_back(e, options);
  for (const auto& edge : edges) {
    TIDE_TRY(visit(edge, edge.hello()));
    TIDE_TRY(visit(edge, edge.dictionary()));
  }
  // No further than the last minute: windows without a reading would be answered, too.
  const auto last = (readings.span() + kMinuteMs - 1) / kMinuteMs * kMinuteMs;
  for (std::int64_t from = 0; from < readings.end(); from += round) {
    for (auto& edge : edges) {
      if (auto block = edge.block(readings, from, from + round)) {
        TIDE_TRY(visit(edge, std::move(*block)));
      }
      TIDE_TRY(visit(edge, edge.seal(std::min(from + round - kDisorderMs, last))));
    }
  }
  for (auto& edge : edges) {
    TIDE_TRY(visit(edge, edge.seal(last)));
    TIDE_TRY(visit(edge, {wire::FrameType::bye, {}}));
  }
  return {};
}

Result<std::uint64_t> send_blocks(const kafka::Settings& settings, const Readings& readings,
                                  std::int64_t round, const FleetOptions& options) {
  SystemClock clock;
  SystemRandom random;
  gateway::KafkaOptions way_options;
  way_options.settings = settings;
  way_options.gateway = "bench";
  TIDE_ASSIGN(auto log, gateway::KafkaLog::open(std::move(way_options), clock, random));
  Way way(*log, clock);
  std::uint64_t bytes = 0;
  TIDE_TRY(each_frame(readings, round, options, [&](const Edge& edge, const wire::Frame& frame) {
    if (frame.type == wire::FrameType::block) bytes += frame.payload.size();
    return way.send(edge, frame);
  }));
  TIDE_TRY(way.finish());
  return bytes;
}

}  // namespace tidemark::bench
