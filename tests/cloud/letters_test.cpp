// Dead letters: what could not be taken is taken later, once, or is lost by somebody's word.
#include <gmock/gmock.h>

#include "cloud/answers/late_minutes.h"
#include "cloud/store/schema.h"
#include "common/model/poll_class.h"
#include "tests/cloud/alarms_of.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using answers::State;
using store::LetterState;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<store::Letter> letters(const std::filesystem::path& folder) {
  return query::Reader::open(folder).value()->dead_letters({}).value();
}
std::vector<store::Letter> letters(const Node& node) { return letters(node.folder.path); }

// One minute, in blocks of 20 readings.
EdgeDouble one_minute(int blocks = 3) {
  EdgeDouble edge("press-07", 11, 1);
  for (int b = 0; b < blocks; ++b) {
    for (int i = 0; i < 20; ++i) edge.take(0, kStart + (20 * b + i) * kMinute / (20 * blocks), 7);
    edge.flush(kStart + (b + 1) * kMinute / blocks);
  }
  return edge;
}

void pass_minutes(Node& node, unsigned minutes) {
  for (unsigned m = 0; m < minutes; ++m) {
    node.clock.advance(std::chrono::seconds(61));
    node.commit();
  }
}

// All blocks lie among the dead letters: their dictionary did not come.
void give_up_dictionary(Node& node, const EdgeDouble& edge) {
  node.take(edge, edge.hello());
  for (const auto& [sequence, block] : edge.blocks) node.take(edge, edge.block(sequence));
  node.take(edge, edge.last_seal());
  pass_minutes(node, 2 * intake::kAsksMax);
  ASSERT_EQ(node.intake->ledger().quarantined, edge.log.size());
}

std::string why_missing(const answers::Answer& answer) {
  std::string text;
  for (const auto& m : answer.missing) text += m.reason + "\n";
  return text;
}

TEST(DeadLetters, AreTakenByThemselvesWhenTheirDictionaryComes) {
  Node node;
  const auto edge = one_minute();
  give_up_dictionary(node, edge);
  ASSERT_EQ(letters(node).size(), 3u);
  const auto& first = letters(node).back();
  EXPECT_EQ(first.why, store::LetterReason::dictionary_missing);
  EXPECT_EQ(first.block, (BlockName{{11}, {1}}));
  EXPECT_EQ(first.readings, 20u);
  EXPECT_EQ(first.wants, edge.dictionary_hash());
  EXPECT_EQ(node.intake->counters().letters[0], 3u);

  EXPECT_EQ(alarms_of(node, "press-07").size(), 1u);
  node.take(edge, edge.dictionary());
  node.kill();  // before the commit
  node.start();
  node.take(edge, edge.hello());
  node.take(edge, edge.dictionary());
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 60u);
  EXPECT_EQ(node.intake->ledger().quarantined, 0u);
  EXPECT_EQ(node.intake->counters().letters[0], 0u);
  for (const auto& l : letters(node)) EXPECT_EQ(l.state, LetterState::taken);
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
  node.settle();
  const auto minute = node.answers("minute").at(0);
  EXPECT_EQ(minute.values.at("count"), 60.0);
  EXPECT_EQ(minute.completeness, 1.0);
  EXPECT_EQ(minute.lost, 0u);

  // A block that comes once more is known, also after a restart.
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  node.take(edge, edge.block(2));
  node.settle();
  EXPECT_EQ(node.intake->counters().duplicates, 1u);
  EXPECT_EQ(node.intake->ledger().answered, 60u);
  EXPECT_EQ(node.answers("minute").at(0).revision, minute.revision);
}

