// A SunSpec inverter on a live connection: where its map begins, scales that change from one poll
// to the next, values it does not have, and a map that moves.
#include <gmock/gmock.h>

#include <map>
#include <mutex>

#include "edge/modbus/modbus_source.h"
#include "edge/modbus/poll_decoder.h"
#include "tests/edge/faulty_server.h"
#include "tests/edge/modbus_journal.h"
#include "tests/support/eventually.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Bytes = FaultyServer::Bytes;

constexpr std::uint16_t kInverter = 70;  // model 103 behind "SunS" and model 1 of 68 registers

std::uint16_t word(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Holding registers by address; what it has not is an illegal data address.
class Inverter {
 public:
  explicit Inverter(std::uint16_t base) { move_to(base); }
  void move_to(std::uint16_t base) {
    const std::scoped_lock lock(mutex_);
    base_ = base;
    registers_.clear();
    for (std::uint16_t i = 0; i < 124; ++i) registers_[static_cast<std::uint16_t>(base + i)] = 0;
    put(0, {0x5375, 0x6E53, 1, 66});
    put(4, {0x4143, 0x4D45});  // Mn "ACME"
    put(kInverter, {103, 50});
    put(kInverter + 52, {0xFFFF, 0});
    put(kInverter + 2, {123, 41, 41, 41, 0xFFFF});           // A ×0.1
    put(kInverter + 10, {2312, 0xFFFF, 2308, 0xFFFF});       // V ×0.1, none of phase 2
    put(kInverter + 16, {4998, 0xFFFE});                     // Hz ×0.01
    put(kInverter + 33, {0x8000, 0, 0, 0, 0});               // no cabinet temperature
  }
  // W and its scale, in one moment.
  void set_power(std::uint16_t raw, std::uint16_t scale) {
    const std::scoped_lock lock(mutex_);
    put(kInverter + 13, {0xFFFF});  // V_SF
    put(kInverter + 14, {raw, scale});
  }
  FaultyServer::Says answer(const Bytes& request) {
    const std::scoped_lock lock(mutex_);
    const auto address = word(request, 8), count = word(request, 10);
    Bytes data;
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto at = registers_.find(static_cast<std::uint16_t>(address + i));
      if (at == registers_.end()) {
        return {{{request[0], request[1], 0, 0, 0, 3, request[6], 0x83, 2}}, false};
      }
      data.push_back(static_cast<std::uint8_t>(at->second >> 8));
      data.push_back(static_cast<std::uint8_t>(at->second & 0xff));
    }
    const auto size = static_cast<std::uint8_t>(data.size());
    Bytes all{request[0], request[1], 0, 0, 0, static_cast<std::uint8_t>(size + 3),
              request[6], request[7], size};
    all.insert(all.end(), data.begin(), data.end());
    return {{all}, false};
  }

 private:
  void put(std::uint16_t offset, const std::vector<std::uint16_t>& words) {
    for (const auto w : words) registers_[static_cast<std::uint16_t>(base_ + offset++)] = w;
  }
  std::mutex mutex_;
  std::uint16_t base_ = 0;
  std::map<std::uint16_t, std::uint16_t> registers_;
};

struct Seen {
  double value = 0;
  Quality quality = Quality::good;
  friend bool operator==(const Seen&, const Seen&) = default;
};
void PrintTo(const Seen& s, std::ostream* out) {
  *out << s.value << " quality " << static_cast<int>(s.quality);
}

class SunSpec : public ::testing::TestWithParam<std::uint16_t> {
 protected:
  SunSpec()
      : server_(12, [this](std::size_t, const Bytes& request) {
          return inverter_.answer(request);
        }) {
    inverter_.set_power(2345, 0);
  }
  void start() {
    config::ModbusConfig c;
    c.name = "roof";
    c.url = "tcp://" + server_.address();
    c.profile = "sunspec-inverter";
    c.poll = {20ms, 20ms, 20ms};
    c.timeout = 500ms;
    auto made = make_sources({c}, profile::Library({TIDEMARK_PROFILES}),
                             [](const std::string&) { return 1u; }, journal_, clock_, random_);
    ASSERT_TRUE(made.ok()) << made.error().text();
    source_ = std::move(made->front());
    ASSERT_TRUE(source_->start().ok());
  }
  void TearDown() override {
    if (source_) source_->stop();
  }
  // The newest value of each series in entries from `from` on.
  std::map<std::string, Seen> seen(std::size_t from = 0) {
    std::map<std::string, Seen> out;
    const auto kept = journal_.kept();
    for (auto i = from; i < kept.size(); ++i) {
      ByteVector bytes;
      ByteWriter writer(bytes);
      kept[i].poll.encode(writer);
      journal::Entry entry;
      entry.kind = kPollKind;
      entry.payload = bytes;
      decoded_.clear();
      source_->decoder().decode(entry, series_, decoded_);
      EXPECT_TRUE(decoded_.rejected.empty());
      for (const auto& group : decoded_.groups) {
        for (const auto& c : group.columns) {
          const auto& d = series_.at(c.series);
          if (c.type == ValueType::text) {
            texts_[d.metric] = c.text.at(0);
          } else {
            out[d.metric] = {decimal_to_double(c.i64.at(0), d.exponent), c.quality_of(0)};
          }
        }
      }
    }
    return out;
  }
  bool eventually_sees(const std::string& metric, Seen wanted) {
    return test::eventually([&] {
      const auto all = seen();
      return all.contains(metric) && all.at(metric) == wanted;
    });
  }

