#include "cloud/intake/intake.h"

#include <gmock/gmock.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::State;

// Two minutes of readings, one a second.
EdgeDouble two_minutes(bool device_stamped = false) {
  EdgeDouble edge("press-07", 11, 1, device_stamped);
  for (std::int64_t s = 0; s < 120; ++s) {
    edge.take(0, kStart + s * kSecond, static_cast<double>(2300 + s));
    edge.poll(kStart + s * kSecond, s % 3 == 0);
    if (s % 20 == 19) edge.flush(kStart + (s + 1) * kSecond);
  }
  return edge;
}

void send_all(Node& node, const EdgeDouble& edge) {
  greet(node, edge);
  for (std::size_t i = 0; i < edge.blocks.size(); ++i) {
    node.take(edge, edge.block(i + 1));
    node.take(edge, edge.seal_frame(i));
  }
}

TEST(Intake, SealedWindowsAreCompleteAndShowTheirCoverage) {
  Node node;
  const auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].series, "press-07/line1/m0");
  EXPECT_EQ(answers[0].state, State::sealed);
  EXPECT_EQ(answers[0].revision, 0u);
  EXPECT_EQ(answers[0].completeness, 1.0);
  EXPECT_DOUBLE_EQ(answers[0].coverage.value(), 1.0 / 3);
  EXPECT_EQ(answers[0].values.at("count"), 60.0);
  EXPECT_EQ(answers[0].values.at("min"), 230.0);
  EXPECT_EQ(answers[0].values.at("mean"), 232.95);
  EXPECT_EQ(answers[1].values.at("max"), 241.9);
}

TEST(Intake, AcknowledgesAfterTheCommitWithTheLedger) {
  Node node;
  const auto edge = two_minutes();
  send_all(node, edge);
  const auto replies = node.commit();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].type, wire::FrameType::welcome);
  const auto welcome = wire::decode_welcome(replies[0].payload).value();
  ASSERT_EQ(welcome.holdings.size(), 1u);
  const auto ack = wire::decode_ack(replies[1].payload).value();
  ASSERT_EQ(ack.holdings.size(), 1u);
  EXPECT_EQ(ack.holdings[0].blocks, (SequenceRanges{{1, 6}}));
  EXPECT_EQ(ack.holdings[0].seal_number, 6u);
  EXPECT_EQ(ack.ledger.answered, 120u);
  EXPECT_THAT(ack.dictionaries, testing::ElementsAre(edge.dictionary_hash()));
}

TEST(Intake, BlocksUnderWayKeepTheWindowProvisionalAndPending) {
  Node node;
  const auto edge = two_minutes();
  greet(node, edge);
  for (const std::uint64_t b : {1, 3, 4, 5, 6}) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 20u);
  node.settle();
  auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].state, State::provisional);
  EXPECT_DOUBLE_EQ(answers[0].completeness.value(), 40.0 / 60);
  ASSERT_FALSE(answers[0].missing.empty());
  EXPECT_EQ(answers[0].missing[0].reason, "1 blocks under way");
  EXPECT_EQ(answers[0].missing[0].source, "press-07/line1");

  node.take(edge, edge.block(2, Lane::backlog));
  node.commit();
  answers = node.answers("minute");
  EXPECT_EQ(answers[0].state, State::sealed);
  EXPECT_EQ(answers[0].revision, 1u);
  EXPECT_EQ(answers[0].cause, "");
  EXPECT_EQ(node.intake->ledger().pending, 0u);
}

TEST(Intake, LateReadingRevisesItsSealedWindow) {
  Node node;
  auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  edge.take(0, kStart + 30 * kSecond + 1, 9999);
  const auto late = edge.flush(kStart + 120 * kSecond);
  node.take(edge, edge.block(late, Lane::backlog));
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.answers("minute")[0].revision, 0u);  // coalesced for revision_interval
  node.settle();
  const auto answers = node.answers("minute");
  EXPECT_EQ(answers[0].state, State::revised);
  EXPECT_EQ(answers[0].revision, 1u);
  EXPECT_EQ(answers[0].cause, "backfill");
  EXPECT_EQ(answers[0].values.at("count"), 61.0);
  EXPECT_EQ(answers[0].previous.at("count"), 60.0);
  EXPECT_EQ(answers[0].completeness, 1.0);
  EXPECT_FALSE(answers[0].estimated);

  auto reader = query::Reader::open(node.folder.path).value();
  const auto late_row = reader->late("**", 10).value().at(0);
  EXPECT_EQ(late_row.placement, "pane");
  ASSERT_TRUE(late_row.window);
  EXPECT_EQ(late_row.window->view, "minute");
  EXPECT_EQ(late_row.window->start, answers[0].start);
  EXPECT_EQ(late_row.window->revision, 1u);
  EXPECT_EQ(late_row.window->completeness, 1.0);
  query::AnswerQuery q;
  q.view = "minute";
  EXPECT_EQ(reader->revisions(q).value().size(), 3u);
  query::AnswerQuery of_series;  // no view named: of every view
  of_series.select = "line1/m0";
  EXPECT_GE(reader->revisions(of_series).value().size(), 3u);
  q.as_of = answers[0].known_at - Nanoseconds(1);
  EXPECT_EQ(reader->answers(q).value().at(0).revision, 0u);
}

