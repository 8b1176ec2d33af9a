#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "edge/uplink/channel.h"
#include "edge/uplink/identity.h"
#include "tests/gateway/rig.h"
#include "tests/support/eventually.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Rig;
using uplink::Channel;
using wire::FrameType;
using wire::Refusal;

// An edge that says what the test wants, over real TLS.
struct ScriptedEdge {
  ScriptedEdge(Rig& rig, const std::string& name) : name_(name) {
    const auto identity = uplink::load_identity(rig.enrolled(name)).value();
    context = tls::ClientContext::make({{identity.credentials}, identity.trusted, {}}, rig.clock)
                  .value();
    channel = Channel::dial(rig.address(), {}, *context, 10s, -1).value();
  }
  void say(FrameType type, ByteSpan payload) {
    wire::append_frame(channel->output(), type, payload);
    push();
  }
  void push() const {
    while (!channel->output().empty() && channel->turn(10ms, -1)) {
    }
  }
  void hello() {
    wire::Hello h;
    h.edge = name_;
    h.site = "plant7";
    h.incarnation = {7};
    say(FrameType::hello, wire::encode(h));
  }
  void open() {
    hello();
    ASSERT_TRUE(hear(FrameType::welcome));
    ASSERT_TRUE(hear(FrameType::credit));
  }
  void block(std::uint64_t sequence) {
    BlockRecord r;
    r.name = {{7}, {sequence}};
    r.bytes.assign(1000, 1);
    say(FrameType::block, wire::encode_block(Lane::live, r));
  }
  // The next frame of that type; others are passed over.
  std::optional<wire::Frame> hear(FrameType type) const {
    for (;;) {
      auto frame = channel->await(5s, -1);
      if (!frame) return std::nullopt;
      if (frame->type == type) return std::move(*frame);
    }
  }
  std::optional<Refusal> refusal() const {
    const auto frame = hear(FrameType::refuse);
    if (!frame) return std::nullopt;
    return wire::decode_refuse(frame->payload)->reason;
  }
  std::string name_;
  std::shared_ptr<tls::ClientContext> context;
  std::unique_ptr<Channel> channel;
};

int plain_connect(const Rig& rig) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(rig.server->port());
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
  return fd;
}
// Whether the other side ends it within ten seconds.
bool is_closed(int fd) {
  timeval patience{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char c = 0;
  const auto n = recv(fd, &c, 1, 0);
  return n == 0 || (n < 0 && errno == ECONNRESET);
}

TEST(Listener, CarriesABlockToTheCloudAndTheAckBack) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  edge.block(1);
  const auto ack = edge.hear(FrameType::ack);
  ASSERT_TRUE(ack);
  EXPECT_TRUE(wire::decode_ack(ack->payload)->holdings[0].blocks.contains({1}));
  ASSERT_TRUE(eventually([&] {
    const auto s = rig.server->snapshot();
    return s.edges.size() == 1 && s.edges[0].counts.blocks == 1;
  }));
  EXPECT_EQ(rig.server->snapshot().edges[0].state, "up");
}

TEST(Listener, AHalfSentFrameIsNothing) {
  Rig rig;
  {
    ScriptedEdge edge(rig, "press-07");
    edge.open();
    ByteVector frame;
    wire::append_frame(frame, FrameType::block, ByteVector(1000, 1));
    edge.channel->output().assign(frame.begin(), frame.begin() + 500);
    edge.push();
  }
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").byes == 1; }));
  EXPECT_TRUE(rig.cloud.edge("press-07").order.empty());
  EXPECT_EQ(rig.other_letters()->totals()->letters, 0u);
}

TEST(Listener, ADamagedBlockBecomesADeadLetterAndIsAskedForAgain) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  BlockRecord r;
  r.name = {{7}, {3}};
  r.bytes.assign(500, 1);
  auto payload = wire::encode_block(Lane::live, r);
  payload[200] ^= 0x10;
  edge.say(FrameType::block, payload);
  const auto request = edge.hear(FrameType::request);
  ASSERT_TRUE(request);
  EXPECT_TRUE(wire::decode_request(request->payload)->missing[0].blocks.contains({3}));
  const auto letters = rig.other_letters()->list(10).value();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].edge, "press-07");
  EXPECT_NE(letters[0].reason.find("checksum"), std::string::npos);
  edge.block(3);
  EXPECT_TRUE(edge.hear(FrameType::ack));
}

TEST(Listener, ADeadLetterIsTriedAgainWhenAPersonSaysSo) {
  Rig rig;
  BlockRecord r;
  r.name = {{7}, {3}};
  const auto good = wire::encode_block(Lane::live, r);
  const auto letters = rig.other_letters();
  ASSERT_TRUE(letters->add("press-07", "was too new", FrameType::block, good));
  ASSERT_TRUE(letters->add("press-07", "broken", FrameType::block, ByteVector(50, 1)));
  ASSERT_TRUE(letters->retry(1).value());
  ASSERT_TRUE(letters->retry(2).value());
  ASSERT_TRUE(eventually([&] { return rig.cloud.edge("press-07").order.size() == 1; }));
  ASSERT_TRUE(eventually([&] { return letters->totals()->letters == 1; }));
  ASSERT_TRUE(eventually([&] { return letters->get(2).value()->reason != "broken"; }));
}

TEST(Listener, ANewerConnectionOfTheSameEdgeTakesOver) {
  Rig rig;
  ScriptedEdge first(rig, "press-07");
  first.open();
  ScriptedEdge second(rig, "press-07");
  second.open();
  EXPECT_EQ(first.refusal(), Refusal::clone);
  second.block(1);
  EXPECT_TRUE(second.hear(FrameType::ack));
  EXPECT_EQ(rig.cloud.edge("press-07").byes, 1u);
  EXPECT_EQ(rig.cloud.edge("press-07").types[1], FrameType::bye) << "before the second hello";
}

