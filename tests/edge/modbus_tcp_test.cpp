// Against a real Modbus TCP server of libmodbus, in this process.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <thread>

#include "edge/fieldbus/field_bus.h"
#include "edge/modbus/modbus_source.h"
#include "edge/modbus/poll_decoder.h"
#include "edge/profile/decode.h"
#include "tests/edge/modbus_journal.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = Reply::Kind;

enum class Mood : std::uint8_t { answers, silent, half, hangs_up };

// Serves 100 input registers from 0 on (unit 1), holding registers from 5200 to 5221, 16 coils.
class Server {
 public:
  explicit Server(std::uint16_t port = 0) {
    mapping_ = modbus_mapping_new_start_address(0, 16, 0, 0, 5200, 22, 0, 100);
    context_ = modbus_new_tcp("127.0.0.1", port);
    listener_ = modbus_tcp_listen(context_, 4);
    EXPECT_GE(listener_, 0);
    sockaddr_in address{};
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    stopping_ = true;
    thread_.join();
    ::close(listener_);
    modbus_free(context_);
    modbus_mapping_free(mapping_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] modbus_mapping_t& mapping() { return *mapping_; }
  std::atomic<Mood> mood{Mood::answers};

 private:
  static bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 20) > 0;
  }
  void serve() {
    while (!stopping_) {
      if (!readable(listener_)) continue;
      const int fd = ::accept(listener_, nullptr, nullptr);
      modbus_set_socket(context_, fd);
      while (!stopping_) {
        if (!readable(fd)) continue;
        std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> query{};
        const int length = modbus_receive(context_, query.data());
        if (length < 0 || mood == Mood::hangs_up) break;
        if (length == 0 || mood == Mood::silent) continue;
        if (mood == Mood::half) {  // the header of an answer, and nothing after it
          const std::array<std::uint8_t, 9> half = {query[0], query[1], 0, 0, 0, 7,
                                                    query[6], query[7], 4};
          (void)::send(fd, half.data(), half.size(), MSG_NOSIGNAL);
          continue;
        }
        modbus_reply(context_, query.data(), length, mapping_);
      }
      ::close(fd);
    }
  }

  modbus_t* context_ = nullptr;
  modbus_mapping_t* mapping_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct Read {
  Reply reply;
  std::vector<std::uint16_t> registers;
};
Read read(FieldBus& bus, Request request, Nanoseconds timeout = 2s) {
  Read r;
  r.registers.resize(request.count);
  r.reply = bus.read(request, timeout, r.registers);
  return r;
}

std::unique_ptr<FieldBus> bus_to(std::uint16_t port) {
  static const SystemClock clock;
  return field_bus(config::parse_bus_url("tcp://127.0.0.1:" + std::to_string(port)).value(), clock);
}

TEST(TcpBus, ReadsAllFourTables) {
  Server server;
  server.mapping().tab_input_registers[7] = 0xBEEF;
  server.mapping().tab_registers[0] = 4711;
  server.mapping().tab_bits[3] = 1;
  auto bus = bus_to(server.port());
  ASSERT_TRUE(bus->connect(2s).ok());
  EXPECT_THAT(read(*bus, {1, 4, 6, 2}).registers, ElementsAre(0, 0xBEEF));
  EXPECT_THAT(read(*bus, {1, 3, 5200, 1}).registers, ElementsAre(4711));
  EXPECT_THAT(read(*bus, {1, 1, 2, 2}).registers, ElementsAre(0, 1));
}

TEST(TcpBus, ExceptionsKeepTheConnection) {
  Server server;
  auto bus = bus_to(server.port());
  ASSERT_TRUE(bus->connect(2s).ok());
  const auto refused = read(*bus, {1, 4, 99, 2});
  EXPECT_EQ(refused.reply.kind, Kind::exception);
  EXPECT_EQ(refused.reply.exception, 2);
  EXPECT_EQ(read(*bus, {1, 4, 99, 1}).reply.kind, Kind::good);
}

