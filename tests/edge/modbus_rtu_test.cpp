// RTU: its frames, serial lines (pseudo-terminals, libmodbus's server at the far end) and RTU over
// TCP.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/disk.h"
#include "edge/modbus/bus.h"
#include "edge/fieldbus/rtu_bus.h"
#include "edge/fieldbus/rtu_frame.h"
#include "tests/edge/modbus_journal.h"
#include "tests/edge/rtu_server.h"
#include "tests/edge/temporary_folder.h"
#include "tests/support/eventually.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = RtuServer::Bytes;
using Kind = Reply::Kind;

Bytes with_crc(Bytes frame) {
  const auto crc = rtu_crc(frame);
  frame.push_back(static_cast<std::uint8_t>(crc & 0xff));
  frame.push_back(static_cast<std::uint8_t>(crc >> 8));
  return frame;
}

Bytes after(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(RtuFrame, IsWhatTheStandardSays) {
  // The CRC of the standard's own example (appendix B): 02 07 gives 41 12.
  EXPECT_EQ(with_crc({0x02, 0x07}), (Bytes{0x02, 0x07, 0x41, 0x12}));
  EXPECT_THAT(rtu_request({1, 4, 0, 2}), ElementsAre(1, 4, 0, 0, 0, 2, 0x71, 0xCB));
}

struct Answer {
  const char* name;
  Request request;
  Bytes bytes;
  Kind kind;
  std::vector<std::uint16_t> registers;
  const char* text = "";
};
void PrintTo(const Answer& a, std::ostream* out) { *out << a.name; }
class RtuAnswers : public ::testing::TestWithParam<Answer> {};

TEST_P(RtuAnswers, AreReadOrRefusedWithAReason) {
  const auto& a = GetParam();
  std::vector<std::uint16_t> out(a.request.count);
  for (std::size_t n = 0; n < a.bytes.size(); ++n) {  // a piece of it is never taken for it
    const auto piece = read_rtu(a.request, ByteSpan(a.bytes).first(n), out);
    EXPECT_FALSE(a.kind == Kind::good && piece.complete) << n;
  }
  const auto answer = read_rtu(a.request, a.bytes, out);
  ASSERT_TRUE(answer.complete);
  EXPECT_EQ(answer.reply.kind, a.kind);
  EXPECT_THAT(answer.reply.text, HasSubstr(a.text));
  if (a.kind == Kind::good) {
    EXPECT_EQ(out, a.registers);
  }
}
const Request kTwo{1, 4, 0, 2};
INSTANTIATE_TEST_SUITE_P(
    Table, RtuAnswers,
    ::testing::Values(
        Answer{"registers", kTwo, with_crc({1, 4, 4, 0x43, 0x67, 0x33, 0x33}), Kind::good,
               {0x4367, 0x3333}},
        Answer{"bits", {1, 2, 0, 10}, with_crc({1, 2, 2, 0x05, 0x02}), Kind::good,
               {1, 0, 1, 0, 0, 0, 0, 0, 0, 1}},
        Answer{"own request before it", kTwo,
               after(with_crc({1, 4, 0, 0, 0, 2}), with_crc({1, 4, 4, 0, 1, 0, 2})), Kind::good,
               {1, 2}},
        Answer{"exception", kTwo, with_crc({1, 0x84, 2}), Kind::exception, {}},
        Answer{"wrong CRC", kTwo, {1, 4, 4, 0, 1, 0, 2, 0, 0}, Kind::garbled, {}, "CRC"},
        Answer{"wrong CRC of an exception", kTwo, {1, 0x84, 2, 0, 0}, Kind::garbled, {}, "CRC"},
        Answer{"other unit", kTwo, with_crc({7, 4, 4, 0, 1, 0, 2}), Kind::garbled, {},
               "unit 7 answered"},
        Answer{"other function", kTwo, with_crc({1, 3, 4, 0, 1, 0, 2}), Kind::garbled, {},
               "function 3, 4 bytes; expected function 4, 4 bytes"},
        Answer{"other length", kTwo, with_crc({1, 4, 2, 0, 1}), Kind::garbled, {}, "2 bytes"},
        Answer{"longer", kTwo, after(with_crc({1, 4, 4, 0, 1, 0, 2}), {9}), Kind::garbled, {},
               "1 bytes after its end"}));

TEST(RtuFrame, EveryFlippedBitIsRefused) {
  const auto good = with_crc({1, 4, 4, 0x43, 0x67, 0x33, 0x33});
  std::vector<std::uint16_t> out(2);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bytes = good;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
    const auto answer = read_rtu(kTwo, bytes, out);
    EXPECT_TRUE(!answer.complete || answer.reply.kind == Kind::garbled) << bit;
  }
}

