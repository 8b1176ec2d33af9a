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

TEST(Listener, RefusesAnAddressThatLeavesTheMachine) {
  SystemClock clock;
  SystemRandom random;
  const auto refused = intake::open_zmq_listener("tcp://0.0.0.0:7444", clock, random);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::bad_input);
}

}  // namespace
}  // namespace tidemark::test