TEST(DeadLetters, ReviseWindowsThatWereSealedWithoutThem) {
  Node node;
  auto edge = one_minute();
  EdgeDouble known("press-07", 11, 1);
  known.describe(0, [](SeriesDescription& d) { d.unit = "kV"; });
  // The second block names another dictionary than the others.
  Block block = codec::decode(edge.blocks[2].bytes).value();
  block.dictionaries = {known.dictionary_hash()};
  edge.blocks[2].bytes = codec::encode(block, codec::Tier::standard).value();
  send(node, edge);
  pass_minutes(node, 2 * intake::kAsksMax);
  const auto before = node.answers("minute").at(0);
  EXPECT_EQ(before.state, State::sealed);
  EXPECT_EQ(before.lost, 20u);
  EXPECT_THAT(why_missing(before), HasSubstr("20 readings of about this time kept aside (dead "
                                             "letter 1): its dictionary"));
  node.take(edge, known.dictionary());
  pass_minutes(node, 2);
  const auto after = node.answers("minute").at(0);
  EXPECT_EQ(after.state, State::revised);
  EXPECT_EQ(after.cause, "re-sent");
  EXPECT_EQ(after.values.at("count"), 60.0);
  EXPECT_EQ(after.completeness, 1.0);
  EXPECT_EQ(why_missing(after), "");
}

TEST(DeadLetters, AreTakenInTurnsThatGoOnAfterARestart) {
  Node node;
  const auto edge = one_minute(150);
  give_up_dictionary(node, edge);
  node.take(edge, edge.dictionary());
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 100u * 20);
  node.kill();
  node.start();
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, 150u * 20);
}

TEST(DeadLetters, AnEdgeThatComesBackIsAskedForTheirDictionaries) {
  Node node;
  const auto edge = one_minute();
  give_up_dictionary(node, edge);
  node.take(edge, edge.hello());
  const auto replies = node.commit();
  const auto request = std::ranges::find(replies, wire::FrameType::request, &intake::Reply::type);
  ASSERT_NE(request, replies.end());
  EXPECT_EQ(wire::decode_request(request->payload).value().dictionaries,
            std::vector{edge.dictionary_hash()});
}

TEST(DeadLetters, ThatStillCannotBeTakenStay) {
  Node node;
  auto edge = one_minute();
  edge.blocks[2].bytes[edge.blocks[2].bytes.size() / 2] ^= 0x40;
  send(node, edge);
  node.commit();
  EXPECT_THAT(order(node, "letter retry 1 ada"), StartsWith("error: block: wrong checksum"));
  EXPECT_THAT(order(node, "letter retry unreadable ada"),
              StartsWith("error: block: wrong checksum"));
  EXPECT_EQ(order(node, "letter retry bound ada"), "ok: 0 taken, with 0 readings");
  EXPECT_EQ(order(node, "letter retry 2 ada"), "error: no dead letter '2'");
  ASSERT_EQ(letters(node).size(), 1u);
  EXPECT_EQ(letters(node)[0].state, LetterState::kept);
  EXPECT_EQ(node.intake->ledger().quarantined, 20u);
  const auto whole = query::Reader::open(node.folder.path).value()->dead_letter(1, {}).value();
  ByteVector record;
  ByteWriter out(record);
  edge.blocks[2].encode(out);
  EXPECT_EQ(whole->bytes, record);
}

TEST(DeadLetters, ThatAPersonDropsAreLostAndWindowsSaySo) {
  Node node;
  auto edge = one_minute();
  edge.blocks[2].bytes[edge.blocks[2].bytes.size() / 2] ^= 0x40;
  send(node, edge);
  node.settle();
  EXPECT_EQ(order(node, "letter drop 1 ada burnt%20card"), "ok: 1 dropped, 20 readings are lost");
  pass_minutes(node, 2);
  for (const bool restarted : {false, true}) {
    if (restarted) {
      node.kill();
      node.start();
    }
    const auto ledger = node.intake->ledger();
    EXPECT_EQ(ledger.answered, 40u);
    EXPECT_EQ(ledger.lost, 20u);
    EXPECT_EQ(ledger.quarantined, 0u);
    EXPECT_TRUE(ledger.adds_up());
    EXPECT_EQ(node.intake->found("press-07")->lost, 20u);
  }
  const auto answer = node.answers("minute").at(0);
  EXPECT_EQ(answer.state, State::revised);
  EXPECT_EQ(answer.cause, "operator");
  EXPECT_EQ(answer.lost, 20u);
  EXPECT_DOUBLE_EQ(answer.completeness.value(), 40.0 / 60);
  EXPECT_THAT(why_missing(answer), HasSubstr("20 readings of about this time dropped by operator "
                                             "(dead letter 1): ada: burnt card"));
  EXPECT_EQ(letters(node)[0].state, LetterState::dropped);
  EXPECT_EQ(order(node, "letter drop 1 ada again"), "error: it is dropped: ada: burnt card");
  EXPECT_EQ(order(node, "letter retry 1 ada"), "error: it is dropped: ada: burnt card");
  const auto counts = query::Reader::open(node.folder.path).value()->letter_counts().value();
  EXPECT_EQ(counts.dropped.at("press-07"), 20u);
  // Said again, nothing changes.
  const auto revision = answer.revision;
  node.take(edge, edge.block(2));
  node.settle();
  EXPECT_EQ(node.answers("minute").at(0).revision, revision);
}

