// Writes the readings of bench/cluster into Kafka, in one of three forms.
//
//   tidemark-cluster-load BROKERS json|packed|blocks TOPIC READINGS RATE START_MS ROUND_MS [free]
//
// json    a record each, {"device":"dev-0042","ts":MS,"v":21.37}, under the device's name
// packed  a record for what a device sent in ROUND_MS, in columns: device u32, count u32, base i64
//         (ms), then of each reading i32 ms from the base, then of each the f64
// blocks  what the edges of ten devices each make of the same rounds; TOPIC is the prefix of topics
//         that `tidemark gateway topics init` has made. `free`: stamped on arrival, not by devices
// RATE is readings a second and device, START_MS the time of the first. A record of each partition
// at the end of json and packed is a minute younger than all, so that every engine closes its
// windows. Prints the bytes of all values.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>

#include "bench/cluster/fleet.h"
#include "common/base/log.h"
#include "common/kafka/producer.h"

namespace {

using namespace tidemark;
using bench::kDevices;
using bench::kPartitions;
using bench::Reading;
using bench::Readings;

constexpr std::int64_t kJsonRoundMs = 1000;
constexpr std::int64_t kFarMs = 60'000;
constexpr std::chrono::milliseconds kWithin{120'000};

struct Load {
  std::string brokers;
  std::string kind;
  std::string topic;
  std::uint64_t readings = 0;
  unsigned rate = 0;
  std::int64_t start = 0;
  std::int64_t round = 0;
  bool free = false;
};

class Out {
 public:
  Out(std::unique_ptr<kafka::Producer> producer, std::string topic)
      : producer_(std::move(producer)), topic_(std::move(topic)) {}

  Result<> send(unsigned device, const std::string& key, ByteSpan value) {
    const auto partition = static_cast<int>(device % kPartitions);
    bytes_ += value.size();
    for (;;) {
      const auto sent = producer_->send(topic_, partition, as_bytes(key), value, {}, 1);
      if (sent) break;
      if (sent.error().fault() != Fault::full) return sent;
      TIDE_TRY(look(producer_->finish(kFewMs)));
    }
    return ++sent_ % kLookEvery == 0 ? look(producer_->poll()) : Result<>{};
  }
  Result<std::uint64_t> finish() {
    TIDE_TRY(look(producer_->finish(kWithin)));
    if (producer_->waiting() == 0) return bytes_;
    return Error(Fault::unavailable, topic_ + ": records without an outcome");
  }

 private:
  static constexpr std::uint64_t kLookEvery = 1000;
  static constexpr std::chrono::milliseconds kFewMs{20};
  static Result<> look(const std::vector<kafka::Delivery>& all) {
    for (const auto& d : all) {
      if (d.fault) return *d.fault;
    }
    return {};
  }

  std::unique_ptr<kafka::Producer> producer_;
  std::string topic_;
  std::uint64_t bytes_ = 0;
  std::uint64_t sent_ = 0;
};

std::string name_of(unsigned device) { return fmt::format("dev-{:04}", device); }

std::string json_of(const std::string& device, std::int64_t time, double value) {
  return fmt::format(R"({{"device":"{}","ts":{},"v":{:.2f}}})", device, time, value);
}

ByteVector packed_of(unsigned device, std::int64_t base, const std::vector<Reading>& readings) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.fixed(static_cast<std::uint32_t>(device));
  out.fixed(static_cast<std::uint32_t>(readings.size()));
  out.fixed(static_cast<std::uint64_t>(base));
  const auto first = readings.front().time;
  for (const auto& r : readings) out.fixed(static_cast<std::uint32_t>(r.time - first));
  for (const auto& r : readings) out.fixed(std::bit_cast<std::uint64_t>(r.value));
  return bytes;
}

Result<> send_json(const Load& load, const Readings& readings, Out& out) {
  struct Arrived {
    Reading reading;
    unsigned device;
  };
  std::vector<Arrived> all;
  std::vector<Reading> of_one;
  for (std::int64_t from = 0; from < readings.end(); from += kJsonRoundMs) {
    all.clear();
    for (unsigned d = 0; d < kDevices; ++d) {
      readings.arriving(d, from, from + kJsonRoundMs, of_one);
      for (const auto& r : of_one) all.push_back({r, d});
    }
    std::ranges::sort(all, [](const Arrived& a, const Arrived& b) {
      return std::tie(a.reading.arrival, a.device) < std::tie(b.reading.arrival, b.device);
    });
    for (const auto& a : all) {
      const auto name = name_of(a.device);
      const auto text = json_of(name, load.start + a.reading.time, a.reading.value);
      TIDE_TRY(out.send(a.device, name, as_bytes(text)));
    }
  }
  return {};
}

Result<> send_packed(const Load& load, const Readings& readings, Out& out) {
  std::vector<Reading> of_one;
  for (std::int64_t from = 0; from < readings.end(); from += load.round) {
    for (unsigned d = 0; d < kDevices; ++d) {
      readings.arriving(d, from, from + load.round, of_one);
      if (of_one.empty()) continue;
      const auto record = packed_of(d, load.start + of_one.front().time, of_one);
      TIDE_TRY(out.send(d, name_of(d), record));
    }
  }
  return {};
}

Result<std::uint64_t> run(const Load& load) {
  const Readings readings(load.readings, load.rate);
  kafka::Settings settings;
  settings.brokers = load.brokers;
  if (load.kind == "blocks") {
    settings.prefix = load.topic;
    return bench::send_blocks(settings, readings, load.round, {load.start, !load.free});
  }
  TIDE_ASSIGN(auto producer, kafka::Producer::open(settings, {}));
  Out out(std::move(producer), load.topic);
  const bool json = load.kind == "json";
  TIDE_TRY(json ? send_json(load, readings, out) : send_packed(load, readings, out));
  const auto far = load.start + readings.span() + kFarMs;
  for (unsigned p = 0; p < kPartitions; ++p) {
    const auto device = kDevices + p;
    const auto name = name_of(device);
    const auto text = json_of(name, far, 0);
    const auto record = packed_of(device, far, {Reading{}});
    TIDE_TRY(out.send(p, name, json ? as_bytes(text) : ByteSpan(record)));
  }
  return out.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 7) return 64;
  Load load{words[0], words[1], words[2], std::stoull(words[3]),
            static_cast<unsigned>(std::stoul(words[4])), std::stoll(words[5]),
            std::stoll(words[6]), words.size() > 7 && words[7] == "free"};
  const auto bytes = run(load);
  if (!bytes) {
    fmt::print(stderr, "tidemark-cluster-load: {}\n", bytes.error().text());
    return 1;
  }
  fmt::print("{}\n", *bytes);
  return 0;
}