class RtuTest : public ::testing::Test {
 protected:
  std::unique_ptr<FieldBus> open(const std::string& options = "") {
    auto bus = make(options);
    const auto done = bus->connect(1s);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().text());
    return bus;
  }
  std::unique_ptr<FieldBus> make(const std::string& options = "") {
    return field_bus(config::parse_bus_url("rtu://" + port_.string() + options).value(), clock_);
  }
  static Reply read(FieldBus& bus, Request request, std::vector<std::uint16_t>& out,
                    Nanoseconds timeout = 2s) {
    out.assign(request.count, 0);
    return bus.read(request, timeout, out);
  }
  SystemClock clock_;
  test::TemporaryFolder folder_;
  std::filesystem::path port_ = folder_ / "usb-meter";
  std::vector<std::uint16_t> out_;
};

TEST_F(RtuTest, ReadsAllTablesOfALibmodbusServer) {
  RtuServer server(port_);
  for (std::uint16_t i = 0; i < 125; ++i) server.mapping().tab_input_registers[i] = i;
  server.mapping().tab_registers[3] = 4711;
  server.mapping().tab_bits[9] = 1;
  auto bus = open("?baud=115200&parity=none");
  EXPECT_EQ(read(*bus, {1, 4, 0, 125}, out_).kind, Kind::good);
  EXPECT_EQ(out_[124], 124);
  EXPECT_EQ(read(*bus, {9, 3, 3, 1}, out_).kind, Kind::good);
  EXPECT_THAT(out_, ElementsAre(4711));
  EXPECT_EQ(read(*bus, {1, 1, 8, 2}, out_).kind, Kind::good);
  EXPECT_THAT(out_, ElementsAre(0, 1));
  const auto refused = read(*bus, {1, 4, 199, 2}, out_);
  EXPECT_EQ(refused.kind, Kind::exception);
  EXPECT_EQ(refused.exception, 2);
}

TEST_F(RtuTest, SilenceHalfAnswersAndNoiseEndInTimeAndLeaveNothingBehind) {
  RtuServer server(port_);
  server.mapping().tab_input_registers[0] = 5;
  auto bus = open();
  server.set_script([](const Bytes&) { return Bytes{}; });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_, 300ms).kind, Kind::silent);
  server.set_script([](const Bytes&) { return Bytes{1, 4}; });
  const auto half = read(*bus, {1, 4, 0, 1}, out_, 300ms);
  EXPECT_EQ(half.kind, Kind::garbled);
  EXPECT_EQ(half.text, "2 bytes of it");
  server.set_script([](const Bytes&) { return Bytes(20, 0x55); });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_, 300ms).kind, Kind::garbled);
  server.set_script({});
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_).kind, Kind::good);
  EXPECT_THAT(out_, ElementsAre(5));
}

TEST_F(RtuTest, AnAnswerInPiecesIsOne) {
  RtuServer server(port_);
  auto bus = open();
  server.set_script([&](const Bytes&) {
    const auto all = with_crc({1, 4, 2, 0, 7});
    for (const auto byte : all) server.send({byte});
    return Bytes{};
  });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_).kind, Kind::good);
  EXPECT_THAT(out_, ElementsAre(7));
}

// Each byte comes in time after the one before; all of them would take twice what an answer may.
TEST_F(RtuTest, ADripOfBytesDoesNotKeepTheBus) {
  RtuServer server(port_);
  auto bus = open();
  std::mutex mutex;
  std::condition_variable wake;
  bool answered = false;
  server.set_script([&](const Bytes& request) {
    server.send({request[0], request[1], 250});
    std::unique_lock lock(mutex);
    for (int i = 0; i < 252 && !wake.wait_for(lock, 40ms, [&] { return answered; }); ++i) {
      server.send({0x55});
    }
    return Bytes{};
  });
  const auto reply = read(*bus, {1, 4, 0, 125}, out_, 100ms);
  {
    const std::scoped_lock lock(mutex);
    answered = true;
  }
  wake.notify_all();
  EXPECT_EQ(reply.kind, Kind::garbled);
  EXPECT_THAT(reply.text, HasSubstr("bytes of it"));
}

