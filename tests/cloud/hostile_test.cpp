// Edges that contradict themselves, share a name, or send what would grow without bound: each is
// named and alarmed, and the others do not notice.
#include <gmock/gmock.h>

#include "cloud/reconcile/clone_guard.h"
#include "cloud/store/orders.h"
#include "cloud/store/store.h"
#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;

EdgeDouble minute_of_readings(const std::string& name, std::uint64_t incarnation,
                              std::uint64_t ordinal, std::int64_t from = kStart) {
  EdgeDouble edge(name, incarnation, ordinal);
  for (std::int64_t s = 0; s < 60; ++s) {
    edge.take(0, from + s * kSecond, static_cast<double>(2300 + s));
    edge.poll(from + s * kSecond, true);
    if (s % 20 == 19) edge.flush(from + (s + 1) * kSecond);
  }
  return edge;
}

TEST(Contradiction, AnotherSealUnderTheSameNumberIsKeptAsideAndAlarmed) {
  Node node;
  const auto edge = minute_of_readings("press-07", 11, 1);
  send(node, edge);
  node.commit();
  auto other = edge.seals.back();
  other.ledger.taken += 1000;
  node.take(edge, EdgeDouble::frame(other));
  node.commit();
  EXPECT_EQ(node.intake->ledger().taken, 60u);
  const auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "seal_conflict");
  EXPECT_THAT(alarms[0].text, HasSubstr("have number 3"));
  auto reader = query::Reader::open(node.folder.path).value();
  EXPECT_THAT(reader->dead_letters({10}).value().at(0).reason, HasSubstr("two seals of start"));
  // The same seal again says nothing new.
  node.take(edge, edge.last_seal());
  node.commit();
  EXPECT_EQ(alarms_of(node, "press-07")[0].times, 1u);
}

TEST(Contradiction, OtherCountsOfAMinuteUnderTheSameNumberDoNotStand) {
  Node node;
  const auto edge = minute_of_readings("press-07", 11, 1);
  send(node, edge);
  auto other = edge.seals.back();
  other.sources[0].minutes.at(0).good = 3;
  node.take(edge, EdgeDouble::frame(other));
  node.commit();
  EXPECT_EQ(node.answers("minute").at(0).coverage, 1.0);
  EXPECT_EQ(alarms_of(node, "press-07").at(0).kind, "seal_conflict");
}

TEST(Contradiction, AnotherBlockUnderTheSameNameIsAlarmed) {
  Node node;
  auto edge = minute_of_readings("press-07", 11, 1);
  send(node, edge);
  node.commit();
  edge.blocks.at(2) = edge.blocks.at(1);
  edge.blocks.at(2).name.sequence = Sequence{2};
  node.take(edge, edge.block(2));
  node.commit();
  EXPECT_EQ(alarms_of(node, "press-07").at(0).kind, "block_conflict");
}

// Two boxes with one identity, both from an image that was taken before either started.
TEST(Clone, TheSecondBoxIsRefusedUntilAPersonDecides) {
  Node node;
  const auto first = minute_of_readings("press-07", 0xa1, 5);
  const auto second = minute_of_readings("press-07", 0xb2, 5, kStart + 10 * kMinute);
  send(node, first);
  node.commit();
  for (int turn = 0; turn < 3; ++turn) {
    node.take(second, second.hello());
    node.commit();
    EXPECT_TRUE(alarms_of(node, "press-07").empty());
    node.take(first, first.hello());
    node.commit();
  }
  auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "clone");
  EXPECT_THAT(alarms[0].text, HasSubstr("00000000000000b2"));

  const auto before = node.intake->ledger();
  node.take(second, second.hello());
  const auto replies = node.commit();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].type, wire::FrameType::refuse);
  EXPECT_EQ(replies[0].session, 1u);
  EXPECT_EQ(wire::decode_refuse(replies[0].payload)->reason, wire::Refusal::clone);
  send(node, second);
  node.commit();
  EXPECT_EQ(node.intake->ledger(), before);

  // A later start of the refused box says whose it is; a restart of this node forgets nothing.
  node.kill();
  node.start();
  const auto later = minute_of_readings("press-07", 0xb3, 6, kStart + 20 * kMinute);
  send(node, later, {second.closing(3)});
  node.commit();
  EXPECT_EQ(node.intake->ledger(), before);
  const auto next = minute_of_readings("press-07", 0xa2, 6, kStart + 30 * kMinute);
  send(node, next, {first.closing(3)});
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, before.answered + 60);

  const auto order = store::give_order(node.folder.path, "accept press-07 b2", node.clock.wall());
  ASSERT_TRUE(order.ok());
  EXPECT_FALSE(store::order_outcome(node.folder.path, *order).value().has_value());
  node.clock.advance(std::chrono::seconds(6));
  node.commit();
  EXPECT_THAT(store::order_outcome(node.folder.path, *order).value().value_or(""),
              HasSubstr("ok: start 00000000000000b2 of press-07 is accepted"));
  send(node, second);
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, before.answered + 120);
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
}

