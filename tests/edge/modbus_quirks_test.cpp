// Devices that are asked in their own way or not at all: without the quirk in its profile a device
// fails, with it every poll is good and every value right.
#include <gtest/gtest.h>

#include "common/base/disk.h"
#include "edge/modbus/bus.h"
#include "edge/profile/library.h"
#include "tests/edge/faulty_server.h"
#include "tests/edge/modbus_journal.h"
#include "tests/edge/temporary_folder.h"
#include "tests/support/eventually.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using Bytes = FaultyServer::Bytes;
using Says = FaultyServer::Says;

constexpr std::size_t kTcpRequest = 12;

struct Asked {
  std::uint8_t unit, function;
  unsigned address, count;
  std::size_t in_connection;  // from 0
};

// Registers hold 0x1000 + address, every third coil is on.
std::uint16_t held(unsigned function, unsigned address) {
  return static_cast<std::uint16_t>(function <= 2 ? (address % 3 == 0 ? 1 : 0) : 0x1000 + address);
}

Bytes answer(const Asked& a) {
  Bytes out = {a.function, 0};
  if (a.function <= 2) {
    out.resize(2 + (a.count + 7) / 8);
    for (unsigned i = 0; i < a.count; ++i) {
      const auto bit = static_cast<unsigned>(held(a.function, a.address + i)) << i % 8;
      out[2 + i / 8] = static_cast<std::uint8_t>(out[2 + i / 8] | bit);
    }
  } else {
    for (unsigned i = 0; i < a.count; ++i) {
      const auto v = held(a.function, a.address + i);
      out.push_back(static_cast<std::uint8_t>(v >> 8));
      out.push_back(static_cast<std::uint8_t>(v & 0xff));
    }
  }
  out[1] = static_cast<std::uint8_t>(out.size() - 2);
  return out;
}
Bytes refusal(const Asked& a, std::uint8_t code) {
  return {static_cast<std::uint8_t>(a.function | 0x80), code};
}

struct Peculiar {
  const char* quirk;   // what its profile needs
  const char* points;  // of the profile
  // The PDU of its answer, empty for silence; it may change the unit that answers.
  std::function<Bytes(Asked&)> says;
};
void PrintTo(const Peculiar& p, std::ostream* out) { *out << p.quirk; }

constexpr const char* kRegisters =
    "[[point]]\nname = \"a\"\naddress = 4\ntype = \"u16\"\nrate = \"fast\"\n"
    "[[point]]\nname = \"b\"\naddress = 5\ntype = \"u16\"\nrate = \"fast\"\n"
    "[[point]]\nname = \"c\"\naddress = 9\ntype = \"u16\"\nrate = \"fast\"\n";
constexpr const char* kCoils =
    "[[point]]\nname = \"a\"\naddress = 3\nfunction = 1\ntype = \"bits\"\nrate = \"fast\"\n"
    "[[point]]\nname = \"b\"\naddress = 7\nfunction = 2\ntype = \"bits\"\nrate = \"fast\"\n";

class Quirks : public ::testing::TestWithParam<Peculiar> {
 protected:
  // The source's status and journal after some polls.
  void poll(const std::string& quirks) {
    const auto& p = GetParam();
    ASSERT_TRUE(write_file(folder_ / "p.toml",
                           "schema = 1\n[profile]\nid = \"p\"\nprotocol = \"modbus\"\n"
                           "source = \"t\"\nverified = \"one source\"\n" + quirks + p.points));
    std::size_t connection = 0, in_connection = 0;
    FaultyServer* self = nullptr;
    FaultyServer server(kTcpRequest, [&](std::size_t, const Bytes& r) {
      if (self->connections() != connection) in_connection = 0;
      connection = self->connections();
      Asked asked{r[6], r[7], 256u * r[8] + r[9], 256u * r[10] + r[11], in_connection++};
      const auto pdu = p.says(asked);
      if (pdu.empty()) return Says{};
      Bytes frame = {r[0], r[1], 0, 0, 0, static_cast<std::uint8_t>(pdu.size() + 1), asked.unit};
      frame.insert(frame.end(), pdu.begin(), pdu.end());
      return Says{{frame}, false};
    });
    self = &server;
    config::ModbusConfig c;
    c.name = "meter";
    c.url = "tcp://" + server.address();
    c.unit = 7;
    c.profile = "p";
    c.poll = {20ms, 20ms, 20ms};
    c.timeout = 500ms;
    c.retries = 0;
    auto made = make_sources({c}, profile::Library({folder_.path()}),
                             [](const std::string&) { return 1u; }, journal_, clock_, random_);
    ASSERT_TRUE(made.ok()) << made.error().text();
    auto& source = *made->front();
    ASSERT_TRUE(source.start().ok());
    const auto refused = [&] {
      std::uint64_t n = 0;
      for (const auto& [why, count] : source.status().refused) n += count;
      return n;
    };
    const auto good = [&] {
      std::size_t n = 0;
      for (const auto& k : journal_.of(1)) n += k.poll.good ? 1u : 0u;
      return n;
    };
    EXPECT_TRUE(test::eventually([&] { return good() >= 6 || refused() >= 2; }));
    refused_ = refused();
    source.stop();
  }

  test::TemporaryFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  MemoryJournal journal_;
  std::uint64_t refused_ = 0;  // answers that could not be used, silence too
};

TEST_P(Quirks, WithoutItTheDeviceFails) {
  poll("");
  EXPECT_GE(refused_, 2u);
}

TEST_P(Quirks, WithItEveryAnswerIsTakenAndEveryValueRight) {
  poll(std::string("[quirks]\n") + GetParam().quirk + "\n");
  EXPECT_EQ(refused_, 0u);
  for (const auto& k : journal_.of(1)) {
    for (const auto& range : k.poll.ranges) {
      for (std::size_t i = 0; i < range.registers.size(); ++i) {
        EXPECT_EQ(range.registers[i],
                  held(range.function, static_cast<unsigned>(range.address + i)));
      }
    }
  }
}

const std::vector<Peculiar> kDevices = {
    {"close_after_poll = true", kRegisters,
     [](Asked& a) { return a.in_connection > 0 ? Bytes() : answer(a); }},
    {"one_point_per_request = true", kRegisters,
     [](Asked& a) { return a.count > 1 ? refusal(a, 3) : answer(a); }},
    {"coils_from_zero = true", kCoils,
     [](Asked& a) { return a.address != 0 ? refusal(a, 2) : answer(a); }},
    {"any_unit = true", kRegisters,
     [](Asked& a) {
       a.unit = 1;
       return answer(a);
     }},
};
INSTANTIATE_TEST_SUITE_P(All, Quirks, ::testing::ValuesIn(kDevices));

}  // namespace
}  // namespace tidemark::modbus