// RTU has no transaction number: what comes too late must not become the answer to another request.
TEST_F(RtuTest, ALateAnswerIsNeverTakenForAnotherRequest) {
  RtuServer server(port_);
  server.mapping().tab_input_registers[0] = 1111;
  server.mapping().tab_input_registers[50] = 2222;
  auto bus = open();
  server.set_script([](const Bytes&) { return Bytes{}; });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_, 200ms).kind, Kind::silent);
  server.set_script({});
  // It comes while the next request waits for its own answer.
  std::thread late([&] { server.send(with_crc({1, 4, 2, 0x04, 0x57})); });
  EXPECT_EQ(read(*bus, {1, 4, 50, 1}, out_).kind, Kind::good);
  late.join();
  EXPECT_THAT(out_, ElementsAre(2222));
}

TEST_F(RtuTest, TheSilenceOfAnotherUnitDoesNotHideALateAnswer) {
  RtuServer server(port_);
  server.mapping().tab_input_registers[50] = 2222;
  auto bus = open();
  server.set_script([](const Bytes&) { return Bytes{}; });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_, 500ms).kind, Kind::silent);
  EXPECT_EQ(read(*bus, {2, 4, 0, 1}, out_, 10ms).kind, Kind::silent);
  server.set_script({});
  std::thread late([&] { server.send(with_crc({1, 4, 2, 0x04, 0x57})); });
  EXPECT_EQ(read(*bus, {1, 4, 50, 1}, out_).kind, Kind::good);
  late.join();
  EXPECT_THAT(out_, ElementsAre(2222));
}

TEST_F(RtuTest, InterruptEndsAWaitAndConnectStartsAnew) {
  RtuServer server(port_);
  server.set_script([](const Bytes&) { return Bytes{}; });
  auto bus = open();
  std::thread other([&] { bus->interrupt(); });
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_, 60s).kind, Kind::broken);
  other.join();
  bus->pause(60s);  // does not wait any more
  server.set_script({});
  ASSERT_TRUE(bus->connect(1s).ok());
  EXPECT_EQ(read(*bus, {1, 4, 0, 1}, out_).kind, Kind::good);
}

TEST_F(RtuTest, APortThatIsNotThereOrTakenSaysWhatToDo) {
  auto bus = make();
  auto done = bus->connect(1s);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().fault(), Fault::unavailable);
  EXPECT_THAT(done.error().text(),
              AllOf(HasSubstr("No such file"), HasSubstr("/dev/serial/by-id"),
                    HasSubstr("tidemark-edge(8)")));
  RtuServer server(port_);
  auto first = open();
  done = bus->connect(1s);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().fault(), Fault::denied);
  EXPECT_THAT(done.error().text(), HasSubstr("another program has it"));
  first->close();
  EXPECT_TRUE(bus->connect(1s).ok());
}

TEST_F(RtuTest, ADriverThatCannotTurnTheLineIsTold) {
  RtuServer server(port_);
  for (const auto* option : {"?rs485=kernel", "?rs485=rts-up"}) {
    const auto done = make(option)->connect(1s);
    ASSERT_FALSE(done.ok()) << option;
    EXPECT_THAT(done.error().text(), HasSubstr("leave rs485 out")) << option;
  }
}

// A line that is turned round by us: it notes when, and how much had been sent by then.
class TurnedLine final : public Line {
 public:
  explicit TurnedLine(std::vector<std::string>& log) : log_(log) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_), 0);
  }
  ~TurnedLine() override {
    for (const int fd : ends_) ::close(fd);
  }
  Result<int> open(Nanoseconds) override { return ends_[0]; }
  void close() override {}
  void talk(bool on) override {
    int bytes = 0;
    ::ioctl(ends_[1], FIONREAD, &bytes);
    log_.push_back((on ? "talk, " : "listen, ") + std::to_string(bytes) + " bytes sent");
    // The device answers when it has all of it, and not before the line listens.
    const auto answer = with_crc({3, 4, 2, 0x12, 0x34});
    if (!on) {
      EXPECT_EQ(::write(ends_[1], answer.data(), answer.size()), 7);
    }
  }
  [[nodiscard]] Nanoseconds gap() const override { return 1ms; }

 private:
  std::vector<std::string>& log_;
  int ends_[2] = {-1, -1};
};