TEST(Listener, ARevokedEdgeIsCutAndStaysOut) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  ASSERT_TRUE(rig.other_registry()->revoke("press-07").value());
  EXPECT_EQ(edge.refusal(), Refusal::identity);
  const auto again = Channel::dial(rig.address(), {}, *edge.context, 5s, -1).value();
  const auto frame = again->await(5s, -1);
  ASSERT_TRUE(frame) << frame.error().text();
  EXPECT_NE(wire::decode_refuse(frame->payload)->text.find("revoked"), std::string::npos);
}

TEST(Listener, ACloudThatStartsAnewEndsTheSessions) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  rig.cloud.start_anew();
  EXPECT_EQ(edge.refusal(), Refusal::unavailable);
  ScriptedEdge back(rig, "press-07");
  back.open();
  EXPECT_EQ(rig.cloud.edge("press-07").hellos.size(), 2u);
}

TEST(Listener, EdgesWaitForTheCloud) {
  Rig rig;
  rig.cloud.be_there(false);
  ASSERT_TRUE(eventually([&] { return !rig.server->cloud_up(); }, 20s));
  ScriptedEdge edge(rig, "press-07");
  edge.hello();
  ASSERT_TRUE(eventually([&] {
    const auto s = rig.server->snapshot();
    return s.edges.size() == 1 && s.edges[0].state == "waiting for the cloud";
  }));
  rig.cloud.be_there(true);
  EXPECT_TRUE(edge.hear(FrameType::welcome));
}

TEST(Listener, BrokenLayoutIsADeadLetterAndARefusal) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  edge.channel->output().assign(64, 0xff);
  edge.push();
  EXPECT_EQ(edge.refusal(), Refusal::protocol);
  EXPECT_EQ(rig.other_letters()->totals()->letters, 1u);
}

ServerOptions impatient() {
  ServerOptions o;
  o.stranger_life = 500ms;
  return o;
}

TEST(Listener, StrangersHaveLittleTime) {
  Rig rig(impatient());
  const int silent = plain_connect(rig);
  const int talker = plain_connect(rig);
  const std::string words = "GET / HTTP/1.1\r\n\r\n";
  EXPECT_EQ(send(talker, words.data(), words.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(words.size()));
  EXPECT_TRUE(is_closed(talker));
  EXPECT_TRUE(is_closed(silent));
  close(silent);
  close(talker);
}

TEST(Listener, StrangersHaveFewPlaces) {
  auto options = impatient();
  options.stranger_life = 5s;
  options.strangers_of_one_address_max = 8;
  Rig rig(options);
  std::vector<int> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(plain_connect(rig));
  ASSERT_TRUE(eventually([&] { return rig.server->snapshot().strangers == 8; }));
  const int ninth = plain_connect(rig);
  EXPECT_TRUE(is_closed(ninth));
  close(ninth);
  for (const int fd : silent) close(fd);
  ASSERT_TRUE(eventually([&] { return rig.server->snapshot().strangers == 0; }));
  ScriptedEdge edge(rig, "press-07");
  edge.open();
}

TEST(Listener, AStrangerMayEnrolAndNothingElse) {
  Rig rig;
  const auto spki = rig.authority->facts().spki;
  tls::ClientOptions pinned;
  pinned.pin.assign(spki.begin(), spki.begin() + 16);
  const auto context = tls::ClientContext::make(pinned, rig.clock).value();
  for (const std::size_t size : {0u, 2000u}) {
    const auto channel = Channel::dial(rig.address(), {}, *context, 5s, -1).value();
    wire::append_frame(channel->output(), FrameType::hello, ByteVector(size, 0));
    const auto frame = channel->await(5s, -1);
    if (size == 0) {
      ASSERT_TRUE(frame);
      EXPECT_EQ(frame->type, FrameType::refuse);
    } else {
      EXPECT_FALSE(frame) << "a stranger's frame past 1 KiB is not even read";
    }
  }
}

TEST(Listener, EnrolmentTellsWhyNot) {
  Rig rig;
  const auto try_token = [&](const std::string& token, const std::string& edge) {
    const auto r = uplink::enroll({token, edge, "", {}, rig.folder.path / "new", false}, rig.clock);
    return r ? std::string() : r.error().text();
  };
  const auto token = rig.token();
  auto mistyped = token;
  const auto at = mistyped.rfind('-') - 1;
  mistyped[at] = mistyped[at] == '0' ? '1' : '0';
  EXPECT_NE(try_token(mistyped, "press-07").find("mistyped"), std::string::npos);
  auto foreign = token;
  foreign.back() = foreign.back() == '0' ? '1' : '0';
  EXPECT_NE(try_token(foreign, "press-07").find("CA"), std::string::npos);
  EXPECT_EQ(try_token(token, "press-07"), "");
  EXPECT_NE(try_token(token, "press-07").find("enrolled already"), std::string::npos);
  std::filesystem::remove_all(rig.folder.path / "new");
  EXPECT_NE(try_token(token, "press-08").find("used"), std::string::npos);
}

TEST(Listener, StoppingTellsTheEdges) {
  Rig rig;
  ScriptedEdge edge(rig, "press-07");
  edge.open();
  rig.stop();
  EXPECT_EQ(edge.refusal(), Refusal::unavailable);
}

}  // namespace
}  // namespace tidemark::gateway