// The start that waits for a decision descends from one that is refused; it is let in all the same,
// over a restart of this node, and so are those that follow it.
TEST(Clone, TheStartThatTheRefusalNamesIsLetIn) {
  Node node;
  const auto first = minute_of_readings("press-07", 0xa1, 5);
  const auto second = minute_of_readings("press-07", 0xb2, 5, kStart + 10 * kMinute);
  for (int turn = 0; turn < 7; ++turn) {
    const auto& box = turn % 2 == 0 ? first : second;
    node.take(box, box.hello());
    node.commit();
  }
  const auto later = minute_of_readings("press-07", 0xb3, 6, kStart + 20 * kMinute);
  node.take(later, later.hello({second.closing(3)}));
  const auto refusal = wire::decode_refuse(node.commit().at(0).payload)->text;
  const auto command = std::string("accept press-07 00000000000000b3");
  ASSERT_THAT(refusal, HasSubstr(command));
  const auto order = store::give_order(node.folder.path, command, node.clock.wall());
  ASSERT_TRUE(order.ok());
  node.clock.advance(std::chrono::seconds(6));
  node.commit();
  node.kill();
  node.start();
  send(node, later, {second.closing(3)});
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 60u);
  node.kill();
  node.start();
  const auto next = minute_of_readings("press-07", 0xb4, 7, kStart + 30 * kMinute);
  send(node, next, {second.closing(3), later.closing(3)});
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 120u);
}

TEST(Clone, RefusedStartsAreBoundedAlsoOnDisk) {
  Folder folder;
  SystemDisk disk;
  auto store = store::Store::open(disk, folder.path).value();
  store->begin();
  const auto edge = store->edges().add("press-07");
  const auto most = reconcile::CloneGuard::kRefusedMax;
  for (std::uint64_t i = 1; i <= most + 10; ++i) {
    store->edges().refuse(edge, {i}, event_time(kStart + static_cast<std::int64_t>(i)));
  }
  ASSERT_TRUE(store->commit().ok());
  const auto refused = store->edges().refused(edge);
  ASSERT_EQ(refused.size(), most);
  EXPECT_EQ(refused.front().count, 11u);  // the newest stay
}

TEST(Clone, AnOrderThatMakesNoSenseSaysWhy) {
  Node node;
  send(node, minute_of_readings("press-07", 1, 1));
  node.commit();
  for (const auto& [words, text] :
       {std::pair{"accept press-08 b2", "no edge is called 'press-08'"},
        std::pair{"accept press-07 xyz", "'xyz' is no incarnation"},
        std::pair{"paint it black", "no order 'paint it black'"}}) {
    const auto order = store::give_order(node.folder.path, words, node.clock.wall());
    node.clock.advance(std::chrono::seconds(6));
    node.commit();
    EXPECT_THAT(store::order_outcome(node.folder.path, *order).value().value_or(""),
                HasSubstr(std::string("error: ") + text));
  }
}

// The image was taken of a running box, so that the copy knows its start as an earlier one of its
// own.
TEST(CloneGuard, ACopyOfARunningBoxIsRefused) {
  reconcile::CloneGuard guard;
  Closing running;
  running.incarnation = {1};
  guard.hello({1}, {});
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_TRUE(guard.hello({2}, {running}).welcome);
    EXPECT_TRUE(guard.hello({1}, {}).welcome);
  }
  EXPECT_FALSE(guard.hello({2}, {running}).welcome);
  EXPECT_TRUE(guard.refuses({2}));
  EXPECT_TRUE(guard.hello({1}, {}).welcome);
}

