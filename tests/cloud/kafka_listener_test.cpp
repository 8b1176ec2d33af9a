// A gateway's Kafka form and a cloud node's over librdkafka's mock brokers: what one writes the
// other answers, once.
#include "cloud/cluster/kafka_listener.h"

#include <gtest/gtest.h>

#include "tests/cloud/listener_double.h"

namespace tidemark::test {
namespace {

class Node : public ListenerNode {
 public:
  Node(MockKafka& kafka, const std::filesystem::path& folder, bool publishes = false,
       Nanoseconds silence_max = std::chrono::minutes(5), bool shares = false)
      : ListenerNode(kafka, folder, [&](Options& o) {
          o.silence_max = silence_max;
          o.answers = publishes;
          if (shares) o.holds = [this] { return holds.load(); };
        }) {}
};

// The edge's first block, of three readings.
void send_first(Gateway& gateway, EdgeDouble& edge) {
  gateway.send(edge.dictionary());
  gateway.send(edge.block(next_block(edge, 0)));
  gateway.send(edge.last_seal());
}

TEST(KafkaListener, AnswersWhatGatewaysWrote) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  Node node(kafka, folder.path);
  gateway.send(edge.dictionary());
  gateway.send(edge.block(next_block(edge, 0)));
  gateway.send(edge.block(next_block(edge, 1), Lane::backlog));
  gateway.send(edge.last_seal());
  ASSERT_TRUE(gateway.acknowledged(2));
  ASSERT_TRUE(node.answers(6));
  EXPECT_TRUE(gateway.until([&] { return gateway.ledger.answered == 6; }))
      << "the edge hears of its ledger";
  EXPECT_EQ(node.ledger().pending, 0u);
  EXPECT_EQ(node.condition().problem, "");
  EXPECT_EQ(node.condition().lost, 0u);
}

// Brokers that stood still may leave an idempotent producer with a sequence that they do not know.
TEST(KafkaListener, EdgesHearOfTheirLedgersAlsoBehindAProducerThatCanDeliverNoMore) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  Node node(kafka, folder.path, false, std::chrono::minutes(5), true);
  send_first(gateway, edge);
  ASSERT_TRUE(gateway.until([&] { return gateway.ledger.answered == 3; }));
  node.holds = false;
  gateway.send(edge.block(next_block(edge, 1)));
  gateway.send(edge.last_seal());
  ASSERT_TRUE(gateway.acknowledged(2));
  kafka.refuse_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  node.holds = true;
  EXPECT_TRUE(gateway.until([&] { return gateway.ledger.answered == 6; }));
}

TEST(KafkaListener, ReadsOnWhereItCommitted) {
  MockKafka kafka;
  Folder folder;
  Folder crashed;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  {
    Node node(kafka, folder.path);
    send_first(gateway, edge);
    ASSERT_TRUE(gateway.acknowledged(1));
    ASSERT_TRUE(node.answers(3));
  }
  std::filesystem::copy(folder.path, crashed.path, std::filesystem::copy_options::recursive);
  {
    Node node(kafka, folder.path);
    gateway.send(edge.block(next_block(edge, 1)));
    gateway.send(edge.last_seal());
    ASSERT_TRUE(node.answers(6));
    node.stop();
    EXPECT_EQ(node.counters().blocks, 1u) << "what was committed is not read again";
  }
  // As after a crash that took the second commit.
  {
    Node node(kafka, crashed.path);
    ASSERT_TRUE(node.answers(6));
    node.stop();
    EXPECT_EQ(node.counters().blocks, 1u);
  }
  // A node that has lost its disk begins at the beginning.
  Folder fresh;
  Node node(kafka, fresh.path);
  ASSERT_TRUE(node.answers(6));
  gateway.send(edge.block(2));  // said twice
  ASSERT_TRUE(eventually([&] { return node.counters().duplicates == 1; }));
  EXPECT_EQ(node.ledger().answered, 6u);
  EXPECT_EQ(node.ledger().duplicate, 0u);
}