TEST(TcpBus, SilenceAndHalfAnswersEndInTime) {
  Server server;
  auto bus = bus_to(server.port());
  ASSERT_TRUE(bus->connect(2s).ok());
  server.mood = Mood::silent;
  EXPECT_EQ(read(*bus, {1, 4, 0, 2}, 50ms).reply.kind, Kind::silent);
  server.mood = Mood::half;
  EXPECT_NE(read(*bus, {1, 4, 0, 2}, 50ms).reply.kind, Kind::good);
  server.mood = Mood::answers;
  EXPECT_EQ(read(*bus, {1, 4, 0, 2}).reply.kind, Kind::good);  // nothing is left of the half
}

TEST(TcpBus, ALostConnectionIsBroken) {
  Server server;
  auto bus = bus_to(server.port());
  ASSERT_TRUE(bus->connect(2s).ok());
  server.mood = Mood::hangs_up;
  EXPECT_EQ(read(*bus, {1, 4, 0, 2}).reply.kind, Kind::broken);
  bus->close();
  EXPECT_EQ(read(*bus, {1, 4, 0, 2}).reply.kind, Kind::broken);
  server.mood = Mood::answers;
  ASSERT_TRUE(bus->connect(2s).ok());
  EXPECT_EQ(read(*bus, {1, 4, 0, 2}).reply.kind, Kind::good);
}

TEST(TcpBus, NobodyListens) {
  std::uint16_t port = 0;
  {
    const Server server;
    port = server.port();
  }
  auto bus = bus_to(port);
  const auto done = bus->connect(1s);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().fault(), Fault::unavailable);
  EXPECT_THAT(done.error().text(), HasSubstr("Connection refused"));
}

TEST(TcpBus, InterruptEndsAReadThatWaits) {
  Server server;
  server.mood = Mood::silent;
  auto bus = bus_to(server.port());
  ASSERT_TRUE(bus->connect(2s).ok());
  std::thread other([&] { bus->interrupt(); });
  EXPECT_NE(read(*bus, {1, 4, 0, 2}, 60s).reply.kind, Kind::good);
  other.join();
}

class Sources : public ::testing::Test {
 protected:
  void make(std::uint16_t port, std::string profile_name, int devices = 1) {
    std::vector<config::ModbusConfig> configs;
    for (int i = 0; i < devices; ++i) {
      config::ModbusConfig c;
      c.name = "line" + std::to_string(i);
      c.url = "tcp://127.0.0.1:" + std::to_string(port);
      c.profile = profile_name;
      c.poll = {20ms, 100ms, 100ms};
      c.timeout = 500ms;
      configs.push_back(std::move(c));
    }
    auto made = make_sources(configs, profile::Library({TIDEMARK_PROFILES}),
                             [](const std::string& name) { return name == "line0" ? 10u : 11u; },
                             journal_, clock_, random_);
    ASSERT_TRUE(made.ok()) << made.error().text();
    sources_ = std::move(*made);
    for (auto& s : sources_) ASSERT_TRUE(s->start().ok());
  }
  void TearDown() override {
    for (auto& s : sources_) s->stop();
  }
  // Waits, without a fixed time, until the journal holds what is asked for.
  bool until(const std::function<bool()>& reached) {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    for (int i = 0; i < 3000; ++i) {
      if (reached()) return true;
      never.wait_for(lock, 5ms);
    }
    return false;
  }
  bool good_poll_after(std::size_t from) {
    const auto kept = journal_.of(10);
    for (std::size_t i = from; i < kept.size(); ++i) {
      if (kept[i].poll.good) return true;
    }
    return false;
  }

  SystemClock clock_;
  SystemRandom random_;
  MemoryJournal journal_;
  std::vector<std::unique_ptr<source::Source>> sources_;
};

