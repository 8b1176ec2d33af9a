#include "gateway/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/hash.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;
using wire::FrameType;
using wire::Refusal;

struct World : Surroundings {
  bool cloud_up() const override { return up; }
  bool forward(const std::string& edge, std::uint64_t session, ByteSpan frame) override {
    if (!up) return false;
    EXPECT_EQ(edge, "press-07");
    EXPECT_EQ(session, 42u);
    forwarded.emplace_back(frame.begin(), frame.end());
    return true;
  }
  Result<> dead_letter(const std::string&, const std::string&, FrameType,
                       ByteSpan payload) override {
    if (disk_full) return Error{Fault::full, "disk full"};
    letters.emplace_back(payload.begin(), payload.end());
    return {};
  }
  Result<ByteVector> renew(const std::string& edge, const std::string& site, ByteSpan) override {
    const auto text = edge + site;
    return ByteVector(text.begin(), text.end());
  }
  std::vector<FrameType> types() const {
    std::vector<FrameType> out;
    for (const auto& f : forwarded) out.push_back(static_cast<FrameType>(f[4]));
    return out;
  }
  bool up = true;
  bool disk_full = false;
  std::vector<ByteVector> forwarded;
  std::vector<ByteVector> letters;
};

class SessionTest : public testing::Test {
 protected:
  static wire::Hello hello() {
    wire::Hello h;
    h.edge = "press-07";
    h.site = "plant7";
    return h;
  }
  static BlockRecord record(std::uint64_t sequence, std::size_t size = 1000) {
    BlockRecord r;
    r.name = {{7}, {sequence}};
    r.bytes.assign(size, 1);
    return r;
  }
  void say(FrameType type, ByteVector payload) {
    session.on_frame({type, std::move(payload)}, now);
  }
  void say_block(std::uint64_t sequence, std::size_t size = 1000) {
    say(FrameType::block, wire::encode_block(Lane::live, record(sequence, size)));
  }
  void cloud_says(FrameType type, ByteSpan payload) {
    ByteVector frame;
    wire::append_frame(frame, type, payload);
    session.on_cloud(frame, now);
  }
  void cloud_acknowledges(const SequenceRanges& blocks) {
    wire::Ack ack;
    ack.holdings.push_back({{7}, blocks, 0});
    cloud_says(FrameType::ack, wire::encode(ack));
  }
  void open() {
    say(FrameType::hello, wire::encode(hello()));
    cloud_says(FrameType::welcome, wire::encode(wire::Welcome{}));
    (void)heard();
  }
  // What the edge hears; empties the output.
  std::vector<wire::Frame> heard() {
    wire::FrameReader reader(wire::kFramePayloadMax);
    reader.feed(session.output());
    session.output().clear();
    std::vector<wire::Frame> out;
    for (;;) {
      auto f = reader.next().value();
      if (!f) return out;
      out.push_back(std::move(*f));
    }
  }
  std::optional<Refusal> refusal() {
    for (const auto& f : heard()) {
      if (f.type == FrameType::refuse) return wire::decode_refuse(f.payload)->reason;
    }
    return std::nullopt;
  }
  std::uint64_t credit() {
    std::uint64_t last = 0;
    for (const auto& f : heard()) {
      if (f.type == FrameType::credit) last = wire::decode_credit(f.payload)->bytes;
    }
    return last;
  }

  World world;
  SteadyTime now{};
  Session session{42, "press-07", "plant7", Limits{}, world, now};
};

TEST_F(SessionTest, HelloGoesToTheCloudAndWelcomeBringsCredit) {
  say(FrameType::hello, wire::encode(hello()));
  EXPECT_THAT(world.types(), testing::ElementsAre(FrameType::hello));
  EXPECT_TRUE(heard().empty());
  cloud_says(FrameType::welcome, wire::encode(wire::Welcome{}));
  const auto said = heard();
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].type, FrameType::welcome);
  EXPECT_EQ(wire::decode_credit(said[1].payload)->bytes, Limits{}.window);
}

// A status with bytes in it that are no UTF-8 would end the gateway: the JSON library throws.
TEST_F(SessionTest, TheVersionOfAnEdgeIsPlainText) {
  auto h = hello();
  h.program_version = "1.2\xff\n";
  say(FrameType::hello, wire::encode(h));
  EXPECT_EQ(session.program_version(), "1.2??");
}