TEST(Intake, SameBlockTwiceCountsOnceAndIsAcknowledgedAgain) {
  Node node;
  const auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  node.take(edge, edge.block(3));
  const auto replies = node.commit();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(wire::decode_ack(replies[0].payload).value().holdings[0].blocks,
            (SequenceRanges{{3, 3}}));
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->ledger().duplicate, 0u);
}

TEST(Intake, AnotherBlockUnderTheSameNameIsKeptAside) {
  Node node;
  auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  edge.blocks[3].bytes = edge.blocks[4].bytes;
  node.take(edge, edge.block(3));
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_EQ(reader->dead_letters({10}).value().size(), 1u);
  EXPECT_EQ(node.intake->ledger().answered, 120u);
}

TEST(Intake, ReadingThatADeviceSentTwiceCountsOnce) {
  Node node;
  auto edge = two_minutes(true);
  send_all(node, edge);
  node.commit();
  edge.take(0, kStart + 5 * kSecond, 2305);   // again, same value: a duplicate
  edge.take(0, kStart + 6 * kSecond, 1);      // another value at a known time: a reading
  edge.take(0, kStart + 200 * kSecond, 7);    // new
  edge.take(0, kStart + 200 * kSecond, 7);    // twice in one block
  const auto b = edge.flush(kStart + 120 * kSecond);
  for (const bool restart : {false, true}) {
    if (restart) {
      node.kill();
      node.start();
    }
    node.take(edge, edge.block(b));
    node.take(edge, edge.last_seal());
    if (!restart) node.kill(), node.start();  // dies before the commit
  }
  node.commit();
  EXPECT_EQ(node.intake->ledger().duplicate, 2u);
  EXPECT_EQ(node.intake->ledger().answered, 122u);
  node.settle();
  EXPECT_EQ(node.answers("minute")[0].values.at("count"), 61.0);
}

TEST(Intake, UndecodableBlockIsADeadLetterAndItsReadingsQuarantined) {
  Node node;
  auto edge = two_minutes();
  edge.blocks[2].bytes[edge.blocks[2].bytes.size() / 2] ^= 0x40;
  send_all(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 20u);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  const auto answers = node.answers("minute");
  EXPECT_EQ(answers[0].state, State::sealed);
  EXPECT_DOUBLE_EQ(answers[0].completeness.value(), 40.0 / 60);
  EXPECT_EQ(answers[0].lost, 20u);
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_EQ(reader->dead_letters({10}).value().at(0).readings, 20u);
}

TEST(Intake, TimesNearTheEndOfTimeAreADeadLetterAndHurtNobody) {
  Node node;
  auto edge = two_minutes();
  send_all(node, edge);
  for (const auto t : {count_ns(kEventTimeMax) - 1, count_ns(kEventTimeMin)}) {
    edge.take(0, t, 1);
    const auto block = edge.flush(kStart + 120 * kSecond);
    node.take(edge, edge.block(block));
    node.take(edge, edge.last_seal());
  }
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.intake->ledger().quarantined, 2u);
  EXPECT_EQ(node.intake->counters().dead_letters, 2u);
}

TEST(Intake, AClockThatWasAheadMovesNobodysProgress) {
  Node node;
  auto edge = two_minutes();
  edge.seal(kStart + 40 * 365 * 1440 * kMinute);
  send_all(node, edge);
  node.take(edge, edge.last_seal());
  node.commit();
  node.clock.advance(std::chrono::hours(1));
  edge.take(0, kStart + 7000 * kSecond, 1);
  node.take(edge, edge.block(edge.flush(kStart + 7200 * kSecond)));
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().late_ledger, 0u);
  EXPECT_EQ(node.intake->ledger().answered, 121u);
  const auto answers = node.answers("minute");
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().end, event_time(kStart + 7200 * kSecond));
  EXPECT_EQ(answers.back().state, State::sealed);
}