// Of a log, whose edges were told that their frames are here.
struct LogNode {
  LogNode() {
    intake::Options options;
    options.data_dir = folder.path;
    options.views = answers::views_in_force({}).value();
    options.from_log = true;
    intake = intake::Intake::open(disk, clock, std::move(options)).value();
  }
  void take(const EdgeDouble& edge, const wire::Frame& frame, const intake::Origin& from = {}) {
    intake->take(edge.name(), 1, frame, from);
  }
  void minutes(int n) {
    for (int i = 0; i < n; ++i) {
      clock.advance(std::chrono::seconds(61));
      ASSERT_TRUE(intake->commit().ok());
    }
  }
  std::string ask(const std::string& words) {
    minutes(1);
    const auto number = store::give_order(folder.path, words, clock.wall()).value();
    minutes(2);
    return store::order_outcome(folder.path, number).value().value_or("never");
  }
  std::vector<answers::Answer> answers() {
    query::AnswerQuery q;
    q.view = "minute";
    q.select = "**";
    return query::Reader::open(folder.path).value()->answers(q).value();
  }
  Folder folder;
  SystemDisk disk;
  ManualClock clock{event_time(kStart + 3600 * kSecond)};
  std::unique_ptr<intake::Intake> intake;
};

EdgeDouble unreadable(int blocks) {
  EdgeDouble edge("press-07", 11, 1);
  for (int b = 0; b < blocks; ++b) {
    edge.take(0, kStart + b * kSecond, 1);
    edge.flush(kStart + kMinute);
    edge.blocks[static_cast<std::uint64_t>(b) + 1].bytes.assign(512 << 10, 0x5a);
  }
  return edge;
}

TEST(DeadLetters, ThatFillTheDiskWaitAtTheirEdge) {
  Node node;
  const auto edge = unreadable(40);
  send(node, edge);
  node.commit();
  const auto kept = letters(node).size();
  EXPECT_GT(kept, 25u);
  EXPECT_LT(kept, 40u);
  EXPECT_EQ(node.intake->ledger().quarantined, kept);
  EXPECT_EQ(node.intake->ledger().pending, 40 - kept);
  EXPECT_EQ(node.intake->ledger().lost, 0u);
  EXPECT_THAT(alarms_of(node, "press-07").at(0).text, HasSubstr("16 MiB in a minute"));
  pass_minutes(node, 2);
  send(node, edge);
  node.commit();
  EXPECT_EQ(node.intake->ledger().quarantined, 40u);
}

TEST(DeadLetters, OfALogThatFillTheDiskAreNotKeptAndCountAsLost) {
  LogNode node;
  constexpr int kBlocks = 40;
  const auto edge = unreadable(kBlocks);
  node.take(edge, edge.hello());
  for (const auto& [sequence, block] : edge.blocks) node.take(edge, edge.block(sequence));
  node.take(edge, edge.last_seal());
  node.minutes(1);
  const auto all = letters(node.folder.path);
  const auto kept = std::ranges::count(all, LetterState::kept, &store::Letter::state);
  EXPECT_GT(kept, 25);
  EXPECT_LT(kept, kBlocks);
  EXPECT_EQ(all.front().state, LetterState::discarded);
  EXPECT_THAT(all.front().outcome, HasSubstr("16 MiB in a minute"));
  EXPECT_EQ(node.intake->ledger().quarantined, static_cast<std::uint64_t>(kept));
  EXPECT_EQ(node.intake->ledger().lost, static_cast<std::uint64_t>(kBlocks - kept));
  const auto edges = query::Reader::open(node.folder.path).value()->edges().value();
  EXPECT_THAT(edges.at(0).alarms.at(0).text, HasSubstr("16 MiB in a minute"));
}

