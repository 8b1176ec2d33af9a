// The examples of common/model/FORMAT.md are what this build writes and reads.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/disk.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/series.h"
#include "tests/common/hex.h"

namespace tidemark {
namespace {

ByteVector told(const std::string& name) {
  const auto document = read_file(TIDEMARK_SOURCE "/common/model/FORMAT.md", 1 << 20);
  return document.ok() ? fenced_hex(*document, "hex " + name) : ByteVector{};
}

TEST(ModelFormat, Dictionary) {
  SeriesDescription s;
  s.source = s.device = "meter";
  s.metric = "voltage";
  s.poll_class = "fast";
  s.unit = "V";
  s.type = ValueType::i64;
  s.exponent = -1;
  s.labels = {{"line", "1"}};
  const Dictionary d({s});
  EXPECT_EQ(to_hex(d.bytes()), to_hex(told("dictionary")));
  const auto back = Dictionary::decode(told("dictionary"));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->series(), d.series());
}

TEST(ModelFormat, BlockRecord) {
  BlockRecord r;
  r.name = {{0x1122334455667788}, {7}};
  r.time_min = 1000;
  r.time_max = 2000;
  r.readings = 3;
  r.bytes = {0xab, 0xcd};
  ByteVector bytes;
  ByteWriter out(bytes);
  r.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("record")));
  const auto text = told("record");
  ByteReader in(text);
  const auto back = BlockRecord::decode(in);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, r);
}