// It wrote no bye; and a node that starts later knows its edge to be connected from before.
TEST(KafkaListener, EndsTheSessionsOfAGatewayThatIsGone) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  const auto edge_state = [&] {
    const auto all = query::Reader::open(folder.path).value()->edges().value();
    return all.empty() ? query::EdgeState{} : all[0];
  };
  {
    Node node(kafka, folder.path);
    const Gateway gateway(kafka, edge);
    ASSERT_TRUE(eventually([&] { return edge_state().connected; }));
  }
  EXPECT_TRUE(edge_state().connected);
  for (const bool anew : {true, false}) {
    Node node(kafka, folder.path, false, std::chrono::seconds(3));
    if (!anew) {
      const Gateway gateway(kafka, edge);
      ASSERT_TRUE(eventually([&] { return edge_state().connected; }));
    }
    const std::string why = anew ? "its gateway silent since " : "gateway gw1 silent since ";
    EXPECT_TRUE(eventually([&] {
      return !edge_state().connected && edge_state().away.starts_with(why);
    })) << edge_state().away;
  }
}

TEST(KafkaListener, ABlockIsNotPassedOverBeforeItsDictionaryIsThere) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  gateway.send(edge.block(next_block(edge, 0)));
  gateway.send(edge.last_seal());
  ASSERT_TRUE(gateway.acknowledged(1));
  {
    Node node(kafka, folder.path);
    ASSERT_TRUE(eventually([&] { return node.counters().parked == 1; }));
    ASSERT_TRUE(gateway.until([&] { return !gateway.requests.empty(); }));
    EXPECT_EQ(gateway.requests[0].dictionaries.size(), 1u);
  }
  Node node(kafka, folder.path);  // what waited in memory is read again
  ASSERT_TRUE(eventually([&] { return node.counters().parked == 1; }));
  gateway.send(edge.dictionary());
  EXPECT_TRUE(node.answers(3));
}

TEST(KafkaListener, KeepsAsideWhatIsNoRecordOfOurs) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  const auto foreign = kafka::Producer::open(kafka.settings, {}).value();
  const auto garbage = as_bytes("garbage");
  const auto partition = kafka::partition_of("press-07", MockKafka::kPartitions);
  const std::vector<kafka::Header> block{{"type", "block"}, {"lane", "live"}};
  ASSERT_TRUE(foreign->send(kafka.settings.live(), partition, as_bytes("x"), garbage, {}, 1));
  ASSERT_TRUE(foreign->send(kafka.settings.live(), partition, as_bytes("press-07"), garbage, block,
                            2));
  ASSERT_TRUE(foreign->send(kafka.settings.dictionaries(), partition, as_bytes("y"), garbage, {},
                            3));
  const auto wrong = (partition + 1) % MockKafka::kPartitions;
  ASSERT_TRUE(foreign->send(kafka.settings.live(), wrong, as_bytes("press-07"), garbage, block,
                            4));
  for (const auto& d : foreign->finish(std::chrono::seconds(10))) EXPECT_FALSE(d.fault);
  send_first(gateway, edge);
  ASSERT_TRUE(gateway.acknowledged(1));
  Node node(kafka, folder.path);
  EXPECT_TRUE(node.answers(3));
  EXPECT_TRUE(eventually([&] { return node.counters().dead_letters == 4; }));
  const auto letters = query::Reader::open(folder.path).value()->dead_letters({10}).value();
  ASSERT_EQ(letters.size(), 4u);
  EXPECT_EQ(std::ranges::count(letters, store::LetterReason::foreign, &store::Letter::why), 3);

  // They go into their topic, as they came, once.
  const auto published = [&] { return kafka.read(kafka.settings.dead_letters()); };
  EXPECT_TRUE(eventually([&] { return published().size() == 4; }));
  for (const auto& r : published()) EXPECT_EQ(r.value, "garbage");
  node.stop();
  Node again(kafka, folder.path);
  gateway.send(edge.block(next_block(edge, 1)));
  gateway.send(edge.last_seal());
  EXPECT_TRUE(again.answers(6));
  EXPECT_EQ(published().size(), 4u);
}

