// Plain JSON readings of a topic through a cloud node, over librdkafka's mock brokers.
#include "cloud/cluster/json_input.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/cloud/machines_double.h"

namespace tidemark::test {
namespace {

using answers::Answer;
using answers::State;
using testing::HasSubstr;

TEST(JsonInput, ReadingsAreAnsweredAsIsEstimated) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  send_a_minute(machines, 0, "press-07/power");
  send_a_minute(machines, 3, "press-08/power");
  PlainNode node(kafka, folder.path);
  ASSERT_TRUE(node.answers(140));
  for (const auto* series : {"json/press-07/power", "json/press-08/power"}) {
    ASSERT_TRUE(eventually([&] { return node.minute(series).state == State::sealed; }));
    const auto a = node.minute(series);
    EXPECT_EQ(a.values.at("count"), 60.0);
    EXPECT_EQ(a.values.at("max"), 59.0);
    EXPECT_TRUE(a.estimated);
    EXPECT_EQ(a.completeness, 1.0);
  }
  machines.reading(1, "press-07/power", kStart + 30 * kSecond, 1000);  // late, another way
  machines.delivered();
  EXPECT_TRUE(eventually([&] {
    const auto a = node.minute("json/press-07/power");
    return a.state == State::revised && a.values.at("max") == 1000.0 && a.estimated;
  }));
  EXPECT_TRUE(eventually([&] { return node.condition().problem.empty(); }))
      << node.condition().problem;
}

TEST(JsonInput, EdgesAndPlainReadingsGoSideBySide) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  EdgeDouble edge("press-07", 11, 1);
  Gateway gateway(kafka, edge);
  PlainNode node(kafka, folder.path);
  gateway.send(edge.dictionary());
  gateway.send(edge.block(next_block(edge, 0)));
  gateway.send(edge.last_seal());
  ASSERT_TRUE(gateway.acknowledged(1));
  send_a_minute(machines, 0, "power");
  EXPECT_TRUE(node.answers(73));
  EXPECT_TRUE(gateway.until([&] { return gateway.ledger.answered == 3; }));
  EXPECT_EQ(kafka.read(kafka.settings.control()).front().key, "press-07")
      << "nothing is said to an edge that is nowhere";
}

// A crash between what was read and its commit: as a copy of the folder of before.
TEST(JsonInput, ACrashRepeatsNothingAndLosesNothing) {
  MockKafka kafka;
  Folder folder;
  Folder crashed;
  Machines machines(kafka);
  machines.send(2, "garbage");
  send_a_minute(machines, 0, "a/v");
  {
    PlainNode node(kafka, folder.path);
    ASSERT_TRUE(node.answers(70));
  }
  std::filesystem::copy(folder.path, crashed.path, std::filesystem::copy_options::recursive);
  send_a_minute(machines, 1, "b/v");
  machines.send(2, "more garbage");
  machines.delivered();
  for (const auto* where : {&folder, &crashed}) {
    PlainNode node(kafka, where->path);
    ASSERT_TRUE(node.answers(140));
    const auto reader = query::Reader::open(where->path).value();
    EXPECT_TRUE(eventually([&] { return reader->dead_letters({10}).value().size() == 2; }));
    EXPECT_EQ(node.ledger().taken, 140u);
    EXPECT_EQ(node.ledger().pending, 0u);
    EXPECT_EQ(node.condition().lost, 0u);
    const auto edges = reader->edges().value();
    ASSERT_EQ(edges.size(), 1u);
    EXPECT_EQ(edges[0].alarms.size(), 0u);
  }
  Folder fresh;  // a node that has lost its disk begins at the beginning
  PlainNode node(kafka, fresh.path);
  EXPECT_TRUE(node.answers(140));
}

// What waits in memory to become a block is read again.
TEST(JsonInput, WhatWasGatheredAndNotCommittedIsReadAgain) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  send_a_minute(machines, 0, "a/v");
  {
    PlainNode node(kafka, folder.path, std::chrono::seconds(60));
    ASSERT_TRUE(eventually([&] { return node.condition().problem.empty(); }));
  }
  PlainNode node(kafka, folder.path);
  EXPECT_TRUE(node.answers(70));
}

TEST(JsonInput, WhatCannotBeUsedIsADeadLetterAndTheRestGoesOn) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  machines.send(1, "garbage");
  machines.send(1, R"({"series":"a/v","value":1})");
  machines.send(1, R"({"series":"a/v","time":1,"value":[1]})");
  machines.send(1, fmt::format(R"([{{"series":"b/v","time":{},"value":2}},7])", kStart));
  send_a_minute(machines, 1, "a/v");
  PlainNode node(kafka, folder.path);
  ASSERT_TRUE(node.answers(71)) << node.ledger().answered;
  const auto reader = query::Reader::open(folder.path).value();
  ASSERT_TRUE(eventually([&] { return node.condition().refused == 4; }))
      << node.condition().refused;
  const auto letters = reader->dead_letters({100}).value();
  std::map<std::string, std::string> reasons;
  for (const auto& l : letters) reasons[l.edge] = l.reason;
  EXPECT_THAT(reasons["plant.readings/1/0"], HasSubstr("its JSON is malformed"));
  EXPECT_EQ(reasons["plant.readings/1/1"], "it has no 'time'");
  EXPECT_THAT(reasons["plant.readings/1/3"],
              HasSubstr("1 of its readings cannot be used: element 1: it is no object"));
}

