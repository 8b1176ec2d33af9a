#include "cloud/intake/listener.h"

#include <zmq.h>

#include <cstring>
#include <thread>

#include "tests/cloud/edge_double.h"
#include "tests/support/eventually.h"

namespace tidemark::test {
namespace {

// A gateway's end of the socket.
class Gateway {
 public:
  explicit Gateway(const std::string& address) {
    zmq_setsockopt(socket_, ZMQ_ROUTING_ID, "gw", 2);
    const int wait_ms = 10'000;
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    EXPECT_EQ(zmq_connect(socket_, address.c_str()), 0);
  }
  ~Gateway() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  void send(const std::string& edge, std::uint64_t session, const wire::Frame& frame) {
    ByteVector bytes;
    wire::append_frame(bytes, frame.type, frame.payload);
    zmq_send(socket_, edge.data(), edge.size(), ZMQ_SNDMORE);
    zmq_send(socket_, &session, sizeof session, ZMQ_SNDMORE);
    zmq_send(socket_, bytes.data(), bytes.size(), 0);
  }
  struct Received {
    std::string edge;
    std::uint64_t session = 0;
    wire::Frame frame;
  };
  Received receive() {
    Received r;
    r.edge = std::string(as_text(part()));
    const auto session = part();
    if (session.size() == sizeof r.session) {
      std::memcpy(&r.session, session.data(), sizeof r.session);
    }
    wire::FrameReader reader(wire::kFramePayloadMax);
    reader.feed(part());
    auto frame = reader.next();
    if (frame && frame->has_value()) r.frame = **frame;
    return r;
  }

 private:
  ByteVector part() {
    ByteVector bytes(1 << 20);
    const int n = zmq_recv(socket_, bytes.data(), bytes.size(), 0);
    EXPECT_GE(n, 0) << "no answer in time";
    bytes.resize(static_cast<std::size_t>(std::max(n, 0)));
    return bytes;
  }
  void* context_ = zmq_ctx_new();
  void* socket_ = zmq_socket(context_, ZMQ_DEALER);
};

TEST(Listener, AnswersGatewaysAndDrainsOnStop) {
  Folder folder;
  SystemDisk disk;
  SystemClock clock;
  SystemRandom random;
  StopSignal stop;
  intake::Options options;
  options.data_dir = folder.path;
  options.views = answers::views_in_force({}).value();
  auto intake = intake::Intake::open(disk, clock, std::move(options)).value();
  auto listener = intake::open_zmq_listener("tcp://127.0.0.1:*", clock, random).value();
  Gateway gateway(listener->address());
  std::thread thread([&] { EXPECT_TRUE(listener->run(*intake, stop, [] {}).ok()); });

  wire::Frame ping{wire::FrameType::ping, {1, 2, 3, 4, 5, 6, 7, 8}};
  gateway.send("", 3, ping);
  const auto pong = gateway.receive();
  EXPECT_EQ(pong.frame.type, wire::FrameType::pong);
  EXPECT_EQ(pong.edge, "");
  ASSERT_EQ(pong.frame.payload.size(), 16u);
  EXPECT_TRUE(std::equal(ping.payload.begin(), ping.payload.end(), pong.frame.payload.begin()));

  EdgeDouble edge("press-07", 11, 1);
  edge.take(0, kStart, 1);
  edge.flush(kStart + 60 * kSecond);
  gateway.send(edge.name(), 77, edge.hello());
  gateway.send(edge.name(), 77, edge.dictionary());
  gateway.send(edge.name(), 77, edge.block(1));
  auto answer = gateway.receive();
  EXPECT_EQ(answer.frame.type, wire::FrameType::welcome);
  EXPECT_EQ(answer.edge, "press-07");
  EXPECT_EQ(answer.session, 77u);
  SequenceRanges acknowledged;
  while (acknowledged.empty()) {
    answer = gateway.receive();
    ASSERT_EQ(answer.frame.type, wire::FrameType::ack);
    const auto ack = wire::decode_ack(answer.frame.payload).value();
    for (const auto& h : ack.holdings) acknowledged.add(h.blocks);
  }
  EXPECT_EQ(acknowledged, (SequenceRanges{{1, 1}}));
  stop.ask();
  thread.join();
  auto reader = query::Reader::open(folder.path).value();
  EXPECT_EQ(reader->ledger().value().answered, 1u);
  EXPECT_EQ(reader->series("**").value().at(0).readings, 1u);  // lazily written rows as well
}

// Nobody says bye for the edges of a gateway that was killed.
TEST(Listener, EndsTheSessionsOfAGatewayThatIsGone) {
  Folder folder;
  SystemDisk disk;
  SystemClock clock;
  SystemRandom random;
  StopSignal stop;
  intake::Options options;
  options.data_dir = folder.path;
  options.views = answers::views_in_force({}).value();
  auto intake = intake::Intake::open(disk, clock, std::move(options)).value();
  auto listener = intake::open_zmq_listener("tcp://127.0.0.1:*", clock, random,
                                            std::chrono::milliseconds(300)).value();
  auto gateway = std::make_unique<Gateway>(listener->address());
  std::thread thread([&] { EXPECT_TRUE(listener->run(*intake, stop, [] {}).ok()); });
  const EdgeDouble edge("press-07", 11, 1);
  gateway->send(edge.name(), 77, edge.hello());
  EXPECT_EQ(gateway->receive().frame.type, wire::FrameType::welcome);
  gateway.reset();
  EXPECT_TRUE(eventually([&] {
    const auto edges = query::Reader::open(folder.path).value()->edges().value();
    return !edges.at(0).connected && edges.at(0).away.starts_with("gateway gw silent since ");
  }));
  stop.ask();
  thread.join();
}

// Frames that come as fast as they are taken: one each millisecond, `of_ten` of every ten turns.
class Torrent final : public intake::Listener {
 public:
  Torrent(ManualClock& clock, int of_ten, Lane lane)
      : Listener(clock, intake::kSilenceMax), time_(clock), of_ten_(of_ten), lane_(lane) {
    for (int i = 0; i < kTurns; ++i) {
      edge_.take(0, kStart + i * kSecond / 10, i);
      edge_.flush(kStart + i * kSecond / 10);
    }
  }
  [[nodiscard]] std::string address() const override { return "here"; }
  // Of the turns that have passed.
  std::uint64_t run_turns(intake::Intake& intake) {
    EXPECT_TRUE(run(intake, stop_, [] {}).ok());
    return intake.counters().commits;
  }

