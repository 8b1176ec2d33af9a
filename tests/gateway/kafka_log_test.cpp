#include "gateway/log/kafka_log.h"

#include <gtest/gtest.h>

#include "common/base/hash.h"
#include "common/kafka/producer.h"
#include "common/kafka/records.h"
#include "common/wire/frame.h"
#include "tests/support/mock_kafka.h"
#include "tests/support/eventually.h"

namespace tidemark::gateway {
namespace {

using test::eventually;
using test::MockKafka;
using wire::FrameType;

constexpr Incarnation kStart{0xabc};

ByteVector frame_of(FrameType type, ByteSpan payload) {
  ByteVector out;
  wire::append_frame(out, type, payload);
  return out;
}
ByteVector hello(const std::string& edge) {
  wire::Hello h;
  h.edge = edge;
  h.incarnation = kStart;
  h.start_ordinal = 7;
  return frame_of(FrameType::hello, wire::encode(h));
}
BlockRecord block_record(std::uint64_t sequence, std::size_t bytes = 100) {
  BlockRecord r;
  r.name = {kStart, {sequence}};
  r.readings = 3;
  r.bytes.assign(bytes, static_cast<std::uint8_t>(sequence));
  return r;
}
ByteVector block(std::uint64_t sequence, Lane lane = Lane::live) {
  return frame_of(FrameType::block, wire::encode_block(lane, block_record(sequence)));
}
ByteVector seal(std::uint64_t number, bool more = false) {
  Seal s;
  s.incarnation = kStart;
  s.number = number;
  s.more = more;
  s.next = {1};
  ByteVector payload;
  ByteWriter w(payload);
  s.encode(w);
  return frame_of(FrameType::seal, payload);
}

// A log over the mock brokers, and what it answered, sorted by kind.
struct Fixture {
  explicit Fixture(MockKafka& kafka, Nanoseconds patience = std::chrono::seconds(90)) {
    KafkaOptions o;
    o.settings = kafka.settings;
    o.gateway = "gw1";
    o.patience = patience;
    o.probe_every = o.probe_again = std::chrono::milliseconds(20);
    o.layout = [](const kafka::Settings&) -> Result<kafka::Layout> {
      return kafka::Layout{.id = "mock", .partitions = MockKafka::kPartitions};
    };
    log = KafkaLog::open(std::move(o), clock, random).value();
  }
  void listen() {
    while (const auto e = log->receive()) {
      wire::FrameReader reader(wire::kFramePayloadMax);
      reader.feed(e->frame);
      const auto frame = *reader.next().value();
      if (frame.type == FrameType::pong) ++pongs;
      if (frame.type == FrameType::welcome) welcomes.push_back(e->session);
      if (frame.type == FrameType::refuse) {
        refusals[e->session].push_back(wire::decode_refuse(frame.payload).value().text);
      }
      if (frame.type != FrameType::ack) continue;
      const auto ack = wire::decode_ack(frame.payload).value();
      ledger_said = ledger_said || ack.ledger != Ledger{};
      for (const auto& h : ack.holdings) {
        blocks[e->session].add(h.blocks);
        seals[e->session] = std::max(seals[e->session], h.seal_number);
      }
      for (const auto d : ack.dictionaries) dictionaries[e->session].push_back(d);
    }
  }
  template <typename Condition>
  bool until(Condition condition) {
    return eventually([&] {
      listen();
      return condition();
    });
  }
  bool come_up() {
    return until([&] {
      log->send("", 0, frame_of(FrameType::ping, as_bytes("12345678")));
      return pongs > 0;
    });
  }
  bool greet(const std::string& edge, std::uint64_t session) {
    EXPECT_TRUE(come_up());
    EXPECT_TRUE(until([&] { return log->send(edge, session, hello(edge)); }));
    return until([&] { return !welcomes.empty() && welcomes.back() == session; });
  }

  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<KafkaLog> log;
  int pongs = 0;
  bool ledger_said = false;
  std::vector<std::uint64_t> welcomes;
  std::map<std::uint64_t, SequenceRanges> blocks;
  std::map<std::uint64_t, std::uint64_t> seals;
  std::map<std::uint64_t, std::vector<DictionaryHash>> dictionaries;
  std::map<std::uint64_t, std::vector<std::string>> refusals;
};

TEST(KafkaLog, AcknowledgesWhatTheBrokersHave) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 1));
  ASSERT_TRUE(f.log->send("press-07", 1, block(1)));
  ASSERT_TRUE(f.log->send("press-07", 1, block(2, Lane::backlog)));
  ASSERT_TRUE(f.log->send("press-07", 1, block(3, Lane::alarm)));
  ASSERT_TRUE(f.log->send("press-07", 1, seal(5)));
  ASSERT_TRUE(f.until([&] { return f.blocks[1].count() == 3 && f.seals[1] == 5; }));
  EXPECT_FALSE(f.ledger_said) << "only the cloud knows the ledger";

  const auto live = kafka.read(kafka.settings.live());
  ASSERT_EQ(live.size(), 4u) << "hello, two blocks, a seal";
  const auto where = kafka::partition_of("press-07", MockKafka::kPartitions);
  for (const auto& r : live) {
    EXPECT_EQ(r.key, "press-07");
    EXPECT_EQ(r.partition, where);
    EXPECT_EQ(r.headers.at("gateway"), "gw1");
  }
  const auto& first = live[1];
  ByteVector bytes;
  ByteWriter w(bytes);
  block_record(1).encode(w);
  EXPECT_EQ(first.value, as_text(bytes)) << "the block's bytes are not touched";
  EXPECT_EQ(first.headers.at("type"), "block");
  EXPECT_EQ(first.headers.at("incarnation"), "0000000000000abc");
  EXPECT_EQ(first.headers.at("ordinal"), "7");
  EXPECT_EQ(first.headers.at("sequence"), "1");
  EXPECT_EQ(first.headers.at("lane"), "live");
  EXPECT_EQ(live[2].headers.at("lane"), "alarm");
  const auto backlog = kafka.read(kafka.settings.backlog());
  ASSERT_EQ(backlog.size(), 1u);
  EXPECT_EQ(backlog[0].headers.at("sequence"), "2");
  EXPECT_EQ(backlog[0].partition, where);
  EXPECT_EQ(f.log->condition().delivered, 5u);
}