// The first record after a start decides nothing for those that follow.
TEST(JsonInput, ATextAmongNumbersRefusesNoNumber) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  send_a_minute(machines, 0, "a/v");
  {
    PlainNode node(kafka, folder.path);
    ASSERT_TRUE(node.answers(70));
  }
  machines.send(0, fmt::format(R"({{"series":"a/v","time":{},"value":"n/a"}})", kStart));
  send_a_minute(machines, 0, "a/v");
  PlainNode node(kafka, folder.path);
  EXPECT_TRUE(node.answers(141)) << node.ledger().answered;
  EXPECT_EQ(node.condition().refused, 0u);
}

// Retention takes a dictionary along with the blocks that name it, of series that are quiet.
TEST(JsonInput, ADictionaryThatIsForgottenIsSaidAgain) {
  test::Node node;
  plain::PlainEdge edge({"json", "readings"}, {.incarnation = {7}});
  node.intake->take("json", 1, edge.hello());
  const auto take = [&](std::string_view device) {
    plain::PlainReading r;
    r.device = device;
    r.metric = "v";
    r.time = event_time(kStart);
    ASSERT_TRUE(edge.take(r));
  };
  take("quiet");
  auto frames = edge.flush(event_time(kStart));
  ASSERT_EQ(std::erase_if(frames, [](const auto& frame) {
    return frame.type == wire::FrameType::dictionary;
  }), 1u);
  const std::string name = "json";
  cluster::IntakeSink sink(*node.intake, name);
  sink.take(edge, {frames, {}, {}});
  take("other");
  take("quiet");
  sink.take(edge, {edge.flush(event_time(kStart + kMinute)), {}, {}});
  EXPECT_EQ(node.intake->parked_bytes(), 0u);
  for (const auto& reply : node.commit()) EXPECT_NE(reply.type, wire::FrameType::request);
  node.settle();
  EXPECT_EQ(node.intake->ledger().answered, 3u);
  EXPECT_EQ(node.intake->counters().dead_letters, 0u);
  ASSERT_EQ(node.answers("minute").size(), 2u);
  EXPECT_EQ(node.answers("minute")[0].state, State::sealed);
}

TEST(JsonInput, OfVeryManyOneLetterSaysHowMany) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  constexpr std::uint64_t kBad = cluster::JsonInput::kLettersMax + 500;
  for (std::uint64_t i = 0; i < kBad; ++i) machines.send(0, "garbage");
  machines.delivered();
  send_a_minute(machines, 1, "a/v");
  PlainNode node(kafka, folder.path);
  ASSERT_TRUE(node.answers(70));
  ASSERT_TRUE(eventually([&] { return node.condition().refused == kBad; }));
  const auto reader = query::Reader::open(folder.path).value();
  ASSERT_TRUE(eventually([&] {
    const auto letters = reader->dead_letters({10'000}).value();
    return std::ranges::any_of(letters, [](const auto& l) {
      return l.reason.find(" more up to offset 1499") != std::string::npos;
    });
  }));
  EXPECT_LT(reader->dead_letters({10'000}).value().size(), kBad);
}

// A letter has to fit into a record of the topic of dead letters.
TEST(JsonInput, OfAVeryLargeRecordTheFirstBytesAreKept) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  constexpr auto kMax = cluster::JsonInput::kLetterBytesMax;
  constexpr auto kFew = static_cast<int>(cluster::JsonInput::kLettersBytesMax / kMax);
  const std::string large(kMax + 7, 'x');
  PlainNode node(kafka, folder.path);
  for (std::uint64_t i = 0; i < kFew + 4; ++i) {  // the mock keeps few of them at a time
    machines.send(0, large);
    machines.delivered();
    ASSERT_TRUE(eventually([&] { return node.condition().refused == i + 1; }));
  }
  const auto reader = query::Reader::open(folder.path).value();
  std::vector<store::Letter> letters;
  ASSERT_TRUE(eventually([&] {
    letters = reader->dead_letters({100}).value();
    return std::ranges::any_of(letters, [](const auto& l) {
      return l.reason.find("up to offset 19") != std::string::npos || l.edge.ends_with("/19");
    });
  }));
  const auto first = std::ranges::find(letters, "plant.readings/0/0", &store::Letter::edge);
  ASSERT_NE(first, letters.end());
  EXPECT_THAT(first->reason, HasSubstr("; the first 1048576 of its 1048583 B are kept"));
  EXPECT_EQ(std::ranges::count_if(letters, [](const auto& l) { return l.size == kMax; }), kFew)
      << "of the rest one letter a flush says how many";
}

TEST(JsonInput, SaysThatItsTopicIsNotThere) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  kafka.have(Machines::kTopic, false);
  PlainNode node(kafka, folder.path);
  ASSERT_TRUE(eventually([&] {
    return node.condition().problem.find("plant.readings: there is no such topic") !=
           std::string::npos;
  })) << node.condition().problem;
  kafka.have(Machines::kTopic, true);
  send_a_minute(machines, 0, "a/v");
  EXPECT_TRUE(node.answers(70));
}

// Who has no edge needs no topics of edges either.
TEST(JsonInput, NeedsNoOtherTopics) {
  MockKafka kafka;
  Folder folder;
  Machines machines(kafka);
  kafka.have(kafka.settings.control(), false);
  kafka.have(kafka.settings.live(), false);
  const auto none = [](const kafka::Settings& settings) -> Result<kafka::Layout> {
    return Error{Fault::bad_input, settings.live() + ": there is no such topic; make it: tidemark "
                                                     "gateway topics init"};
  };
  send_a_minute(machines, 0, "a/v");
  PlainNode node(kafka, folder.path, kSoon, none);
  EXPECT_TRUE(node.answers(70));
  EXPECT_THAT(node.condition().problem, HasSubstr("topics init"));
}

}  // namespace
}  // namespace tidemark::test