TEST(Intake, WhatIsAskedForFitsItsFrames) {
  Node node;
  EdgeDouble edge("press-07", 11, 1);
  node.take(edge, edge.hello());
  std::size_t hashes = 0;
  for (std::uint64_t b = 0; b < 200; ++b) {
    Block block;
    for (std::uint64_t d = 0; d < codec::kDictionariesMax; ++d) {
      block.dictionaries.push_back({1 + b * codec::kDictionariesMax + d});
    }
    node.take(edge, edge.block(edge.flush(std::move(block), kStart)));
  }
  for (const auto& reply : node.commit()) {
    EXPECT_LE(reply.payload.size(), wire::kFramePayloadMax);
    if (reply.type != wire::FrameType::request) continue;
    hashes += wire::decode_request(reply.payload).value().dictionaries.size();
  }
  EXPECT_EQ(hashes, 200 * codec::kDictionariesMax);
}

TEST(Intake, AbsurdCountsOfReadingsStopNobody) {
  Node node;
  auto edge = two_minutes();
  send_all(node, edge);
  for (int i = 0; i < 2; ++i) {
    const auto last = edge.flush(Block{}, kStart + 120 * kSecond);
    auto& record = edge.blocks[last];
    record.readings = std::uint64_t{1} << 62;
    record.bytes.back() ^= 1;
    node.take(edge, edge.block(last));
  }
  node.commit();
  auto seal = edge.seals.back();
  seal.evicted.add(SequenceRange{7, 8});
  node.take(edge, edge.frame(seal));
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
}

TEST(Intake, BlockWaitsForItsDictionaryWhichIsAskedFor) {
  Node node;
  const auto edge = two_minutes();
  node.take(edge, edge.hello());
  node.take(edge, edge.block(1));
  auto replies = node.commit();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[1].type, wire::FrameType::request);
  EXPECT_THAT(wire::decode_request(replies[1].payload).value().dictionaries,
              testing::ElementsAre(edge.dictionary_hash()));
  node.take(edge, edge.dictionary());
  replies = node.commit();
  EXPECT_EQ(wire::decode_ack(replies[0].payload).value().holdings[0].blocks,
            (SequenceRanges{{1, 1}}));
}

// A minute fills while its first seconds are sealed: what it counts by then is no news of them.
TEST(Intake, ASealedSecondIsNotRevisedByTheRestOfItsMinute) {
  answers::View seconds;
  seconds.name = "second";
  seconds.select = "**";
  seconds.aggregates = {"count", "mean"};
  seconds.window = {"tumbling", std::chrono::seconds(1), {}};
  seconds.emit = {{}, std::chrono::seconds(5)};
  Node node({}, {seconds});
  EdgeDouble edge("press-07", 11, 1);
  greet(node, edge);
  for (std::int64_t s = 0; s < 40; ++s) {
    edge.take(0, kStart + s * kSecond, 2300);
    edge.poll(kStart + s * kSecond, s % 3 == 0);
    const auto block = edge.flush(kStart + (s + 1) * kSecond);
    node.take(edge, edge.block(block));
    node.commit();  // the block is here before the seal that counts it
    node.take(edge, edge.last_seal());
    node.commit();
    node.settle();
  }
  const auto answers = node.answers("second", "**/m0");
  ASSERT_EQ(answers.size(), 40u);
  for (const auto& a : answers) {
    EXPECT_EQ(a.state, State::sealed) << format_utc(a.start);
    EXPECT_EQ(a.completeness, 1.0);
    EXPECT_FALSE(a.estimated);
    EXPECT_FALSE(a.coverage.has_value()) << "a minute's is not a second's";
  }
}

TEST(Intake, AStatementInPartsCountsWithItsLastPart) {
  Node node;
  auto edge = two_minutes();
  greet(node, edge);
  for (std::uint64_t b = 1; b <= 6; ++b) node.take(edge, edge.block(b));
  auto last = edge.seals.back();
  auto first = last;
  first.more = true;
  first.ledger = {};
  last.sources[0].minutes.clear();
  node.take(edge, edge.frame(first));
  auto replies = node.commit();
  EXPECT_EQ(wire::decode_ack(replies.back().payload).value().holdings[0].seal_number, 0u)
      << "a link that dies here must bring the other parts again";
  EXPECT_TRUE(node.answers("minute").empty() ||
              node.answers("minute")[0].state == State::provisional);
  node.take(edge, edge.frame(last));
  replies = node.commit();
  EXPECT_EQ(wire::decode_ack(replies.back().payload).value().holdings[0].seal_number, last.number);
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].state, State::sealed);
  EXPECT_EQ(answers[0].completeness, 1.0) << "by the minutes of the first part";
}

