// Records of the topic of partial answers: they read back, and what is none is refused.
#include <gtest/gtest.h>

#include <random>

#include "cloud/answers/group_rows.h"
#include "cloud/answers/second_stage.h"
#include "common/base/disk.h"
#include "tests/cloud/edge_double.h"
#include "tests/common/hex.h"

namespace tidemark::test {
namespace {

using answers::GroupReach;
using answers::GroupShare;
using answers::PartialRecord;

GroupShare some_share() {
  GroupShare share;
  answers::Basis source;
  source.sealed = true;
  source.whole_minutes = true;
  source.off = std::chrono::seconds(3);
  source.uncounted = 2;
  source.manifest = {.due = 4, .good = 3, .taken = 7, .sent = 7, .received = 6, .lacking = 1};
  source.deadband = 0.5;
  share.known = answers::GroupJudge(event_time(kStart), event_time(kStart + kMinute));
  share.known.add(source);
  share.waived.push_back({"press-07/line1", true, {}, "ada", "burnt", {}});
  share.members = 3;
  share.cause = answers::Cause::late;
  share.missing = {{"press-07/line1", "2 blocks under way"}};
  share.more_missing = 4;
  return share;
}

std::vector<ByteVector> some_records() {
  PartialRecord share;
  share.kind = PartialRecord::Kind::share;
  share.partition = 2;
  share.run = 77;
  share.view = {1, 2, 3};
  share.group = {4};
  share.start = event_time(kStart);
  share.state = some_share().encode();
  auto reach = share;
  reach.kind = PartialRecord::Kind::reach;
  reach.start = {};
  GroupReach r;
  r.spans = {{kEventTimeMin, event_time(kStart)}, {event_time(kStart + 5), kEventTimeMax}};
  r.said_to = event_time(kStart);
  r.sources = {"press-07/line1"};
  reach.state = r.encode();
  PartialRecord complete;
  complete.kind = PartialRecord::Kind::complete;
  complete.views = {1, 2};
  return {share.encode(), reach.encode(), complete.encode(), PartialRecord{}.encode()};
}

TEST(PartialRecords, ReadBackAsTheyWere) {
  const auto share = GroupShare::decode(some_share().encode(), event_time(kStart),
                                        event_time(kStart + kMinute));
  ASSERT_TRUE(share.ok()) << share.error().text();
  EXPECT_EQ(share->encode(), some_share().encode());
  EXPECT_EQ(share->figures(), some_share().figures());
  for (const auto& bytes : some_records()) {
    const auto record = PartialRecord::decode(bytes);
    ASSERT_TRUE(record.ok()) << record.error().text();
    EXPECT_EQ(record->encode(), bytes);
    if (record->kind != PartialRecord::Kind::reach) continue;
    const auto reach = GroupReach::decode(record->state);
    ASSERT_TRUE(reach.ok());
    EXPECT_EQ(reach->encode(), record->state);
    EXPECT_TRUE(reach->holds(event_time(kStart - 1)));
    EXPECT_FALSE(reach->holds(event_time(kStart + 4)));
  }
}

TEST(PartialRecords, AreInBytesAsDocumented) {
  auto view = answers::built_in_view();
  view.name = "hall";
  view.group_by = {"site"};
  view.aggregates = {"sum"};
  GroupReach reach;
  reach.spans = {{kEventTimeMin, kEventTimeMax}};
  reach.said_to = event_time(kStart + kMinute);
  reach.first = event_time(kStart);
  reach.sources = {"press-07/line1"};
  PartialRecord record;
  record.kind = PartialRecord::Kind::reach;
  record.partition = 2;
  record.run = 0x1122334455667788;
  record.view = view.definition();
  record.group = answers::GroupKey{"V", false, {"plant7"}}.encode();
  record.state = reach.encode();
  const auto document = read_file(TIDEMARK_SOURCE "/common/kafka/FORMAT.md", 1 << 20);
  ASSERT_TRUE(document.ok());
  const auto told = fenced_hex(*document, "hex partial record");
  EXPECT_EQ(to_hex(record.encode()), to_hex(told));
  const auto back = PartialRecord::decode(told);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->encode(), told);
}

TEST(PartialRecords, DamagedBytesAreRefused) {
  std::mt19937_64 random(5);
  Node node({}, {}, {}, 3);
  for (const auto& good : some_records()) {
    for (std::size_t n = 0; n < good.size(); ++n) {
      EXPECT_FALSE(PartialRecord::decode(ByteSpan(good).first(n)).ok()) << n;
    }
    auto bytes = good;
    bytes[0] = 9;
    EXPECT_EQ(PartialRecord::decode(bytes).error().fault(), Fault::unsupported);
    for (int i = 0; i < 2000; ++i) {  // any of them: refused or something, never a crash
      bytes = good;
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      (void)node.intake->take_partial(bytes, static_cast<std::uint64_t>(i) + 1).ok();
    }
  }
  node.commit();
}

}  // namespace
}  // namespace tidemark::test