TEST(DeadLetters, OfWhatIsNotInTheBooksAreTakenOrDroppedToo) {
  LogNode node;
  const auto edge = one_minute();
  const intake::Origin origin{"t.blocks.live", 3, 17};
  node.take(edge, edge.dictionary());
  node.take(edge, edge.block(1), origin);
  node.take(edge, edge.block(2), origin);
  node.minutes(3);  // no hello names their start
  ASSERT_EQ(letters(node.folder.path).size(), 2u);
  EXPECT_EQ(letters(node.folder.path)[0].why, store::LetterReason::bound);
  EXPECT_EQ(letters(node.folder.path)[0].block, (BlockName{{11}, {2}}));
  EXPECT_EQ(letters(node.folder.path)[0].origin, "t.blocks.live/3/17");
  EXPECT_THAT(node.ask("letter retry 1 ada"), HasSubstr("no hello has named its start"));
  EXPECT_THAT(node.ask("letter drop 1 ada old"), HasSubstr("no hello has named its start"));
  EXPECT_EQ(node.ask("letter drop all ada old"), "ok: 0 dropped, 0 readings are lost; 2 stay: no "
                                                 "hello has named its start");
  node.take(edge, edge.hello());
  node.take(edge, edge.block(3));
  node.take(edge, edge.last_seal());
  EXPECT_EQ(node.ask("letter retry 1 ada"), "ok: 1 taken, with 20 readings");
  EXPECT_EQ(node.intake->ledger().answered, 40u);
  EXPECT_EQ(node.intake->ledger().pending, 20u);
  EXPECT_EQ(node.ask("letter drop bound ada old"), "ok: 1 dropped, 20 readings are lost");
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->ledger().lost, 20u);
}

// Blocks that an edge thinned replace others, which never come.
TEST(DeadLetters, OfBlocksThatReplaceOthersCoverThemWhenTheyAreDropped) {
  LogNode node;
  auto edge = one_minute();
  edge.replace({2, 3}, kStart + kMinute);
  node.take(edge, edge.dictionary());
  node.take(edge, edge.block(4));
  node.minutes(3);
  node.take(edge, edge.hello());
  node.take(edge, edge.block(1));
  node.take(edge, edge.last_seal());
  EXPECT_EQ(node.ask("letter drop bound ada old"), "ok: 1 dropped, 40 readings are lost");
  node.minutes(3);
  EXPECT_EQ(node.intake->ledger().pending, 0u);
  EXPECT_EQ(node.intake->ledger().answered, 20u);
  EXPECT_EQ(node.intake->ledger().lost, 40u);
  ASSERT_EQ(node.answers().size(), 1u);
  EXPECT_EQ(node.answers()[0].state, State::sealed);
  EXPECT_EQ(node.answers()[0].lost, 40u);
}

// By a log its edge was told that it is here: later ones do not say its counts again.
TEST(DeadLetters, OfSealsAreTakenSoThatWindowsKnowWhatIsLost) {
  for (const bool stretch : {false, true}) {
    for (const bool retry : {false, true}) {
      SCOPED_TRACE(testing::Message() << stretch << retry);
      LogNode node;
      auto edge = one_minute();
      auto& counts = edge.seals.back();
      if (stretch) {
        counts.sources[0].minutes.clear();
        counts.sources[0].dropped.push_back({kStart / kMinute, kStart / kMinute, counts.number, 60,
                                             DroppedCounts::Why::bound});
      }
      node.take(edge, edge.dictionary());
      node.take(edge, edge.block(1));
      node.take(edge, edge.block(2));
      node.take(edge, EdgeDouble::frame(counts));
      node.minutes(3);  // no hello names their start
      ASSERT_EQ(letters(node.folder.path).size(), 3u);
      EXPECT_THAT(node.ask("letter retry 3 ada"), HasSubstr("no hello has named its start"));
      edge.seal(kStart + kMinute);
      auto later = edge.seals.back();
      later.sources[0].minutes.clear();
      node.take(edge, edge.hello());
      node.take(edge, edge.block(3));
      node.take(edge, EdgeDouble::frame(later));
      if (retry) {
        EXPECT_EQ(node.ask("letter retry 3 ada"), "ok: 1 taken, with 0 readings");
        EXPECT_EQ(node.ask("letter drop bound ada old"), "ok: 2 dropped, 40 readings are lost");
      } else {
        EXPECT_EQ(node.ask("letter drop bound ada old"),
                  "ok: 2 dropped, 40 readings are lost; 1 stay: it is a seal, which counts what is "
                  "lost: it is taken");
      }
      node.minutes(3);
      EXPECT_EQ(node.intake->ledger().lost, 40u);
      ASSERT_EQ(node.answers().size(), 1u);
      const auto answer = node.answers()[0];
      EXPECT_NE(answer.state, State::provisional);
      if (stretch) {
        EXPECT_EQ(answer.completeness, std::nullopt);
      } else {
        EXPECT_DOUBLE_EQ(answer.completeness.value(), 20.0 / 60);
        EXPECT_EQ(answer.lost, 40u);
      }
    }
  }
}