TEST(CloneGuard, RestartsAndLateHellosAreNoClones) {
  reconcile::CloneGuard guard;
  Closing past;
  std::vector<Closing> closings;
  for (std::uint64_t start = 1; start < 100; ++start) {
    const Incarnation now{start};
    for (int again = 0; again < 3; ++again) {
      EXPECT_TRUE(guard.hello(now, closings).welcome);
    }
    // The hello of the start before lay at another gateway.
    if (start > 1) {
      EXPECT_TRUE(guard.hello({start - 1}, {}).welcome);
    }
    EXPECT_TRUE(guard.hello(now, closings).welcome);
    past.incarnation = now;
    closings.push_back(past);
  }
  EXPECT_FALSE(guard.refuses_any());
}

TEST(Bound, SourcesOfAnEdgeAreBoundedAndOthersDoNotNotice) {
  Node node;
  const auto good = minute_of_readings("press-07", 1, 1);
  const auto bad = minute_of_readings("hostile", 2, 1);
  node.take(bad, bad.hello());
  auto seal = bad.seals.back();
  seal.sources.clear();
  for (int i = 0; i < 3000; ++i) {
    SourceSeal source;
    source.source = "s" + std::to_string(i);
    seal.sources.push_back(source);
  }
  node.take(bad, EdgeDouble::frame(seal));
  send(node, good);
  node.commit();
  auto reader = query::Reader::open(node.folder.path).value();
  const auto edges = reader->edges().value();
  for (const auto& e : edges) {
    EXPECT_EQ(e.sources.size(), e.name == "hostile" ? reconcile::kSourcesMax : 1u);
  }
  const auto alarms = alarms_of(node, "hostile");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "bound");
  EXPECT_THAT(alarms[0].text, HasSubstr("source number 1025"));
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
  EXPECT_EQ(node.answers("minute", "press-07/**").at(0).completeness, 1.0);
}

TEST(Bound, BlocksOutOfOrderBeyondItWaitAtTheEdge) {
  reconcile::EdgeBooks books;
  std::vector<reconcile::OffTimes::Span> off;
  const Incarnation i{7};
  books.hello(i, 1, {}, off, event_time(kStart));
  for (std::uint64_t s = 2; s < 2 * reconcile::kWeightMax; s += 2) books.of(i).receive({s}, 0, {});
  books.weigh();
  EXPECT_FALSE(books.room_for(i, Sequence{4 * reconcile::kWeightMax}));
  EXPECT_TRUE(books.room_for(i, Sequence{5}));  // fills a gap
  EXPECT_TRUE(books.room_for(i, Sequence{1}));
}

TEST(Bound, SettledStartsLeaveMemoryAndComeBackWhenTheyAreSpokenOf) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  std::vector<EdgeDouble> starts;
  for (std::uint64_t n = 1; n <= 200; ++n) {
    starts.push_back(minute_of_readings("press-07", n, n, kStart + static_cast<std::int64_t>(n) *
                                                                        kMinute));
    std::vector<Closing> closings;
    if (n > 1) closings.push_back(starts[n - 2].closing(3));
    // Starts that took nothing leave no line at all.
    Closing blank;
    blank.incarnation = {10'000 + n};
    blank.start_ordinal = n;
    closings.push_back(blank);
    send(node, starts.back(), closings);
    node.commit();
  }
  EXPECT_EQ(node.intake->ledger().answered, 200u * 60);
  EXPECT_LE(node.intake->starts_in_memory("press-07"), 2 * reconcile::kStartsKept);
  for (int restart = 0; restart < 2; ++restart) {
    node.take(starts[3], starts[3].block(2));  // of a folded start: a repeat, not a new block
    const auto replies = node.commit();
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(wire::decode_ack(replies[0].payload)->holdings.at(0).blocks,
              (SequenceRanges{{2, 2}}));
    EXPECT_EQ(node.intake->ledger().answered, 200u * 60);
    EXPECT_TRUE(node.intake->ledger().adds_up());
    node.kill();
    node.start();
    EXPECT_LE(node.intake->starts_in_memory("press-07"), 2 * reconcile::kStartsKept);
  }
}