 protected:
  std::size_t receive(intake::Intake& intake) override {
    time_.advance(std::chrono::milliseconds(1));
    if (++turn_ == kTurns) stop_.ask();
    if (turn_ % 10 >= of_ten_) return 0;
    intake.take(edge_.name(), 1, turn_ == 1 ? edge_.hello()
                                 : turn_ == 2 ? edge_.dictionary()
                                              : edge_.block(next_++, lane_));
    return 1;
  }
  void wait(std::chrono::milliseconds /*most*/, const StopSignal& /*stop*/) override {}
  void answer(intake::Intake& /*intake*/, std::vector<intake::Reply> /*replies*/) override {}

 private:
  static constexpr int kTurns = 1000;
  ManualClock& time_;
  const int of_ten_;
  const Lane lane_;
  EdgeDouble edge_{"press-07", 11, 1};
  StopSignal stop_{StopSignal::ByHand{}};
  int turn_ = 0;
  std::uint64_t next_ = 1;
};

std::uint64_t commits_of_a_second(int of_ten, Lane lane) {
  Folder folder;
  SystemDisk disk;
  ManualClock clock(event_time(kStart));
  intake::Options options;
  options.data_dir = folder.path;
  options.views = answers::views_in_force({}).value();
  auto intake = intake::Intake::open(disk, clock, std::move(options)).value();
  return Torrent(clock, of_ten, lane).run_turns(*intake);
}

TEST(Listener, BatchesAreLongerWhileLiveFramesNeverRunOut) {
  EXPECT_LE(commits_of_a_second(10, Lane::live), 6u);
  EXPECT_GE(commits_of_a_second(9, Lane::live), 18u);
  EXPECT_GE(commits_of_a_second(10, Lane::backlog), 18u) << "live data wait behind it";
}

TEST(Listener, RefusesAnAddressThatLeavesTheMachine) {
  SystemClock clock;
  SystemRandom random;
  const auto refused = intake::open_zmq_listener("tcp://0.0.0.0:7444", clock, random);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::bad_input);
}

}  // namespace
}  // namespace tidemark::test
