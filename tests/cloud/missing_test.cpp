// What does not come by itself is asked for; what never comes stops nobody, and is named.
#include <gmock/gmock.h>

#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;
using Asked = std::map<Incarnation, SequenceRanges>;

// Lets a minute pass; what is asked for meanwhile is added.
void pass_minute(Node& node, Asked& asked) {
  node.clock.advance(std::chrono::seconds(61));
  for (const auto& reply : node.commit()) {
    if (reply.type != wire::FrameType::request) continue;
    const auto request = wire::decode_request(reply.payload).value();
    for (const auto& h : request.missing) asked[h.incarnation].add(h.blocks);
  }
}

void send_next(Node& node, EdgeDouble& edge, std::int64_t at, Lane lane = Lane::live) {
  edge.take(0, at, 1);
  node.take(edge, edge.block(edge.flush(at + kSecond), lane));
  node.take(edge, edge.last_seal());
}

TEST(Gaps, OfAnEdgeThatGoesOnSendingAreAskedFor) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  Asked asked;
  for (std::int64_t i = 0; i < 6; ++i) {
    if (i == 2) {  // is lost between the gateway and here
      edge.take(0, kStart + i * kSecond, 1);
      edge.flush(kStart + (i + 1) * kSecond);
    } else {
      send_next(node, edge, kStart + i * kSecond);
    }
    pass_minute(node, asked);
  }
  EXPECT_EQ(asked, (Asked{{{11}, {{3, 3}}}}));
}

TEST(Gaps, OfEarlierStartsAreAskedFor) {
  Node node;
  EdgeDouble first("press-07", 11, 1);
  for (std::int64_t i = 0; i < 5; ++i) {
    first.take(0, kStart + i * kSecond, 1);
    first.flush(kStart + (i + 1) * kSecond);
  }
  EdgeDouble second("press-07", 12, 2);
  greet(node, second, {first.closing(5)});
  for (const std::uint64_t b : {1, 2, 4, 5}) node.take(first, first.block(b, Lane::backlog));
  node.take(first, first.last_seal());
  Asked asked;
  for (std::int64_t i = 10; i < 14; ++i) {
    send_next(node, second, kStart + i * kSecond);
    pass_minute(node, asked);
  }
  EXPECT_EQ(asked, (Asked{{{11}, {{3, 3}}}}));
}

TEST(Gaps, ABacklogOnItsWayIsLetCome) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t i = 0; i < 1000; ++i) {
    edge.take(0, kStart + i * kSecond, 1);
    edge.flush(kStart + (i + 1) * kSecond);
  }
  greet(node, edge);
  Asked asked;
  for (std::uint64_t i = 1; i < 10; ++i) {
    if (i != 4) node.take(edge, edge.block(i, Lane::backlog));
    send_next(node, edge, kStart + static_cast<std::int64_t>(1000 + i) * kSecond);
    pass_minute(node, asked);
  }
  EXPECT_EQ(asked, (Asked{{{11}, {{4, 4}}}}));
  // Nothing comes any more: all of it is asked for, a part at a time.
  asked.clear();
  pass_minute(node, asked);
  EXPECT_GT(asked[{11}].count(), 100u);
  EXPECT_LE(asked[{11}].count(), 512u);
  EXPECT_TRUE(asked[{11}].contains({10}));
}

Block block_of_unknown(EdgeDouble& edge, std::int64_t at) {
  Block block;
  block.dictionaries = {DictionaryHash{0xdeadbeef}};
  Group group;
  group.times = {at};
  Column column;
  column.type = ValueType::i64;
  column.i64 = {5};
  group.columns.push_back(std::move(column));
  block.groups.push_back(std::move(group));
  edge.count(at);
  return block;
}