TEST(Intake, PowerCutAtTheEdgeLosesWhatItsNextStartCannotSend) {
  Node node;
  auto edge = two_minutes();
  greet(node, edge);
  for (std::uint64_t b = 1; b <= 4; ++b) node.take(edge, edge.block(b));
  node.take(edge, edge.last_seal());  // speaks of 5 and 6, which the cut took
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 40u);

  EdgeDouble next("press-07", 12, 2);
  next.take(0, kStart + 190 * kSecond, 5);
  next.flush(kStart + 240 * kSecond);
  greet(node, next, {edge.closing(4)});
  node.take(next, next.block(1));
  node.take(next, next.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->ledger().lost, 40u);
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 4u);  // the silent third minute, too
  EXPECT_EQ(answers[1].lost, 40u);
  EXPECT_EQ(answers[2].values.at("count"), 0.0);
  EXPECT_EQ(answers[3].values.at("count"), 1.0);
  for (const auto& a : answers) EXPECT_EQ(a.state, State::sealed);
}

// Its starts are counted from 1 again, as those of a new box under the old name.
TEST(Intake, WhatAWipedRingHeldIsLostAndNotPendingForEver) {
  Node node;
  EdgeDouble before("press-07", 11, 57);
  before.take(0, kStart, 1);
  before.flush(kStart + kMinute);
  greet(node, before);
  node.take(before, before.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 1u);
  EdgeDouble fresh("press-07", 12, 1);
  node.take(fresh, fresh.hello());
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->ledger().lost, 1u);
  node.take(before, before.hello());  // late, by another way: the newer start stays open
  fresh.take(0, kStart + kMinute, 1);
  fresh.flush(kStart + 2 * kMinute);
  node.take(fresh, fresh.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().pending, 1u);
}

TEST(Intake, WindowsOfALongSilenceDoNotStandBeforeThoseOfOthers) {
  Node node;
  constexpr auto kDays = 5 * 1440 * kMinute;
  node.clock.jump_wall(std::chrono::hours(24 * 5));
  EdgeDouble silent("press-08", 21, 1);
  silent.take(0, kStart, 1);
  silent.flush(kStart + kDays);
  greet(node, silent);
  node.take(silent, silent.block(1));
  node.take(silent, silent.last_seal());
  send_all(node, two_minutes());
  node.commit();
  const auto answers = node.answers("minute", "press-07/**");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].state, State::sealed);
  node.settle();
  EXPECT_EQ(node.answers("minute", "press-08/**").size(), 5 * 1440u);
}

TEST(Intake, AQueryNeverHasMoreWindowsThanItAskedFor) {
  Node node;
  send_all(node, two_minutes());
  node.commit();
  auto q = query::Reader::parse("count ** by 40s").value();
  q.from = event_time(kStart);
  q.to = event_time(kStart + 100 * kSecond);
  auto reader = query::Reader::open(node.folder.path).value();
  q.limit = 2;
  EXPECT_EQ(reader->answers(q).error().fault(), Fault::full);
  q.limit = 3;
  EXPECT_EQ(reader->answers(q).value().size(), 3u);
}

TEST(Intake, ASeriesThatIsPolledAtAnotherPaceIsSealedByItsNewClass) {
  Node node;
  const auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  EdgeDouble later("press-07", 12, 2, false, 2, "slow");
  later.take(0, kStart + 130 * kSecond, 5);
  greet(node, later, {edge.closing(6)});
  node.take(later, later.block(later.flush(kStart + 180 * kSecond)));
  node.take(later, later.last_seal());
  node.commit();
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[2].state, State::sealed);
  EXPECT_EQ(answers[2].values.at("count"), 1.0);
}

TEST(Intake, EvictedBlocksAreNotWaitedFor) {
  Node node;
  auto edge = two_minutes();
  greet(node, edge);
  for (const std::uint64_t b : {2, 3, 4, 5, 6}) node.take(edge, edge.block(b));
  edge.evict(1);
  edge.evict(2);  // had arrived, its acknowledgement had not
  edge.seal(kStart + 120 * kSecond);
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(node.intake->ledger().evicted, 20u);
  EXPECT_EQ(node.intake->ledger().answered, 100u);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.answers("minute")[0].state, State::sealed);
  EXPECT_DOUBLE_EQ(node.answers("minute")[0].completeness.value(), 40.0 / 60);
}