TEST_F(Sources, AQm30vt2IsReadAndDecoded) {
  Server server;
  server.mapping().tab_registers[3] = 2'000;  // 20.00 °C
  server.mapping().tab_registers[5] = 254;    // 0.254 mm/s
  make(server.port(), "banner-qm30vt2");
  ASSERT_TRUE(until([&] { return good_poll_after(0); }));
  EXPECT_EQ(sources_[0]->status().state, "ok");
  EXPECT_EQ(sources_[0]->schedules().size(), 2u);

  std::optional<double> velocity;
  source::SeriesTable series;
  for (const auto& kept : journal_.of(10)) {
    ByteVector bytes;
    ByteWriter writer(bytes);
    kept.poll.encode(writer);
    journal::Entry entry;
    entry.kind = kPollKind;
    entry.payload = bytes;
    source::Decoded out;
    sources_[0]->decoder().decode(entry, series, out);
    EXPECT_TRUE(out.rejected.empty());
    for (const auto& group : out.groups) {
      for (const auto& column : group.columns) {
        const auto& d = series.at(column.series);
        if (d.metric == "velocity_rms_x") {
          velocity = decimal_to_double(column.i64.at(0), d.exponent);
        }
      }
    }
  }
  EXPECT_EQ(velocity, 0.254);
}

TEST_F(Sources, APartlyServedProfileIsReadInPartsAndSaysWhy) {
  Server server;  // has input registers 0 to 99 only; the SDM630 goes on to 0x16B
  make(server.port(), "eastron-sdm630");
  ASSERT_TRUE(until([&] {
    return sources_[0]->status().error.find("exception 2, illegal data address") !=
           std::string::npos;
  }));
  ASSERT_TRUE(until([&] { return good_poll_after(0); }));  // the fast class is served
}

TEST_F(Sources, AServerThatComesBackIsReadAgain) {
  auto server = std::make_unique<Server>();
  const auto port = server->port();
  make(port, "banner-qm30vt2");
  ASSERT_TRUE(until([&] { return good_poll_after(0); }));
  server.reset();
  ASSERT_TRUE(until([&] { return sources_[0]->status().state == "failing"; }));
  const auto before = journal_.of(10).size();
  server = std::make_unique<Server>(port);
  EXPECT_TRUE(until([&] { return good_poll_after(before); }));
}

TEST_F(Sources, DevicesOfOneUrlShareAConnection) {
  Server server;  // takes one client at a time: two connections would starve each other
  make(server.port(), "banner-qm30vt2", 2);
  EXPECT_TRUE(until([&] { return good_poll_after(5) && journal_.of(11).size() > 5; }));
  for (const auto& s : sources_) EXPECT_EQ(s->status().state, "ok") << s->status().error;
}

TEST_F(Sources, StopDoesNotWaitForASilentDevice) {
  Server server;
  server.mood = Mood::silent;
  make(server.port(), "banner-qm30vt2");
  const auto begin = clock_.steady();
  sources_[0]->stop();
  EXPECT_LT(clock_.steady() - begin, 5s);
  const auto kept = journal_.of(10).size();
  EXPECT_EQ(sources_[0]->status().state, "stopped");
  EXPECT_EQ(journal_.of(10).size(), kept);
}

TEST_F(Sources, AFullJournalHoldsTheBusAndIsCounted) {
  Server server;
  make(server.port(), "banner-qm30vt2");
  ASSERT_TRUE(until([&] { return good_poll_after(0); }));
  journal_.set_full(true);
  const auto from = clock_.steady();
  ASSERT_TRUE(until([&] { return clock_.steady() - from > 100ms; }));
  journal_.set_full(false);
  ASSERT_TRUE(until([&] { return sources_[0]->status().late > 0; }));
}

TEST(MakeSources, AnUnknownProfileNamesTheSource) {
  MemoryJournal journal;
  SystemClock clock;
  SystemRandom random;
  config::ModbusConfig c;
  c.name = "line1";
  c.url = "tcp://127.0.0.1:502";
  c.profile = "banner-qm30vt";
  const auto made = make_sources({c}, profile::Library({TIDEMARK_PROFILES}),
                                 [](const std::string&) { return 1u; }, journal, clock, random);
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.error().text(),
              HasSubstr("source line1: unknown profile 'banner-qm30vt'; did you mean"));
}

}  // namespace
}  // namespace tidemark::modbus