TEST(KafkaListener, ATopicThatWasMadeAnewIsReadFromItsBeginning) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  {  // a node that has read far
    intake::Options options;
    options.data_dir = folder.path;
    options.views = answers::views_in_force({}).value();
    SystemDisk disk;
    const SystemClock clock;
    const auto intake = intake::Intake::open(disk, clock, std::move(options)).value();
    for (int p = 0; p < MockKafka::kPartitions; ++p) {
      intake->note("kafka mock live " + std::to_string(p), 1000);
    }
    ASSERT_TRUE(intake->finish().ok());
  }
  Gateway gateway(kafka, edge);
  send_first(gateway, edge);
  ASSERT_TRUE(gateway.acknowledged(1));
  Node node(kafka, folder.path);
  EXPECT_TRUE(node.answers(3));
}

TEST(KafkaListener, AnswersGoIntoTheirTopicOnceTheyAreCommitted) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  send_first(gateway, edge);
  ASSERT_TRUE(gateway.acknowledged(1));
  // By key the last.
  const auto published = [&] {
    std::map<std::string, std::string> newest;
    for (const auto& r : kafka.read(kafka.settings.answers())) newest[r.key] = r.value;
    return newest;
  };
  const auto emitted = [&] {
    std::map<std::string, std::string> newest;
    const auto reader = query::Reader::open(folder.path).value();
    const auto answers = reader->since(0, 1000).value();
    for (const auto& a : answers) {
      newest[a.view + "\t" + a.series + "\t" + format_utc(a.start)] = answers::to_json(a);
    }
    return newest;
  };
  {
    Node node(kafka, folder.path, true);
    ASSERT_TRUE(node.answers(3));
    ASSERT_TRUE(eventually([&] { return !emitted().empty() && published() == emitted(); }));
  }
  const auto before = kafka.read(kafka.settings.answers()).size();
  gateway.send(edge.block(next_block(edge, 0)));  // the window is revised
  gateway.send(edge.last_seal());
  ASSERT_TRUE(gateway.acknowledged(2));
  Node node(kafka, folder.path, true);
  ASSERT_TRUE(node.answers(6));
  ASSERT_TRUE(eventually([&] {
    return kafka.read(kafka.settings.answers()).size() > before && published() == emitted();
  }));
  EXPECT_EQ(node.condition().problem, "");
}

// It would begin anew behind them, at the first revision.
TEST(KafkaListener, WhereOthersHavePublishedItDoesNot) {
  struct Case {
    const char* who;
    std::vector<kafka::Header> headers;
  };
  for (const auto& [who, headers] : {Case{"nodes of a group", {{"partials", "7"}}},
                                     Case{"another node, or this one with another store,", {}}}) {
    MockKafka kafka;
    Folder folder;
    EdgeDouble edge("press-07", 11, 1);
    Gateway gateway(kafka, edge);
    send_first(gateway, edge);
    ASSERT_TRUE(gateway.acknowledged(1));
    const auto producer = kafka::Producer::open(kafka.settings, {}).value();
    ASSERT_TRUE(producer->send(kafka.settings.answers(), 2, as_bytes("key"), as_bytes("answer"),
                               headers, 0).ok());
    producer->finish(std::chrono::seconds(10));
    for (int starts = 0; starts < 2; ++starts) {
      Node node(kafka, folder.path, true);
      ASSERT_TRUE(node.answers(3)) << "it reads and answers as before";
      EXPECT_TRUE(eventually([&] {
        return node.condition().problem.find(who) != std::string::npos;
      })) << node.condition().problem;
      EXPECT_EQ(kafka.read(kafka.settings.answers()).size(), 1u);
    }
  }
}