TEST(KafkaLog, ADictionaryIsDeliveredBeforeTheBlocksBehindIt) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 1));
  kafka.be_there(false);
  const auto dictionary = as_bytes("series");
  ASSERT_TRUE(f.log->send("press-07", 1, frame_of(FrameType::dictionary, dictionary)));
  ASSERT_TRUE(f.log->send("press-07", 1, block(1)));
  f.listen();
  EXPECT_EQ(f.log->condition().waiting, 1u) << "the block is not on its way yet";
  kafka.be_there(true);
  ASSERT_TRUE(f.until([&] { return f.blocks[1].count() == 1; }));
  EXPECT_EQ(f.dictionaries[1], std::vector{DictionaryHash{xxh3(dictionary)}});
  const auto stored = kafka.read(kafka.settings.dictionaries());
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_TRUE(stored[0].key.starts_with(std::string("press-07\0", 9))) << stored[0].key;
  EXPECT_EQ(stored[0].value, "series");
}

TEST(KafkaLog, APartOfASealIsNotAcknowledgedBeforeItsLast) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 1));
  ASSERT_TRUE(f.log->send("press-07", 1, seal(4, true)));
  ASSERT_TRUE(f.log->send("press-07", 1, block(1)));
  ASSERT_TRUE(f.until([&] { return f.blocks[1].count() == 1; }));
  EXPECT_EQ(f.seals[1], 0u);
  ASSERT_TRUE(f.log->send("press-07", 1, seal(4)));
  EXPECT_TRUE(f.until([&] { return f.seals[1] == 4; }));
}

TEST(KafkaLog, ABrokerThatIsAwayIsBackPressureAndNoError) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 1));
  kafka.be_there(false);
  ASSERT_TRUE(f.log->send("press-07", 1, block(1)));
  ASSERT_TRUE(f.until([&] { return !f.log->condition().problem.empty(); }));
  EXPECT_TRUE(f.log->send("press-07", 1, block(2))) << "taken, within the edge's credit";
  EXPECT_EQ(f.blocks[1].count(), 0u);
  kafka.be_there(true);
  ASSERT_TRUE(f.until([&] { return f.blocks[1].count() == 2; }));
  EXPECT_TRUE(f.refusals.empty());
  EXPECT_TRUE(f.until([&] { return f.log->condition().problem.empty(); }));
}

TEST(KafkaLog, TakesNothingOnceNoBrokerAnsweredForLong) {
  MockKafka kafka;
  Fixture f(kafka, std::chrono::milliseconds(300));
  ASSERT_TRUE(f.greet("press-07", 1));
  kafka.be_there(false);
  ASSERT_TRUE(f.until([&] { return !f.log->send("press-07", 1, block(1)); }));
  f.listen();
  const int before = f.pongs;
  f.log->send("", 0, frame_of(FrameType::ping, as_bytes("12345678")));
  f.listen();
  EXPECT_EQ(f.pongs, before) << "the gateway learns that the way is closed";
  EXPECT_TRUE(f.until([&] {
    return f.log->condition().problem.find("is the broker up") != std::string::npos;
  })) << f.log->condition().problem;
}