TEST(Intake, CrashBetweenArchiveAndCommitLeavesNothing) {
  Node node;
  const auto edge = two_minutes();
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.commit();
  node.kill();
  const auto segment = store::segment_path(store::archive_folder(node.folder.path), 1);
  const auto committed = std::filesystem::file_size(segment);
  {  // half a batch that the archive has and the database has not
    auto file = node.disk.open(segment).value();
    const ByteVector rest(777, 0xEE);
    ASSERT_TRUE(file->write_at(committed, rest).ok());
  }
  node.start();
  EXPECT_EQ(std::filesystem::file_size(segment), committed);
  send_all(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
  EXPECT_EQ(node.answers("minute")[0].state, State::sealed);
}

TEST(Intake, ExpressionsComeFromPanesAndFinerOnesFromTheArchive) {
  Node node;
  const auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  auto q = query::Reader::parse("avg line1/m0 by 10s").value();
  auto answers = node.ask(q);
  ASSERT_EQ(answers.size(), 12u);
  EXPECT_EQ(answers[0].values.at("mean"), 230.45);
  EXPECT_EQ(answers[0].values.size(), 1u);
  EXPECT_EQ(answers[11].state, State::sealed);
  q = query::Reader::parse("sum line1/m0 by 2m").value();
  q.from = event_time(kStart);
  answers = node.ask(q);
  ASSERT_GE(answers.size(), 1u);
  q = query::Reader::parse("count line1/m0").value();
  q.from = event_time(kStart + 10 * kSecond);
  q.to = event_time(kStart + 70 * kSecond);
  answers = node.ask(q);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].values.at("count"), 60.0);
  q = query::Reader::parse("max line1/m0 by 1m").value();
  answers = node.ask(q);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].view, "minute");
  EXPECT_EQ(answers[0].values.size(), 1u);
}

// Blocks of long columns say what they do not hold (codec::Outline); the others are the answer.
TEST(Intake, FineAnswersPassOverBlocksOfOtherSeriesAndTimes) {
  EdgeDouble edge("press-07", 11, 1);
  for (std::int64_t i = 0; i < 1200; ++i) {
    const auto time = kStart + i * kSecond / 10;
    edge.take(static_cast<std::uint32_t>(i / 200 % 2), time, static_cast<double>(i % 7));
    edge.poll(time, true);
    if (i % 200 == 199) edge.flush(time + kSecond / 10);
  }
  Node node;
  send_all(node, edge);
  node.commit();
  auto q = query::Reader::parse("count line1/m1 by 5s").value();
  q.from = event_time(kStart);
  q.to = event_time(kStart + 120 * kSecond);
  const auto answers = node.ask(q);
  ASSERT_EQ(answers.size(), 24u);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const bool there = (i / 4) % 2 == 1;
    EXPECT_EQ(answers[i].values.at("count"), there ? 50.0 : 0.0) << i;
  }
}

TEST(Intake, NewestWindowsComeAloneAndInOrder) {
  Node node;
  auto edge = two_minutes();
  send_all(node, edge);
  node.commit();
  auto q = query::Reader::parse("max line1/m0 by 1m").value();
  q.limit = 1;
  q.newest = 1;
  auto answers = node.ask(q);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].start, event_time(kStart + 60 * kSecond));
  q.limit = q.newest = 2;
  answers = node.ask(q);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_LT(answers[0].start, answers[1].start);
  q.limit = q.newest = 1;
  q.as_of = kEventTimeMax;
  answers = node.ask(q);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].start, event_time(kStart + 60 * kSecond));
  q.as_of.reset();

  q = query::Reader::parse("max line1/m0 by 10s").value();  // which no view keeps
  q.limit = q.newest = 3;
  for (const bool sealed : {false, true}) {
    q.sealed_only = sealed;
    answers = node.ask(q);
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0].start, event_time(kStart + 90 * kSecond));
    EXPECT_EQ(answers[2].start, event_time(kStart + 110 * kSecond));
  }
}

TEST(Intake, OfflineEdgeIsNamed) {
  Node node;
  const auto edge = two_minutes();
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.commit();
  node.settle();
  node.take(edge, {wire::FrameType::bye, {}});
  node.commit();
  const auto answers = node.answers("minute");
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_FALSE(answers[0].missing.empty());
  EXPECT_THAT(answers[0].missing[0].reason,
              testing::StartsWith("edge press-07 offline since 2025"));
}

}  // namespace
}  // namespace tidemark::test