TEST(Rs485, TheLineTalksWhileARequestIsSentAndListensAfterIt) {
  const SystemClock clock;
  std::vector<std::string> log;
  RtuBus bus(std::make_unique<TurnedLine>(log), clock);
  ASSERT_TRUE(bus.connect(1s).ok());
  std::vector<std::uint16_t> out(1);
  EXPECT_EQ(bus.read({3, 4, 16, 1}, 2s, out).kind, Kind::good);
  EXPECT_THAT(out, ElementsAre(0x1234));
  EXPECT_THAT(log, ElementsAre("talk, 0 bytes sent", "listen, 8 bytes sent"));
}

// A converter that hands bytes through: a listener whose connection is the far end of a line.
TEST(RtuOverTcp, ReadsAndSeesTheConverterGo) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const SystemClock clock;
  auto bus = field_bus(config::parse_bus_url("rtu+tcp://127.0.0.1:" +
                                             std::to_string(ntohs(address.sin_port))).value(),
                       clock);
  ASSERT_TRUE(bus->connect(1s).ok());
  const int far = ::accept(listener, nullptr, nullptr);
  std::thread converter([&] {
    Bytes request(8);
    EXPECT_EQ(::recv(far, request.data(), request.size(), MSG_WAITALL), 8);
    EXPECT_EQ(request, with_crc({3, 4, 0, 16, 0, 1}));
    const auto answer = with_crc({3, 4, 2, 0x12, 0x34});
    EXPECT_EQ(::send(far, answer.data(), answer.size(), 0), 7);
    EXPECT_EQ(::recv(far, request.data(), request.size(), MSG_WAITALL), 8);
    ::close(far);
  });
  std::vector<std::uint16_t> out(1);
  EXPECT_EQ(bus->read({3, 4, 16, 1}, 2s, out).kind, Kind::good);
  EXPECT_THAT(out, ElementsAre(0x1234));
  EXPECT_EQ(bus->read({3, 4, 16, 1}, 2s, out).kind, Kind::broken);
  converter.join();
  ::close(listener);
  const auto gone = bus->connect(1s);
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.error().text(), HasSubstr("Connection refused; is the converter on"));
}

// The whole source on a line that is pulled and plugged in again under the same name.
TEST_F(RtuTest, UnitsOfALineAreReadAndAPulledAdapterComesBack) {
  auto server = std::make_unique<RtuServer>(port_);
  server->mapping().tab_registers[0] = 42;
  const auto profiles = folder_ / "p.toml";
  ASSERT_TRUE(write_file(profiles, "schema = 1\n[profile]\nid = \"p\"\nprotocol = \"modbus\"\n"
                                   "source = \"t\"\nverified = \"one source\"\n[[point]]\n"
                                   "name = \"x\"\naddress = 0\ntype = \"u16\"\nrate = \"fast\"\n"));
  std::vector<config::ModbusConfig> configs(2);
  for (std::size_t i = 0; i < configs.size(); ++i) {
    auto& c = configs[i];
    c.name = "unit" + std::to_string(i + 1);
    c.url = "rtu://" + port_.string() + "?baud=115200";
    c.unit = static_cast<std::int64_t>(i) + 1;
    c.profile = "p";
    c.poll = {20ms, 20ms, 20ms};
    c.timeout = 500ms;
  }
  MemoryJournal journal;
  SystemRandom random;
  auto made = make_sources(configs, profile::Library({folder_.path()}),
                           [](const std::string& name) { return name == "unit1" ? 1u : 2u; },
                           journal, clock_, random);
  ASSERT_TRUE(made.ok()) << made.error().text();
  for (auto& s : *made) ASSERT_TRUE(s->start().ok());
  const auto good_of = [&](std::uint32_t id, std::size_t from) {
    const auto kept = journal.of(id);
    for (std::size_t i = from; i < kept.size(); ++i) {
      if (kept[i].poll.good) return kept[i].poll.ranges.at(0).registers.at(0) == 42;
    }
    return false;
  };
  EXPECT_TRUE(test::eventually([&] { return good_of(1, 0) && good_of(2, 0); }));
  for (const auto& frame : server->seen()) {
    EXPECT_TRUE(frame[1] >= 1 && frame[1] <= 4) << "a writing function on the wire";
  }
  server.reset();
  EXPECT_TRUE(test::eventually([&] { return (*made)[0]->status().state == "failing"; }));
  const auto before = journal.of(1).size();
  server = std::make_unique<RtuServer>(port_);
  server->mapping().tab_registers[0] = 42;
  EXPECT_TRUE(test::eventually([&] { return good_of(1, before); }));
  for (auto& s : *made) s->stop();
}

}  // namespace
}  // namespace tidemark::modbus