TEST(ModelFormat, Seal) {
  Seal s;
  s.incarnation = {1};
  s.number = 2;
  s.next = {10};
  s.ledger.taken = s.ledger.pending = 5;
  s.clock = ClockState::synchronised;
  s.evicted = {{3, 4}};
  s.sources = {{"meter", "fast", false, event_time(60'000'000'000), {{0, 6, 6, 5, 5}}}};
  ByteVector bytes;
  ByteWriter out(bytes);
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal")));
  const auto back = Seal::decode(told("seal"));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, s);

  s.number = 3;
  s.sources.clear();
  s.rest = event_time(65'000'000'000);
  bytes.clear();
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal-rest")));
  EXPECT_EQ(Seal::decode(told("seal-rest")).value(), s);

  s.number = 4;
  s.rest.reset();
  s.sources = {{"meter", "fast", false, event_time(65'000'000'000), {},
                {{0, 59, 2, 5, DroppedCounts::Why::bound}}}};
  bytes.clear();
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal-dropped")));
  EXPECT_EQ(Seal::decode(told("seal-dropped")).value(), s);
  EXPECT_TRUE(s.says_dropped());

  s.number = 5;
  s.sources.clear();
  auto& opening = s.opening.emplace();
  opening.begun = opening.uncounted_until = event_time(7'000'000'000);
  opening.uncounted_from = event_time(5'000'000'000);
  opening.settled = {2};
  opening.told = {{{3}, 9}};
  bytes.clear();
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal-opening")));
  EXPECT_EQ(Seal::decode(told("seal-opening")).value(), s);
}

TEST(ModelFormat, ASealWithAnOpeningSaysAllThatOthersDo) {
  Seal s;
  s.incarnation = {1};
  s.number = 9;
  s.rest = event_time(5);
  s.sources.resize(1);
  s.sources[0].dropped = {{-5, 70, 3, 1, DroppedCounts::Why::bound}};
  s.opening.emplace().told.resize(Seal::kToldMax);
  ByteVector bytes;
  ByteWriter out(bytes);
  s.encode(out);
  EXPECT_EQ(bytes[0], 4);
  EXPECT_EQ(Seal::decode(bytes).value(), s);
  for (std::size_t n = 0; n < bytes.size(); n += 7) {
    EXPECT_FALSE(Seal::decode(ByteSpan(bytes).first(n)).ok()) << n;
  }
  s.opening->told.emplace_back();
  bytes.clear();
  s.encode(out);
  EXPECT_FALSE(Seal::decode(bytes).ok()) << "one over";
}

// What only the cloud finds by itself no edge can say.
TEST(ModelFormat, ASealCannotSayThatAStartIsLost) {
  Seal s;
  s.incarnation = {1};
  s.number = 9;
  s.sources.resize(1);
  for (const auto why : {DroppedCounts::Why::lost, DroppedCounts::Why::restored}) {
    s.sources[0].dropped = {{0, 1, 9, 1, why}};
    ByteVector bytes;
    ByteWriter out(bytes);
    s.encode(out);
    EXPECT_FALSE(Seal::decode(bytes).ok());
  }
}

TEST(ModelFormat, ASealOfDroppedCountsIsOfVersion3AndHasOneForm) {
  Seal s;
  s.incarnation = {1};
  s.number = 9;
  s.rest = event_time(5);
  s.sources.resize(3);
  for (auto& source : s.sources) source.source = "m";
  const auto bytes_of = [](const Seal& seal) {
    ByteVector bytes;
    ByteWriter out(bytes);
    seal.encode(out);
    return bytes;
  };
  EXPECT_EQ(bytes_of(s)[0], 2) << "who says nothing of it stays readable for older programs";
  s.sources[0].dropped = {{-5, 70, 3, 1, DroppedCounts::Why::bound},
                          {100, 100, 8, 0, DroppedCounts::Why::cut}};
  s.sources[2].dropped = {{7, 8, 9, 10, DroppedCounts::Why::start}};
  const auto bytes = bytes_of(s);
  EXPECT_EQ(bytes[0], 3);
  EXPECT_EQ(Seal::decode(bytes).value(), s);
  Seal nothing;
  nothing.incarnation = {1};
  auto none = bytes_of(nothing);
  none[0] = 3;
  none.insert(none.end(), {0, 0});  // without a time, without a source
  EXPECT_FALSE(Seal::decode(none).ok());
  s.sources[0].dropped.resize(Seal::kDroppedMax + 1);
  EXPECT_FALSE(Seal::decode(bytes_of(s)).ok());
}

using Why = DroppedCounts::Why;

TEST(DroppedCounts, BeyondTheBoundThoseBecomeOneByWhichLeastIsSaidThatWasNotSo) {
  std::vector<DroppedCounts> all;
  add_dropped(all, {0, 525'599, 10, 7, Why::bound}, 3);  // a year, acknowledged long ago
  add_dropped(all, {600, 659, 900, 1, Why::bound}, 3);   // an hour of it, of late
  add_dropped(all, {525'600, 525'659, 11, 1, Why::bound}, 3);
  add_dropped(all, {525'660, 525'719, 12, 1, Why::bound}, 3);
  EXPECT_EQ(all, (std::vector<DroppedCounts>{{0, 525'599, 10, 7, Why::bound},
                                             {600, 659, 900, 1, Why::bound},
                                             {525'600, 525'719, 12, 2, Why::bound}}));
  EXPECT_EQ(dropped_since(all, 12, 16),
            (std::vector<DroppedCounts>{{600, 659, 900, 1, Why::bound}}));
  EXPECT_EQ(dropped_since(all, 10, 16).size(), 2u);
  EXPECT_EQ(dropped_since(all, 9, 16),
            (std::vector<DroppedCounts>{{0, 525'719, 900, 10, Why::bound}}));
}

TEST(DroppedCounts, WhatIsSaidAgainIsAddedUnderTheNewerNumber) {
  std::vector<DroppedCounts> all;
  add_dropped(all, {0, 59, 1, 2, Why::bound}, 4);
  add_dropped(all, {0, 59, 5, 3, Why::bound}, 4);
  add_dropped(all, {0, 59, 6, 0, Why::cut}, 4);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NE(std::ranges::find(all, DroppedCounts{0, 59, 5, 5, Why::bound}), all.end());
}

// Blocks prove the one and not the other: of both together they prove nothing.
TEST(DroppedCounts, OfTwoReasonsBecomeOneOnlyIfNothingElseCan) {
  std::vector<DroppedCounts> all;
  add_dropped(all, {0, 0, 1, 1, Why::bound}, 2);
  add_dropped(all, {1, 1, 2, 0, Why::cut}, 2);
  add_dropped(all, {500'000, 500'000, 3, 1, Why::cut}, 2);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].why, Why::bound);
  EXPECT_EQ(all[1], (DroppedCounts{1, 500'000, 3, 1, Why::cut}));
  add_dropped(all, {2, 2, 4, 1, Why::bound}, 1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0], (DroppedCounts{0, 500'000, 4, 3, Why::start}));
}

}  // namespace
}  // namespace tidemark