// In 5 minutes, of which the second has more readings than its seals count.
TEST(DeadLetters, AreNamedWhereAnotherMinuteHasMoreThanWasCounted) {
  auto view = answers::built_in_view();
  view.name = "five";
  view.window.size = std::chrono::minutes(5);
  Node node({}, {view});
  EdgeDouble edge("press-07", 11, 1);
  for (int m = 0; m < 5; ++m) {
    for (int i = 0; i < 20; ++i) edge.take(0, kStart + m * kMinute + i * kSecond, 7);
    edge.flush(kStart + (m + 1) * kMinute);
  }
  edge.blocks[3].bytes[edge.blocks[3].bytes.size() / 2] ^= 0x40;
  auto& minutes = edge.seals.back().sources[0].minutes;
  minutes[1].taken = minutes[1].sent = 0;
  send(node, edge);
  node.settle();
  const auto answer = node.answers("five").at(0);
  EXPECT_EQ(answer.state, State::sealed);
  EXPECT_EQ(answer.lost, 20u);
  EXPECT_THAT(why_missing(answer), HasSubstr("kept aside (dead letter 1)"));
}

TEST(DeadLetters, AreNamedWhereTheirEdgeHasNoCountsAnyMore) {
  Node node;
  auto edge = one_minute();
  edge.blocks[2].bytes[edge.blocks[2].bytes.size() / 2] ^= 0x40;
  auto& seal = edge.seals.back();
  seal.sources[0].minutes.clear();
  seal.sources[0].dropped.push_back({kStart / kMinute, kStart / kMinute, seal.number, 60,
                                     DroppedCounts::Why::bound});
  send(node, edge);
  node.settle();
  const auto before = node.answers("minute").at(0);
  EXPECT_EQ(before.state, State::sealed);
  EXPECT_EQ(before.completeness, std::nullopt);
  EXPECT_THAT(why_missing(before), HasSubstr("kept aside (dead letter 1)"));
  EXPECT_EQ(order(node, "letter drop 1 ada old"), "ok: 1 dropped, 20 readings are lost");
  pass_minutes(node, 2);
  const auto after = node.answers("minute").at(0);
  EXPECT_EQ(after.cause, "operator");
  EXPECT_THAT(why_missing(after), HasSubstr("dropped by operator (dead letter 1): ada: old"));
}

TEST(DeadLetters, AreNamedWhereNobodyCounts) {
  Node node;
  EdgeDouble edge("press-07", 11, 1, false, 2, std::string(kEstimatedClass));
  for (int b = 0; b < 3; ++b) {
    for (int i = 0; i < 20; ++i) edge.take(0, kStart + (20 * b + i) * kSecond, 7);
    edge.flush(kStart + (b + 1) * kMinute / 3);
  }
  edge.blocks[2].bytes[edge.blocks[2].bytes.size() / 2] ^= 0x40;
  edge.seals.back().sources[0].minutes.clear();
  send(node, edge);
  node.settle();
  EXPECT_THAT(why_missing(node.answers("minute").at(0)), HasSubstr("kept aside (dead letter 1)"));
  EXPECT_EQ(order(node, "letter drop 1 ada old"), "ok: 1 dropped, 20 readings are lost");
  pass_minutes(node, 2);
  EXPECT_THAT(why_missing(node.answers("minute").at(0)), HasSubstr("dropped by operator"));
}