  SystemClock clock_;
  SystemRandom random_;
  MemoryJournal journal_;
  Inverter inverter_{GetParam()};
  FaultyServer server_;
  std::unique_ptr<source::Source> source_;
  source::SeriesTable series_;
  source::Decoded decoded_;
  std::map<std::string, std::string> texts_;
};
INSTANTIATE_TEST_SUITE_P(Bases, SunSpec, ::testing::Values(40'000, 50'000, 0));

TEST_P(SunSpec, IsFoundAndReadWithItsScales) {
  start();
  ASSERT_TRUE(eventually_sees("power_total", {2345}));
  ASSERT_TRUE(test::eventually([&] { return seen().contains("frequency") && !texts_.empty(); }));
  const auto all = seen();
  EXPECT_EQ(all.at("current_total"), (Seen{12.3}));
  EXPECT_EQ(all.at("voltage_l1"), (Seen{231.2}));
  EXPECT_EQ(all.at("frequency"), (Seen{49.98}));
  EXPECT_EQ(texts_.at("manufacturer"), "ACME");
  EXPECT_FALSE(all.contains("mppt1_power"));  // it has no model 160
  EXPECT_EQ(source_->status().state, "ok") << source_->status().error;
}

TEST_P(SunSpec, AScaleThatChangesIsTheOneOfTheSamePoll) {
  start();
  ASSERT_TRUE(eventually_sees("power_total", {2345}));
  inverter_.set_power(240, 1);
  ASSERT_TRUE(eventually_sees("power_total", {2400}));
  inverter_.set_power(24'005, 0xFFFF);
  ASSERT_TRUE(eventually_sees("power_total", {2400.5}));
  for (std::size_t i = 0; i < journal_.kept().size(); ++i) {
    const auto all = seen(i);
    if (!all.contains("power_total")) continue;
    const auto v = all.at("power_total").value;
    EXPECT_TRUE(v == 2345 || v == 2400 || v == 2400.5) << v;  // never one's raw by another's scale
  }
}

TEST_P(SunSpec, WhatTheDeviceHasNotIsBadAndNoNumber) {
  start();
  ASSERT_TRUE(test::eventually([&] {
    const auto all = seen();
    return all.contains("voltage_l2") && all.contains("temperature_cabinet");
  }));
  const auto all = seen();
  EXPECT_EQ(all.at("voltage_l2").quality, Quality::bad_sentinel);
  EXPECT_EQ(all.at("temperature_cabinet").quality, Quality::bad_sentinel);
  EXPECT_EQ(all.at("voltage_l3"), (Seen{230.8}));
  inverter_.set_power(7, 0x8000);  // no scale: then the value is none either
  EXPECT_TRUE(test::eventually([&] {
    const auto now = seen();
    return now.contains("power_total") &&
           now.at("power_total").quality == Quality::bad_sentinel;
  }));
}

TEST_P(SunSpec, AMapThatMovesIsFoundAgain) {
  start();
  ASSERT_TRUE(eventually_sees("power_total", {2345}));
  inverter_.move_to(GetParam() == 50'000 ? 40'000 : 50'000);
  inverter_.set_power(99, 0);
  EXPECT_TRUE(eventually_sees("power_total", {99}));
  EXPECT_GE(source_->status().refused.at("exception"), 1u);
}

TEST_P(SunSpec, ADeviceWithoutAMapSaysSo) {
  inverter_.move_to(30'000);
  start();
  EXPECT_TRUE(test::eventually([&] {
    return source_->status().error.find("no SunSpec map at 40000, 50000 or 0") != std::string::npos;
  }));
}

}  // namespace
}  // namespace tidemark::modbus
