// The intake behind a log that has acknowledged everything: nothing comes again by itself.
#include <gmock/gmock.h>

#include "cloud/cluster/outbox.h"
#include "common/kafka/topics.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using testing::HasSubstr;

class FromLog : public testing::Test {
 protected:
  FromLog() { open(); }
  void open() {
    intake_.reset();
    intake::Options options;
    options.data_dir = folder_.path;
    options.views = answers::views_in_force({}).value();
    options.from_log = true;
    intake_ = intake::Intake::open(disk_, clock_, std::move(options)).value();
  }
  void take(const EdgeDouble& edge, std::uint64_t session, const wire::Frame& frame) {
    intake_->take(edge.name(), session, frame);
  }
  void commit() { ASSERT_TRUE(intake_->commit().ok()); }
  void send(const EdgeDouble& edge, std::uint64_t session) {
    take(edge, session, edge.hello());
    take(edge, session, edge.dictionary());
    take(edge, session, edge.block(1));
    take(edge, session, edge.last_seal());
    commit();
  }
  std::unique_ptr<query::Reader> reader() { return query::Reader::open(folder_.path).value(); }
  bool connected() { return !intake_->connected().empty(); }

  Folder folder_;
  SystemDisk disk_;
  SystemClock clock_;
  std::unique_ptr<intake::Intake> intake_;
};

EdgeDouble one_block(std::uint64_t incarnation, std::uint64_t ordinal) {
  EdgeDouble edge("press-07", incarnation, ordinal);
  edge.take(0, kStart, 1);
  edge.flush(kStart + kMinute);
  return edge;
}

TEST_F(FromLog, WhatASecondBoxSentLiesAmongTheDeadLetters) {
  const auto first = one_block(0xa1, 5);
  const auto second = one_block(0xb2, 5);
  send(first, 1);
  for (int turn = 0; turn < 4; ++turn) {
    take(second, 2, second.hello());
    commit();
    take(first, 1, first.hello());
    commit();
  }
  const auto before = intake_->ledger();
  take(second, 2, second.block(1));
  commit();
  EXPECT_EQ(intake_->ledger(), before);
  const auto letters = reader()->dead_letters({10}).value();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_THAT(letters[0].reason, HasSubstr("second box"));
  EXPECT_EQ(letters[0].readings, 1u);
  EXPECT_GT(letters[0].size, 0u);

  // A start that is refused gets no books by what its records say, either.
  const auto later = one_block(0xb3, 6);
  take(later, 3, later.hello({second.closing(1)}));
  commit();
  const auto starts = intake_->starts_in_memory("press-07");
  intake_->introduce("press-07", later.incarnation(), 6);
  EXPECT_EQ(intake_->starts_in_memory("press-07"), starts);
}

TEST_F(FromLog, ADeadLetterTooLargeForItsTopicGoesWithoutItsValue) {
  const ByteVector small(100, 1), large(kafka::kRecordBytesMax, 2);
  intake_->keep_foreign("json/0/1", "small", small);
  intake_->keep_foreign("json/0/2", "large", large);
  intake_->keep_foreign("json/0/3", "small", small);
  commit();
  const auto feed = cluster::letters_feed({}, 3);
  const auto batch = feed.next(*reader(), 0).value();
  ASSERT_EQ(batch.records.size(), 3u);
  EXPECT_EQ(batch.to, 3u);
  EXPECT_EQ(batch.records[0].value, small);
  EXPECT_TRUE(batch.records[1].value.empty());
  EXPECT_EQ(batch.records[1].headers.back().name, "bytes");
  EXPECT_EQ(batch.records[1].headers.back().value, std::to_string(large.size()));
  EXPECT_EQ(batch.records[2].value, small);
  EXPECT_EQ(reader()->dead_letter(2, {}).value()->bytes, large);
}

TEST_F(FromLog, AConnectionOutlivesTheNode) {
  const auto edge = one_block(0xa1, 5);
  send(edge, 7);
  ASSERT_TRUE(intake_->finish().ok());
  open();
  EXPECT_TRUE(connected()) << "no gateway says hello again";
  take(edge, 7, edge.last_seal());
  take(edge, 6, {wire::FrameType::bye, {}});  // of an earlier connection
  commit();
  EXPECT_TRUE(connected());
  take(edge, 7, {wire::FrameType::bye, {}});
  commit();
  EXPECT_FALSE(connected());
}

TEST_F(FromLog, AStartIsKnownByWhatItsRecordsSay) {
  const auto edge = one_block(0xa1, 5);
  take(edge, 1, edge.dictionary());
  intake_->introduce("press-07", edge.incarnation(), 5);
  take(edge, 1, edge.block(1));
  commit();
  EXPECT_EQ(intake_->counters().readings, 1u) << "its hello is still to come";
  EXPECT_EQ(intake_->parked_bytes(), 0u);
}

TEST_F(FromLog, PositionsAreCommittedWithTheBatchOrNotAtAll) {
  const auto edge = one_block(0xa1, 5);
  take(edge, 1, edge.hello());
  intake_->note("kafka x live 0", 17);
  open();  // as after a crash
  EXPECT_EQ(intake_->noted("kafka x live 0"), 0u);
  intake_->note("kafka x live 0", 17);
  commit();
  open();
  EXPECT_EQ(intake_->noted("kafka x live 0"), 17u);
}

}  // namespace
}  // namespace tidemark::test