TEST(DeadLetters, ThatCameAfterAnOrderAreNotDroppedByItAfterACrash) {
  Node node;
  give_up_dictionary(node, one_minute(150));
  const auto number = store::give_order(node.folder.path, "letter drop all ada old",
                                        node.clock.wall()).value();
  pass_minutes(node, 1);
  ASSERT_EQ(node.intake->ledger().lost, 100u * 20);
  node.kill();
  node.start();
  node.clock.advance(std::chrono::seconds(61));
  EdgeDouble other("press-08", 12, 1);
  other.take(0, kStart, 1);
  other.flush(kStart + kMinute);
  other.blocks[1].bytes[other.blocks[1].bytes.size() / 2] ^= 0x40;
  send(node, other);
  pass_minutes(node, 3);
  EXPECT_EQ(store::order_outcome(node.folder.path, number).value(),
            "ok: 50 dropped, 1000 readings are lost");
  EXPECT_EQ(node.intake->ledger().lost, 150u * 20);
  EXPECT_EQ(letters(node).front().edge, "press-08");
  EXPECT_EQ(letters(node).front().state, LetterState::kept);
}

TEST(DeadLetters, ThatAreTooManyGoFirstOfWhoHasMost) {
  Folder folder;
  const auto database = store::open_writer(folder.path / "cloud.db").value();
  store::LetterRows rows(*database);
  auto batch = sqlite::Transaction::begin(*database).value();
  const auto add = [&](const std::string& edge, std::uint64_t readings, bool booked,
                       std::string frame = "block") {
    store::Letter letter;
    letter.edge = edge;
    letter.frame = std::move(frame);
    letter.readings = readings;
    letter.booked = booked;
    return rows.add(letter);
  };
  for (int i = 0; i < 100; ++i) add("quiet", 20, true);
  const auto seal = add("loud", 0, false, "seal");
  const auto unknown = add("loud", 20, false);
  const auto loud = add("loud", 20, true);
  while (rows.count(store::LetterReason::unreadable) < store::kLettersMax) add("loud", 20, true);
  EXPECT_THAT(rows.past_bounds(), testing::IsEmpty());
  const auto foreign = add("json/0/7", 0, false, "record");
  EXPECT_THAT(rows.past_bounds(), testing::ElementsAre(foreign));
  add("quiet", 20, true);
  EXPECT_THAT(rows.past_bounds(), testing::ElementsAre(foreign, loud));
  for (std::uint64_t i = 0; i < store::kLettersMax; ++i) add("other", 20, true);
  const auto gone = rows.past_bounds();
  EXPECT_EQ(gone.size(), store::kLettersMax + 2);
  EXPECT_THAT(gone, testing::Not(testing::Contains(testing::AnyOf(seal, unknown))));
  EXPECT_GT(gone[1], 100) << "of the quiet one";
}

// What a person decides is told after a crash, too, though the minute was due already.
TEST(DeadLetters, ADecisionAboutAMinuteThatIsDueOutlivesACrash) {
  Folder folder;
  const auto database = store::open_writer(folder.path / "cloud.db").value();
  const auto minute = event_time(kStart);
  {
    answers::LateMinutes due(*database);
    due.add(1, minute, answers::Cause::late, {});
    due.write();
    due.add(1, minute, answers::Cause::operated, {});
    due.write();
    due.add(1, minute, answers::Cause::late, {});
    due.write();
  }
  answers::LateMinutes due(*database);
  due.add(1, minute + std::chrono::minutes(1), answers::Cause::late, {});
  due.write();
  answers::LateMinutes again(*database);
  const auto* turn = again.turn(SteadyTime::max());
  ASSERT_NE(turn, nullptr);
  EXPECT_THAT(turn->minutes, testing::ElementsAre(
      testing::Pair(minute, answers::Cause::operated),
      testing::Pair(minute + std::chrono::minutes(1), answers::Cause::late)));
}

}  // namespace
}  // namespace tidemark::test