// Its position stays before a block that waits for a dictionary; answers are made beyond it.
TEST(KafkaListener, AnswersSayHowFarTheirInputWasTakenWhileABlockWaits) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble waiting("press-07", 11, 1);
  const auto its = kafka::partition_of(waiting.name(), MockKafka::kPartitions);
  std::string beside = "press-08";
  while (kafka::partition_of(beside, MockKafka::kPartitions) != its) beside += "x";
  EdgeDouble edge(beside, 12, 1);
  Gateway first(kafka, waiting);
  Gateway second(kafka, edge);
  const auto lost = next_block(waiting, 0);
  first.send(waiting.block(lost));
  ASSERT_TRUE(first.acknowledged(lost));
  Node node(kafka, folder.path, true);
  ASSERT_TRUE(eventually([&] { return node.counters().parked == 1; }));
  second.send(edge.dictionary());
  const auto block = next_block(edge, 0);
  second.send(edge.block(block));
  second.send(edge.last_seal());
  ASSERT_TRUE(second.acknowledged(block));
  ASSERT_TRUE(node.answers(3));
  std::int64_t behind = 0;  // the block that was answered
  std::int64_t at = 0;
  for (const auto& r : kafka.read(kafka.settings.live())) {
    if (r.partition != its) continue;
    ++at;
    if (r.key == beside && r.headers.at("type") == "block") behind = at;
  }
  ASSERT_GT(behind, 0);
  std::vector<MockRecord> said;
  ASSERT_TRUE(eventually([&] {
    said = kafka.read(kafka.settings.answers());
    return !said.empty();
  }));
  for (const auto& r : said) {
    EXPECT_GE(std::stoll(r.headers.at("live")), behind) << r.value;
  }
}

// It stood still, and another node has its partitions by now.
TEST(KafkaListener, WhoDoesNotHoldItsPartitionsNeitherTakesNorCommitsNorSays) {
  MockKafka kafka;
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  {
    Node node(kafka, folder.path, false, std::chrono::minutes(5), true);
    send_first(gateway, edge);
    ASSERT_TRUE(gateway.acknowledged(1));
    ASSERT_TRUE(node.answers(3));
    ASSERT_TRUE(gateway.until([&] { return gateway.ledger.answered == 3; }));
    node.holds = false;
    const auto commits = node.counters().commits;
    const auto said = kafka.read(kafka.settings.control()).size();
    gateway.send(edge.block(next_block(edge, 1)));
    gateway.send(edge.last_seal());
    ASSERT_TRUE(gateway.acknowledged(2));
    node.stop();
    EXPECT_LE(node.counters().commits, commits + 1) << "one that was under way";
    EXPECT_LE(kafka.read(kafka.settings.control()).size(), said + 1);
    EXPECT_EQ(node.ledger().answered, 3u);
  }
  Node node(kafka, folder.path);
  EXPECT_TRUE(node.answers(6)) << "what it let go of is read again";
}

// Nothing comes by a topic of dictionaries for days, which would show that its reader does without
// a broker that leads nothing any more.
TEST(KafkaListener, OneBrokerThatIsAwayIsNoProblemOfASilentTopic) {
  MockKafka kafka(3);
  for (const auto& t : kafka.topics()) kafka.lead(t, 1);
  Folder folder;
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  Node node(kafka, folder.path);
  gateway.send(edge.dictionary());
  const auto one_more = [&](int n) {
    gateway.send(edge.block(next_block(edge, n - 1)));
    gateway.send(edge.last_seal());
    return gateway.acknowledged(static_cast<std::uint64_t>(n)) &&
           node.answers(3 * static_cast<std::uint64_t>(n));
  };
  ASSERT_TRUE(one_more(1));
  for (const auto& t : kafka.topics()) kafka.lead(t, 2);
  kafka.be_there(false);
  ASSERT_TRUE(one_more(2));
  EXPECT_TRUE(eventually([&] { return node.condition().problem.empty(); }))
      << node.condition().problem;
}

TEST(KafkaListener, SaysWhyItCannotRead) {
  MockKafka kafka;
  Folder folder;
  kafka.have(kafka.settings.control(), false);
  Node node(kafka, folder.path);
  ASSERT_TRUE(eventually([&] {
    return node.condition().problem.find("topics init") != std::string::npos;
  })) << node.condition().problem;
  kafka.have(kafka.settings.control(), true);
  EXPECT_TRUE(eventually([&] { return node.condition().problem.empty(); }));
}

}  // namespace
}  // namespace tidemark::test
