// Every wrong answer is refused with its reason and counted, no value of it is ever taken, and the
// polls after it are good: Modbus TCP and RTU, through the whole poller.
#include <gmock/gmock.h>

#include "edge/modbus/bus.h"
#include "edge/fieldbus/rtu_frame.h"
#include "tests/edge/faulty_server.h"
#include "tests/edge/modbus_journal.h"
#include "tests/support/eventually.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = FaultyServer::Bytes;
using Says = FaultyServer::Says;

constexpr std::uint8_t kUnit = 1, kFunction = 3;
constexpr std::size_t kTcpRequest = 12, kRtuRequest = 8;
const Bytes kData = {0x12, 0x34, 0x56, 0x78};    // registers 0x1234, 0x5678
const Bytes kWrong = {0xDE, 0xAD, 0xBE, 0xEF};   // must never be taken

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// A frame to `request` with this body behind the unit: TCP by its size, else RTU.
Bytes framed(const Bytes& request, std::uint8_t unit, const Bytes& body) {
  if (request.size() == kTcpRequest) {
    const auto length = static_cast<std::uint8_t>(body.size() + 1);
    return joined({request[0], request[1], 0, 0, 0, length, unit}, body);
  }
  auto frame = joined({unit}, body);
  const auto crc = rtu_crc(frame);
  frame.push_back(static_cast<std::uint8_t>(crc & 0xff));
  frame.push_back(static_cast<std::uint8_t>(crc >> 8));
  return frame;
}
Bytes right(const Bytes& request) {
  return framed(request, kUnit, joined({kFunction, 4}, kData));
}
Says says(Bytes all) { return {{std::move(all)}, false}; }
Bytes changed(Bytes frame, std::size_t at, int by) {
  frame[at] = static_cast<std::uint8_t>(frame[at] + by);
  return frame;
}

enum class Wire : std::uint8_t { tcp, rtu };
struct Fault {
  const char* name;
  Wire wire;
  // What the first request gets; those after it get the right answer.
  std::function<Says(const Bytes& request)> first;
  const char* refused;  // the counter that rises
  const char* reason;
};
void PrintTo(const Fault& f, std::ostream* out) { *out << f.name; }