// As of an agent that starts every ten seconds for a fortnight, and is mended then.
TEST(Bound, StartsWithoutEndDoNotLockTheEdgeOut) {
  Folder folder;
  SystemDisk disk;
  auto store = store::Store::open(disk, folder.path).value();
  store->begin();
  const auto edge = store->edges().add("press-07");
  reconcile::EdgeBooks books;
  constexpr std::uint64_t kStarts = 120'000;
  std::vector<Closing> closings;
  std::vector<reconcile::OffTimes::Span> off;
  for (std::uint64_t n = 1; n <= kStarts; ++n) {
    const Incarnation i{n};
    ASSERT_TRUE(books.room_for(i, closings)) << n;
    books.hello(i, n, closings, off, event_time(kStart));
    reconcile::Placed placed;
    placed.answered = 3;
    books.of(i).receive(Sequence{1}, 3, placed);
    if (n > 1) store->edges().save_incarnation(edge, {n - 1}, books.of({n - 1}));
    for (const auto blank : books.fold()) store->edges().forget_incarnation(edge, blank);
    ASSERT_TRUE(store->edges().let_starts_go(edge, books).ok());
    closings = {Closing{i, n, Sequence{1}, {}, {}}};
  }
  store->edges().save_incarnation(edge, {kStarts}, books.of({kStarts}));
  EXPECT_GT(books.gone().starts, kStarts - 100'000);
  EXPECT_LE(books.all_starts().size(), reconcile::kStartsFoldedMax + 2 * reconcile::kStartsKept);
  EXPECT_EQ(books.ledger().answered, 3 * kStarts);
  EXPECT_EQ(books.blocks(), kStarts);
  EXPECT_EQ(books.missing(), 0u);
  reconcile::EdgeBooks again;
  ASSERT_TRUE(store->edges().load_books(edge, again).ok());
  EXPECT_EQ(again.ledger(), books.ledger());
  EXPECT_EQ(again.found(), books.found());
  EXPECT_EQ(again.blocks(), kStarts);
  EXPECT_EQ(again.gone().starts, books.gone().starts);
  EXPECT_TRUE(store->commit().ok());
}

// Also those that leave memory with the very batch that settled them.
TEST(Bound, StartsThatFoldAreWelcomedAndAcknowledgedFirst) {
  Node node;
  node.clock.jump_wall(std::chrono::hours(24));
  std::vector<EdgeDouble> starts;
  std::vector<Closing> closings;
  for (std::uint64_t n = 1; n <= 200; ++n) {
    if (n > 1) closings.push_back(starts.back().closing(3));
    starts.push_back(minute_of_readings("press-07", n, n, kStart + static_cast<std::int64_t>(n) *
                                                                        kMinute));
  }
  node.take(starts.back(), starts.back().hello(closings));
  for (const auto& s : starts) {
    node.take(s, s.dictionary());
    for (const auto& [sequence, block] : s.blocks) node.take(s, s.block(sequence));
    node.take(s, s.last_seal());
  }
  const auto replies = node.commit();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(wire::decode_welcome(replies[0].payload)->holdings.size(), 200u);
  const auto ack = wire::decode_ack(replies[1].payload).value();
  ASSERT_EQ(ack.holdings.size(), 200u);
  for (const auto& h : ack.holdings) EXPECT_EQ(h.seal_number, 3u) << h.incarnation.count;
}

// The hash of a dictionary is no secret: an edge could make another one of the same hash first.
TEST(Bound, NoEdgeSpeaksForAnothersDictionary) {
  Node node;
  const auto good = minute_of_readings("press-07", 1, 1);
  const auto other = minute_of_readings("press-08", 2, 1);
  node.take(other, other.hello());
  node.take(other, other.dictionary());  // the same content, and so the same hash
  node.commit();
  node.take(good, good.hello());
  node.take(good, good.block(1));
  const auto replies = node.commit();
  EXPECT_EQ(wire::decode_request(replies.back().payload)->dictionaries.size(), 1u);
  EXPECT_EQ(node.intake->counters().parked, 1u);
}

TEST(Bound, ABlockThatTouchesTooManyPanesIsKeptAside) {
  Node node;
  EdgeDouble edge("hostile", 1, 1, false, 8);
  Block block;
  block.dictionaries = {edge.dictionary_hash()};
  Group group;
  for (std::int64_t r = 0; r < 65'000; ++r) group.times.push_back(kStart - r * kMinute);
  for (std::uint32_t s = 0; s < 8; ++s) {
    Column column;
    column.series = s;
    column.type = s % 2 == 0 ? ValueType::i64 : ValueType::f64;
    if (s % 2 == 0) {
      column.i64.assign(65'000, 1);
    } else {
      column.f64.assign(65'000, 1.0);
    }
    group.columns.push_back(std::move(column));
  }
  block.groups.push_back(std::move(group));
  edge.flush(std::move(block), kStart);
  send(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 8u * 65'000);
  EXPECT_THAT(alarms_of(node, "hostile").at(0).text, HasSubstr("panes"));
}

}  // namespace
}  // namespace tidemark::test