TEST(KafkaLog, HandsOnWhatTheCloudSaysToEdgesOfItsOwn) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 7));
  const auto cloud = kafka::Producer::open(kafka.settings, {}).value();
  const auto say = [&](const std::string& edge, FrameType type, std::uint64_t session,
                       const ByteVector& payload) {
    const std::vector<kafka::Header> headers{{"type", std::string(kafka::name_of(type))},
                                             {"session", kafka::hex_of(session)}};
    ASSERT_TRUE(cloud->send(kafka.settings.control(),
                            kafka::partition_of(edge, MockKafka::kPartitions), as_bytes(edge),
                            payload, headers, 1));
  };
  const auto refusal = wire::encode(wire::Refuse{wire::Refusal::clone, "another box"});
  wire::Ack ack;
  ack.ledger.taken = ack.ledger.answered = 5;
  say("press-07", FrameType::refuse, 6, refusal);  // an earlier connection's
  say("press-08", FrameType::refuse, 0, refusal);  // another gateway's edge
  say("press-07", FrameType::ack, 0, wire::encode(ack));
  ASSERT_TRUE(f.until([&] { return f.ledger_said; }));
  EXPECT_TRUE(f.refusals.empty());
  say("press-07", FrameType::refuse, 7, refusal);
  ASSERT_TRUE(f.until([&] { return !f.refusals.empty(); }));
  EXPECT_EQ(f.refusals.at(7), std::vector<std::string>{"another box"});
}

struct Refused {
  const char* name;
  rd_kafka_resp_err_t error;
  const char* words;
};
void PrintTo(const Refused& r, std::ostream* out) { *out << r.name; }

class Refusing : public testing::TestWithParam<Refused> {};

TEST_P(Refusing, ARecordThatFailsIsNeverAcknowledgedAndItsEdgeIsTold) {
  MockKafka kafka;
  Fixture f(kafka);
  ASSERT_TRUE(f.greet("press-07", 1));
  kafka.refuse_produce(GetParam().error);
  ASSERT_TRUE(f.log->send("press-07", 1, block(1)));
  ASSERT_TRUE(f.until([&] { return !f.refusals[1].empty(); }));
  EXPECT_NE(f.refusals[1][0].find(GetParam().words), std::string::npos) << f.refusals[1][0];
  EXPECT_EQ(f.refusals[1].size(), 1u);
  EXPECT_FALSE(f.log->send("press-07", 1, block(2))) << "of this session nothing more is taken";
  EXPECT_EQ(f.blocks[1].count(), 0u);
  EXPECT_EQ(f.log->condition().failed, 1u);
  EXPECT_NE(f.log->condition().problem.find(GetParam().words), std::string::npos);
  // The edge comes again and sends what has no acknowledgement.
  f.log->send("press-07", 1, frame_of(FrameType::bye, {}));
  ASSERT_TRUE(f.greet("press-07", 2));
  ASSERT_TRUE(f.log->send("press-07", 2, block(1)));
  EXPECT_TRUE(f.until([&] { return f.blocks[2].count() == 1; }));
}
INSTANTIATE_TEST_SUITE_P(
    KafkaLog, Refusing,
    testing::Values(Refused{"too_large", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                            "max.message.bytes"},
                    Refused{"not_allowed", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "ACL"}),
    [](const auto& i) { return std::string(i.param.name); });

TEST(KafkaLog, WaitsForTopicsThatAreMissing) {
  MockKafka kafka;
  kafka.have(kafka.settings.backlog(), false);
  Fixture f(kafka);
  ASSERT_TRUE(f.until([&] {
    return f.log->condition().problem.find("topics init") != std::string::npos;
  })) << f.log->condition().problem;
  EXPECT_FALSE(f.log->send("press-07", 1, hello("press-07")));
  kafka.have(kafka.settings.backlog(), true);
  EXPECT_TRUE(f.greet("press-07", 1));
}

TEST(KafkaLog, RefusesSettingsOnWhichPromisesRest) {
  const SystemClock clock;
  SystemRandom random;
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"acks", "1"}, {"enable.idempotence", "false"}, {"no.such.setting", "x"},
           {"security.protocol", "nonsense"}}) {
    KafkaOptions o;
    o.settings.brokers = "127.0.0.1:1";
    o.settings.client = {{key, value}};
    const auto log = KafkaLog::open(std::move(o), clock, random);
    ASSERT_FALSE(log) << key;
    EXPECT_EQ(log.error().fault(), Fault::bad_input);
    EXPECT_NE(log.error().text().find(key), std::string::npos) << log.error().text();
  }
}

TEST(KafkaLayout, ReadsBackAndRefusesWhatItDoesNotKnow) {
  kafka::Layout l{.id = "0badcafe", .partitions = 24, .replication = 1, .min_insync = 1,
                  .retention = std::chrono::hours(48), .dev = true};
  EXPECT_EQ(kafka::Layout::parse(l.text()).value(), l);
  l.id = "";
  EXPECT_EQ(kafka::Layout::parse(l.text()).error().fault(), Fault::corrupt);
  EXPECT_EQ(kafka::Layout::parse("").error().fault(), Fault::corrupt);
  EXPECT_EQ(kafka::Layout::parse(R"({"v":1,"partitions":0})").error().fault(), Fault::corrupt);
  EXPECT_EQ(kafka::Layout::parse(R"({"v":2})").error().fault(), Fault::unsupported);
}

}  // namespace
}  // namespace tidemark::gateway