TEST_F(SessionTest, AnEdgeWaitsForTheCloud) {
  world.up = false;
  say(FrameType::hello, wire::encode(hello()));
  now += 20s;
  session.on_tick(now);
  EXPECT_EQ(session.state(), Session::State::waiting);
  world.up = true;
  session.on_tick(now);
  EXPECT_THAT(world.types(), testing::ElementsAre(FrameType::hello));
}

TEST_F(SessionTest, TheHelloMustSayWhatTheCertificateSays) {
  auto other = hello();
  other.edge = "press-08";
  say(FrameType::hello, wire::encode(other));
  EXPECT_EQ(refusal(), Refusal::identity);
  EXPECT_TRUE(world.forwarded.empty());
}

TEST_F(SessionTest, ASiteThatIsNotTheCertificatesIsRefused) {
  auto other = hello();
  other.site = "plant8";
  say(FrameType::hello, wire::encode(other));
  EXPECT_EQ(refusal(), Refusal::identity);
}

TEST_F(SessionTest, AVersionInCommonIsNeeded) {
  auto newer = hello();
  newer.version_min = 2;
  newer.version_max = 3;
  say(FrameType::hello, wire::encode(newer));
  EXPECT_EQ(refusal(), Refusal::version);
}

TEST_F(SessionTest, NothingGoesBeforeTheWelcome) {
  say(FrameType::hello, wire::encode(hello()));
  say_block(1);
  EXPECT_EQ(refusal(), Refusal::protocol);
}

TEST_F(SessionTest, FramesAreForwardedAsTheyCame) {
  open();
  say_block(1);
  ByteVector same;
  wire::append_frame(same, FrameType::block, wire::encode_block(Lane::live, record(1)));
  EXPECT_EQ(world.forwarded.back(), same);
  EXPECT_EQ(session.counts().blocks, 1u);
  EXPECT_GT(session.in_flight_bytes(), 1000u);
}