class Poller {
 public:
  Poller(Wire wire, FaultyServer::Script script)
      : server_(wire == Wire::tcp ? kTcpRequest : kRtuRequest, std::move(script)) {
    DeviceOptions d;
    d.id = 1;
    d.name = "meter";
    d.unit = kUnit;
    d.profile.id = "meter";
    for (std::uint16_t i = 0; i < 2; ++i) {
      auto& p = d.profile.points.emplace_back();
      p.name = i == 0 ? "a" : "b";
      p.address = i;
      p.function = kFunction;
      p.poll_class = "fast";
    }
    d.periods = {{"fast", 20ms}};
    d.timeout = 400ms;
    d.retries = 0;
    const auto* scheme = wire == Wire::tcp ? "tcp://" : "rtu+tcp://";
    const auto url = config::parse_bus_url(scheme + server_.address()).value();
    bus_ = std::make_unique<Bus>(BusOptions{"plant"}, field_bus(url, clock_),
                                 std::vector<DeviceOptions>{std::move(d)}, journal_, clock_,
                                 random_);
    bus_->start(0);
  }
  ~Poller() { bus_->stop(0); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Until a poll is good after one that failed (or was right after all).
  [[nodiscard]] bool goes_on() const {
    return test::eventually([&] {
      const auto kept = journal_.kept();
      return kept.size() > 1 && kept.back().poll.good;
    });
  }
  // Of the polls that failed, but for those that a slow machine missed: these never left it.
  [[nodiscard]] std::vector<std::string> reasons() const {
    std::vector<std::string> out;
    for (const auto& k : journal_.kept()) {
      const auto& poll = k.poll;
      if (!poll.good && !poll.reason.starts_with("plant was busy")) out.push_back(poll.reason);
    }
    return out;
  }
  void expect_only_right_values() const {
    for (const auto& k : journal_.kept()) {
      for (const auto& r : k.poll.ranges) {
        EXPECT_THAT(r.registers, ElementsAre(0x1234, 0x5678));
      }
    }
  }
  [[nodiscard]] std::uint64_t refused(const char* why) const {
    return bus_->status(0).refused.at(why);
  }

 private:
  SystemClock clock_;
  SystemRandom random_;
  MemoryJournal journal_;
  FaultyServer server_;
  std::unique_ptr<Bus> bus_;
};

class Faults : public ::testing::TestWithParam<Fault> {};

TEST_P(Faults, AreRefusedCountedAndTheRestGoesOn) {
  const auto& f = GetParam();
  Poller poller(f.wire, [&](std::size_t number, const Bytes& request) {
    return number == 0 ? f.first(request) : says(right(request));
  });
  ASSERT_TRUE(poller.goes_on());
  const auto reasons = poller.reasons();
  ASSERT_FALSE(reasons.empty());
  EXPECT_THAT(reasons.front(), HasSubstr(f.reason));
  EXPECT_EQ(poller.refused(f.refused), 1u);
  poller.expect_only_right_values();
}

Fault exception(const char* name, Wire wire, std::uint8_t code, const char* reason) {
  return {name, wire,
          [code](const Bytes& r) {
            return says(framed(r, kUnit, {static_cast<std::uint8_t>(kFunction | 0x80), code}));
          },
          "exception", reason};
}

// Of both framings, but for the words.
std::vector<Fault> common(Wire wire) {
  const bool tcp = wire == Wire::tcp;
  return {
      {"silence", wire, [](const Bytes&) { return Says{}; }, "silent", "no answer within 400ms"},
      {"other unit", wire,
       [](const Bytes& r) { return says(framed(r, 9, joined({kFunction, 4}, kWrong))); },
       "garbled", "unit 9 answered"},
      {"other function", wire,
       [](const Bytes& r) { return says(framed(r, kUnit, joined({4, 4}, kWrong))); }, "garbled",
       tcp ? "function 4 was answered instead of 3" : "function 4, 4 bytes; expected function 3"},
      {"fewer registers", wire,
       [](const Bytes& r) { return says(framed(r, kUnit, {kFunction, 2, 0xDE, 0xAD})); },
       "garbled", tcp ? "2 bytes of data, expected 4" : "2 bytes; expected function 3, 4 bytes"},
      {"more registers", wire,
       [](const Bytes& r) {
         return says(framed(r, kUnit, joined(joined({kFunction, 8}, kWrong), kWrong)));
       },
       "garbled", tcp ? "8 bytes of data, expected 4" : "8 bytes; expected function 3, 4 bytes"},
      {"byte count below the data", wire,
       [](const Bytes& r) {
         return says(framed(r, kUnit, joined(joined({kFunction, 4}, kWrong), {1, 2})));
       },
       "garbled", tcp ? "it says 4 bytes of data and holds 6" : "2 bytes after its end"},
      {"half of it", wire,
       [](const Bytes& r) {
         auto half = framed(r, kUnit, joined({kFunction, 4}, kWrong));
         half.resize(half.size() / 2);
         return says(half);
       },
       "garbled", tcp ? "6 bytes of it and no more" : "4 bytes of it"},
      {"closed in the middle", wire,
       [](const Bytes& r) {
         auto half = framed(r, kUnit, joined({kFunction, 4}, kWrong));
         half.resize(5);
         return Says{{half}, true};
       },
       "lost", tcp ? "closed it 5 bytes into an answer" : "closed it"},
      {"closed", wire, [](const Bytes&) { return Says{{}, true}; }, "lost", "closed it"},
      {"noise", wire, [](const Bytes&) { return says(Bytes(40, 0x55)); }, "garbled",
       tcp ? "no Modbus TCP frame" : "function 85"},
      exception("exception 1", wire, 1, "exception 1, illegal function"),
      exception("exception 2", wire, 2, "exception 2, illegal data address"),
      exception("exception 3", wire, 3, "exception 3, illegal data value"),
      exception("exception 4", wire, 4, "exception 4, server device failure"),
      exception("exception 5", wire, 5, "exception 5, acknowledge, in progress"),
      exception("exception 6", wire, 6, "exception 6, server device busy"),
      exception("exception 8", wire, 8, "exception 8, memory parity error"),
      exception("exception 10", wire, 10, "exception 10, gateway path unavailable"),
      exception("exception 11", wire, 11, "exception 11, gateway target did not respond"),
      exception("an exception of no meaning", wire, 77, "exception 77, unknown"),
  };
}

const std::vector<Fault> kOfTcp = {
    {"other transaction", Wire::tcp,
     [](const Bytes& r) {
       return says(changed(framed(r, kUnit, joined({kFunction, 4}, kWrong)), 0, 100));
     },
     "garbled", "was answered instead of"},
    {"other protocol", Wire::tcp, [](const Bytes& r) { return says(changed(right(r), 3, 1)); },
     "garbled", "protocol 1"},
    {"length of nothing", Wire::tcp,
     [](const Bytes& r) { return says(Bytes{r[0], r[1], 0, 0, 0, 2, 1, 3}); }, "garbled",
     "length 2"},
    {"length beyond a frame", Wire::tcp,
     [](const Bytes& r) { return says(changed(right(r), 4, 1)); }, "garbled", "length 263"},
    {"length below its data", Wire::tcp,
     [](const Bytes& r) { return says(changed(right(r), 5, -2)); }, "garbled",
     "it says 4 bytes of data and holds 2"},
    {"length above its data", Wire::tcp,
     [](const Bytes& r) { return says(changed(right(r), 5, 3)); }, "garbled",
     "13 bytes of it and no more"},
    {"a long exception", Wire::tcp,
     [](const Bytes& r) { return says(framed(r, kUnit, {kFunction | 0x80, 2, 0})); }, "garbled",
     "an exception of 4 B"},
    {"RTU on a TCP port", Wire::tcp,
     [](const Bytes&) {
       return says(framed(Bytes(kRtuRequest), kUnit, joined({kFunction, 4}, kWrong)));
     },
     "garbled", "is it RTU over TCP"},
};
const std::vector<Fault> kOfRtu = {
    {"wrong CRC", Wire::rtu,
     [](const Bytes& r) {
       return says(changed(framed(r, kUnit, joined({kFunction, 4}, kWrong)), 8, 1));
     },
     "garbled", "its CRC is wrong"},
    {"a changed byte", Wire::rtu, [](const Bytes& r) { return says(changed(right(r), 4, 1)); },
     "garbled", "its CRC is wrong"},
    {"a byte behind it", Wire::rtu,
     [](const Bytes& r) { return says(joined(right(r), {0})); }, "garbled",
     "1 bytes after its end"},
    {"TCP on an RTU line", Wire::rtu,
     [](const Bytes&) {
       return says(framed(Bytes(kTcpRequest), kUnit, joined({kFunction, 4}, kWrong)));
     },
     "garbled", "expected function 3"},
};

INSTANTIATE_TEST_SUITE_P(Tcp, Faults, ::testing::ValuesIn(common(Wire::tcp)));
INSTANTIATE_TEST_SUITE_P(Rtu, Faults, ::testing::ValuesIn(common(Wire::rtu)));
INSTANTIATE_TEST_SUITE_P(OfTcp, Faults, ::testing::ValuesIn(kOfTcp));
INSTANTIATE_TEST_SUITE_P(OfRtu, Faults, ::testing::ValuesIn(kOfRtu));

class Pieces : public ::testing::TestWithParam<Wire> {};
INSTANTIATE_TEST_SUITE_P(Both, Pieces, ::testing::Values(Wire::tcp, Wire::rtu));

TEST_P(Pieces, ABytePerSendIsStillOneAnswer) {
  Poller poller(GetParam(), [](std::size_t, const Bytes& request) {
    Says out;
    for (const auto byte : right(request)) out.pieces.push_back({byte});
    return out;
  });
  ASSERT_TRUE(poller.goes_on());
  EXPECT_THAT(poller.reasons(), IsEmpty());
  poller.expect_only_right_values();
}

// The answer to the first request comes with that to the second, in one piece.
TEST(LateAnswers, OfTcpArePassedOverByTheirTransaction) {
  Bytes late;
  Poller poller(Wire::tcp, [&](std::size_t number, const Bytes& request) {
    if (number == 0) {
      late = framed(request, kUnit, joined({kFunction, 4}, kWrong));
      return Says{};
    }
    return says(joined(std::exchange(late, {}), right(request)));
  });
  ASSERT_TRUE(poller.goes_on());
  EXPECT_EQ(poller.refused("silent"), 1u);
  EXPECT_EQ(poller.refused("stray"), 1u);
  EXPECT_EQ(poller.refused("garbled"), 0u);
  poller.expect_only_right_values();
}

TEST(LateAnswers, SentTwiceTheSecondIsPassedOver) {
  Poller poller(Wire::tcp, [](std::size_t, const Bytes& request) {
    return says(joined(right(request), right(request)));
  });
  ASSERT_TRUE(poller.goes_on());
  EXPECT_THAT(poller.reasons(), IsEmpty());
  EXPECT_GE(poller.refused("stray"), 1u);
}

// Only strays: no request is answered, and none waits for ever.
TEST(LateAnswers, AFloodOfThemEndsTheWait) {
  Bytes old;
  Poller poller(Wire::tcp, [&](std::size_t number, const Bytes& request) {
    if (number == 0) old = right(request);
    Says out{{right(request)}, false};
    if (number == 1) out.pieces.assign(40, old);
    return out;
  });
  EXPECT_TRUE(test::eventually([&] { return poller.refused("garbled") == 1; }));
  ASSERT_TRUE(poller.goes_on());
  EXPECT_THAT(poller.reasons(),
              ElementsAre(HasSubstr("only answers to earlier requests came")));
}

}  // namespace
}  // namespace tidemark::modbus