TEST(MissingDictionary, StopsNeitherItsEdgeNorOthers) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  EdgeDouble other("press-08", 21, 1);
  greet(node, edge);
  greet(node, other);
  send_next(node, edge, kStart);
  node.take(edge, edge.block(edge.flush(block_of_unknown(edge, kStart + kSecond), kStart)));
  send_next(node, edge, kStart + kMinute);
  other.take(0, kStart, 1);
  node.take(other, other.block(other.flush(kStart + 2 * kMinute)));
  node.take(other, other.last_seal());
  std::size_t asked = 0;
  for (unsigned minute = 0; minute < 2 * intake::kAsksMax; ++minute) {
    node.clock.advance(std::chrono::seconds(61));
    for (const auto& reply : node.commit()) {
      if (reply.type != wire::FrameType::request) continue;
      asked += wire::decode_request(reply.payload).value().dictionaries.size();
    }
    if (minute == 1) {
      EXPECT_EQ(node.intake->ledger().pending, 1u);
      EXPECT_EQ(node.answers("minute", "press-08/**").at(0).state, answers::State::sealed);
      EXPECT_EQ(node.answers("minute", "press-07/**").at(0).state, answers::State::provisional);
    }
  }
  EXPECT_GE(asked, 3u);
  EXPECT_EQ(node.intake->ledger().quarantined, 1u);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  const auto minute = node.answers("minute", "press-07/**").at(0);
  EXPECT_EQ(minute.state, answers::State::sealed);
  EXPECT_EQ(minute.completeness, 0.5);
  EXPECT_EQ(minute.lost, 1u);
  const auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "dictionary_missing");
  EXPECT_THAT(alarms[0].text, HasSubstr("00000000deadbeef does not come"));
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_EQ(reader->dead_letters({10}).value().at(0).readings, 1u);
  // The next block that names it does not wait so long.
  node.take(edge, edge.block(edge.flush(block_of_unknown(edge, kStart + 2 * kSecond), kStart)));
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 2u);
}

TEST(MissingDictionary, IsWaitedForWhileTheEdgeIsAway) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  node.take(edge, edge.block(edge.flush(block_of_unknown(edge, kStart), kStart + kSecond)));
  node.take(edge, {wire::FrameType::bye, {}});
  Asked asked;
  for (unsigned minute = 0; minute < 2 * intake::kAsksMax; ++minute) pass_minute(node, asked);
  EXPECT_EQ(node.intake->ledger().quarantined, 0u);
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
}

// Two blocks a start that said hello lacks one of, and a later start of which no hello has come
// (another gateway has it).
TEST(BeforeItsHello, NothingIsProved) {
  Node node;
  EdgeDouble first("press-07", 11, 1);
  for (std::int64_t i = 0; i < 3; ++i) {
    first.take(0, kStart + i * kSecond, 1);
    first.flush(kStart + (i + 1) * kSecond);
  }
  greet(node, first);
  for (const std::uint64_t b : {1, 3}) node.take(first, first.block(b));
  node.take(first, first.last_seal());
  EdgeDouble second("press-07", 12, 2);
  second.take(0, kStart + 2 * kMinute, 1);
  second.flush(kStart + 3 * kMinute);
  node.take(second, second.block(1));
  node.take(second, second.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 2u);
  for (const auto& a : node.answers("minute")) EXPECT_EQ(a.state, answers::State::provisional);
  node.take(second, second.hello({first.closing(3)}));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 3u);
  for (const auto& a : node.answers("minute")) EXPECT_EQ(a.state, answers::State::provisional);
  node.take(first, first.block(2));
  node.commit();
  ASSERT_EQ(node.answers("minute").size(), 3u);
  for (const auto& a : node.answers("minute")) EXPECT_EQ(a.state, answers::State::sealed);
}

TEST(BeforeItsHello, FramesWaitForAWhileOnlyAndAreBounded) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t i = 0; i < 3; ++i) {
    edge.take(0, kStart + i * kSecond, 1);
    edge.flush(kStart + (i + 1) * kSecond);
  }
  node.take(edge, edge.block(1));
  Asked asked;
  for (int minute = 0; minute < 4; ++minute) pass_minute(node, asked);
  ASSERT_EQ(alarms_of(node, "press-07").size(), 1u);
  EXPECT_THAT(alarms_of(node, "press-07")[0].text, HasSubstr("frames of a start that no hello"));
  node.take(edge, edge.dictionary());
  node.take(edge, edge.hello());
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 0u);  // comes again
  node.take(edge, edge.block(1));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 1u);
  EdgeDouble unknown("press-07", 12, 2);
  Seal seal;
  seal.incarnation = unknown.incarnation();
  seal.number = 1;
  for (int i = 0; i < 1000; ++i) {
    SourceSeal source;
    source.source = std::string(200, 's') + std::to_string(i);
    seal.sources.push_back(source);
  }
  for (int i = 0; i < 100; ++i) node.take(unknown, EdgeDouble::frame(seal));
  EXPECT_GT(node.intake->counters().put_off, 10u);
}

}  // namespace
}  // namespace tidemark::test