TEST_F(SessionTest, CreditComesBackWithAcknowledgements) {
  open();
  std::uint64_t n = 0;
  const auto size = wire::encode_block(Lane::live, record(1, 100'000)).size();
  for (std::uint64_t sent = 0; sent + size <= Limits{}.window; sent += size) {
    say_block(++n, 100'000);
  }
  EXPECT_FALSE(session.closed());
  cloud_acknowledges({{1, 2}});
  EXPECT_EQ(credit(), 0u) << "a frame for each acknowledgement would be many";
  cloud_acknowledges({{1, n}});
  EXPECT_EQ(credit(), Limits{}.window + n * size);
  EXPECT_EQ(session.in_flight_bytes(), 0u);
  EXPECT_EQ(session.counts().acknowledged_bytes, n * size);
}

TEST_F(SessionTest, WhoSendsMoreThanWasGrantedIsRefused) {
  open();
  for (std::uint64_t n = 1; n <= 5; ++n) say_block(n, 900'000);
  EXPECT_EQ(refusal(), Refusal::quota);
  EXPECT_EQ(world.forwarded.size(), 1u + 4u);
}

TEST_F(SessionTest, ABlockSentTwiceIsAcknowledgedOnce) {
  open();
  say_block(1);
  say_block(1);
  cloud_acknowledges({{1, 1}});
  EXPECT_EQ(session.in_flight_bytes(), 0u);
  cloud_acknowledges({{1, 1}});
  EXPECT_EQ(session.in_flight_bytes(), 0u);
}

TEST_F(SessionTest, SealsAndDictionariesAreAcknowledgedToo) {
  open();
  Seal seal;
  seal.incarnation = {7};
  for (seal.number = 1; seal.number <= 3; ++seal.number) {
    ByteVector payload;
    ByteWriter w(payload);
    seal.encode(w);
    say(FrameType::seal, payload);
  }
  const ByteVector dictionary(500, 3);
  say(FrameType::dictionary, dictionary);
  wire::Ack ack;
  ack.holdings.push_back({{7}, {}, 3});
  ack.dictionaries.push_back({xxh3(dictionary)});
  cloud_says(FrameType::ack, wire::encode(ack));
  EXPECT_EQ(session.in_flight_bytes(), 0u);
}

TEST_F(SessionTest, ADamagedBlockIsKeptThenAskedForAgain) {
  open();
  auto bad = wire::encode_block(Lane::live, record(5));
  bad[100] ^= 1;
  say(FrameType::block, bad);
  ASSERT_EQ(world.letters.size(), 1u);
  EXPECT_EQ(world.letters[0], bad);
  EXPECT_EQ(world.forwarded.size(), 1u);  // the hello
  const auto said = heard();
  ASSERT_EQ(said.size(), 1u);
  const auto request = wire::decode_request(said[0].payload).value();
  ASSERT_EQ(request.missing.size(), 1u);
  EXPECT_TRUE(request.missing[0].blocks.contains({5}));
  EXPECT_EQ(session.in_flight_bytes(), 0u);
}

TEST_F(SessionTest, AnEdgeThatSendsTheSameDamageAgainIsRefused) {
  open();
  auto bad = wire::encode_block(Lane::live, record(5));
  bad[100] ^= 1;
  for (int i = 0; i < 3; ++i) say(FrameType::block, bad);
  EXPECT_EQ(refusal(), Refusal::protocol);
  EXPECT_EQ(world.letters.size(), 3u);
}

TEST_F(SessionTest, NoVerdictWithoutADurableDeadLetter) {
  open();
  world.disk_full = true;
  auto bad = wire::encode_block(Lane::live, record(5));
  bad[100] ^= 1;
  say(FrameType::block, bad);
  EXPECT_EQ(refusal(), Refusal::unavailable);
}

TEST_F(SessionTest, ACloudThatDoesNotAcknowledgeEndsTheConnection) {
  open();
  say_block(1);
  for (int i = 0; i < 119; ++i) {
    now += 1s;
    say(FrameType::ping, ByteVector(8, 1));
    session.on_tick(now);
  }
  EXPECT_FALSE(session.closed());
  now += 2s;
  session.on_tick(now);
  EXPECT_EQ(refusal(), Refusal::unavailable);
}

TEST_F(SessionTest, SilenceAndAMissingHelloEndIt) {
  World w;
  Session mute(42, "press-07", "plant7", Limits{}, w, now);
  mute.on_tick(now + 11s);
  EXPECT_TRUE(mute.closed());
  open();
  session.on_tick(now + 91s);
  EXPECT_TRUE(session.closed());
}

TEST_F(SessionTest, AnEdgeThatDoesNotReadIsCut) {
  open();
  wire::Request big;
  big.dictionaries.resize(100'000);
  for (int i = 0; i < 6; ++i) cloud_says(FrameType::request, wire::encode(big));
  EXPECT_TRUE(session.closed());
  EXPECT_LE(session.output().size(), Limits{}.output_bytes_max);
}

TEST_F(SessionTest, ByeIsSaidOnceAndOnlyToACloudThatKnowsIt) {
  World w;
  Session(42, "press-07", "plant7", Limits{}, w, now).end();
  EXPECT_TRUE(w.forwarded.empty());
  open();
  session.end();
  session.end();
  EXPECT_THAT(world.types(), testing::ElementsAre(FrameType::hello, FrameType::bye));
}

TEST_F(SessionTest, PingsAreAnsweredAndCertificatesRenewed) {
  open();
  say(FrameType::ping, ByteVector(8, 9));
  say(FrameType::enroll_request, {});
  const auto said = heard();
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].type, FrameType::pong);
  EXPECT_EQ(said[0].payload, ByteVector(8, 9));
  EXPECT_EQ(said[1].type, FrameType::enroll_grant);
  EXPECT_EQ(as_text(said[1].payload), "press-07plant7");
}

TEST_F(SessionTest, RequestsOfTheCloudReachTheEdgeAndDamageDoesNot) {
  open();
  cloud_says(FrameType::request, wire::encode(wire::Request{{{9}}, {}}));
  cloud_says(FrameType::ack, ByteVector(3, 0xff));
  session.on_cloud(ByteVector(20, 0xff), now);
  const auto said = heard();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].type, FrameType::request);
}

}  // namespace
}  // namespace tidemark::gateway
