// The parts of edge/modbus that need no bus: requests, entries, decoding, rests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/modbus/backoff.h"
#include "edge/modbus/poll_decoder.h"
#include "edge/modbus/request_plan.h"

namespace tidemark::modbus {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

profile::Point point(std::string name, std::uint16_t address, std::uint16_t registers = 1,
                     std::string poll_class = "fast") {
  profile::Point p;
  p.name = std::move(name);
  p.address = address;
  p.registers = registers;
  p.type = registers == 2 ? profile::RegisterType::u32 : profile::RegisterType::u16;
  p.poll_class = std::move(poll_class);
  return p;
}

TEST(RequestPlan, NeighboursTogetherHolesUpToTheGap) {
  profile::Profile profile;
  profile.max_registers = 125;
  profile.points = {point("d", 20), point("a", 0, 2), point("b", 2), point("c", 6),
                    point("slow", 3, 1, "slow")};
  EXPECT_THAT(plan_requests(profile, "fast", 3),
              ElementsAre(Range{3, 0, 7, true}, Range{3, 20, 1, false}));
  EXPECT_THAT(plan_requests(profile, "fast", 0),
              ElementsAre(Range{3, 0, 3, false}, Range{3, 6, 1, false}, Range{3, 20, 1, false}));
  EXPECT_THAT(plan_requests(profile, "fast", 100), ElementsAre(Range{3, 0, 21, true}));
  EXPECT_THAT(plan_requests(profile, "slow", 3), ElementsAre(Range{3, 3, 1, false}));
  EXPECT_THAT(plan_requests(profile, "normal", 3), ElementsAre());
}

TEST(RequestPlan, NeverPassesTheLimitOrSplitsAPoint) {
  profile::Profile profile;
  profile.max_registers = 4;
  profile.points = {point("a", 0, 2), point("b", 2), point("c", 3, 2), point("d", 5, 2)};
  EXPECT_THAT(plan_requests(profile, "fast", 8),
              ElementsAre(Range{3, 0, 3, false}, Range{3, 3, 4, false}));
}

TEST(RequestPlan, FunctionsAreApartAndAliasesShare) {
  profile::Profile profile;
  profile.points = {point("a", 0), point("b", 1), point("a2", 0)};
  profile.points[1].function = 4;
  EXPECT_THAT(plan_requests(profile, "fast", 8),
              ElementsAre(Range{3, 0, 1, false}, Range{4, 1, 1, false}));
}

PollEntry good_poll() {
  PollEntry entry;
  entry.poll_class = "fast";
  entry.good = true;
  entry.ranges = {{4, 0, 0, {0x4367, 0x3333}}};
  return entry;
}

ByteVector bytes_of(const PollEntry& entry) {
  ByteVector bytes;
  ByteWriter out(bytes);
  entry.encode(out);
  return bytes;
}

TEST(PollEntry, IsWhatTheFormatSays) {
  EXPECT_EQ(to_hex(bytes_of(good_poll())), "02046661737401010000000104000000026743"
                                           "3333");
  EXPECT_EQ(PollEntry::decode(bytes_of(good_poll())).value(), good_poll());
}

TEST(PollEntry, ReadsTheVersionBeforeTimesAndModels) {
  const ByteVector bytes = {1, 4, 'f', 'a', 's', 't',  1,    1,    0,
                            1, 4, 0,   0,   2,   0x67, 0x43, 0x33, 0x33};
  EXPECT_EQ(PollEntry::decode(bytes).value(), good_poll());
}

TEST(PollEntry, RefusesWhatIsCutOrNewer) {
  const auto bytes = bytes_of(good_poll());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(PollEntry::decode(ByteSpan(bytes).first(n)).ok()) << n;
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(PollEntry::decode(longer).error().fault(), Fault::bad_input);
  auto newer = bytes;
  newer[0] = 3;
  EXPECT_EQ(PollEntry::decode(newer).error().fault(), Fault::unsupported);
}

class Decoding : public ::testing::Test {
 protected:
  Decoding() {
    profile_.points = {point("a", 0), point("b", 1, 2), point("c", 10), point("n", 0, 1, "normal")};
    profile_.points[0].exponent = -1;
    profile_.points[0].max = 500;
    profile_.points[0].unit = "V";
    decoder_ = std::make_unique<PollDecoder>("line1",
                                             std::make_shared<profile::Profile>(profile_));
  }
  source::Decoded decode(const PollEntry& poll) {
    const auto bytes = bytes_of(poll);
    journal::Entry entry;
    entry.kind = kPollKind;
    entry.payload = bytes;
    source::Decoded out;
    decoder_->decode(entry, series_, out);
    return out;
  }
  profile::Profile profile_;
  std::unique_ptr<PollDecoder> decoder_;
  source::SeriesTable series_;
};

TEST_F(Decoding, OneRowAColumnAPoint) {
  const auto out =
      decode({"fast", 1, true, "", {}, {}, {{3, 0, 0, {2312, 0, 7}}, {3, 10, 0, {65535}}}});
  ASSERT_EQ(out.groups.size(), 1u);
  EXPECT_THAT(out.groups[0].times, ElementsAre(source::Decoded::kArrival));
  ASSERT_EQ(out.groups[0].columns.size(), 3u);
  EXPECT_THAT(out.groups[0].columns[0].i64, ElementsAre(2312));
  EXPECT_THAT(out.groups[0].columns[1].i64, ElementsAre(7));
  EXPECT_THAT(out.groups[0].columns[2].i64, ElementsAre(65535));
  ASSERT_EQ(out.expected.size(), 1u);
  EXPECT_TRUE(out.expected[0].good);
  const auto& d = series_.at(out.groups[0].columns[0].series);
  EXPECT_EQ(d.local_name(), "line1/a");
  EXPECT_EQ(d.source, "line1");
  EXPECT_EQ(d.poll_class, "fast");
  EXPECT_EQ(d.unit, "V");
  EXPECT_EQ(d.exponent, -1);
  EXPECT_FALSE(d.device_stamped);
}

TEST_F(Decoding, HalfAPollGivesWhatAnsweredAndIsNotGood) {
  const auto out = decode({"fast", 1, false, "no answer", {}, {}, {{3, 0, 0, {9999, 0, 7}}}});
  ASSERT_EQ(out.groups.size(), 1u);
  ASSERT_EQ(out.groups[0].columns.size(), 2u);
  EXPECT_EQ(out.groups[0].columns[0].quality_of(0), Quality::bad_range);
  ASSERT_EQ(out.expected.size(), 1u);
  EXPECT_FALSE(out.expected[0].good);
  EXPECT_EQ(out.poll_class, "fast");
}

TEST_F(Decoding, MissedSlotsAreAllDue) {
  const auto out = decode({"fast", 7, false, "busy", {}, {}, {}});
  EXPECT_TRUE(out.groups.empty());
  EXPECT_EQ(out.expected.size(), 7u);
}

TEST_F(Decoding, WhatWasNotReadIsDueInItsOwnTimeAndReadingsWhereTheyLie) {
  const auto missed = decode({"fast", 3, false, "busy", 150s, 60s, {}});
  ASSERT_EQ(missed.expected.size(), 3u);
  EXPECT_EQ(missed.expected[0].ago, 150s);
  EXPECT_EQ(missed.expected[1].ago, 90s);
  EXPECT_EQ(missed.expected[2].ago, 30s);
  EXPECT_EQ(decode({"fast", 1, false, "silent", 2s, {}, {}}).expected.at(0).ago, 2s);
  EXPECT_EQ(decode({"fast", 1, true, "", 2s, {}, {{3, 0, 0, {1, 0, 7}}}}).expected.at(0).ago, 0s);
}

TEST_F(Decoding, ClassesAreApart) {
  const auto out = decode({"normal", 1, true, "", {}, {}, {{3, 0, 0, {5, 0, 0}}}});
  ASSERT_EQ(out.groups.size(), 1u);
  ASSERT_EQ(out.groups[0].columns.size(), 1u);
  EXPECT_EQ(series_.at(out.groups[0].columns[0].series).metric, "n");
}

TEST_F(Decoding, ForeignEntriesAreRejectedWithAReason) {
  journal::Entry entry;
  entry.kind = 99;
  source::Decoded out;
  decoder_->decode(entry, series_, out);
  ASSERT_EQ(out.rejected.size(), 1u);
  EXPECT_THAT(out.rejected[0].reason, HasSubstr("'line1' had another protocol"));
  entry.kind = kPollKind;
  decoder_->decode(entry, series_, out);
  EXPECT_EQ(out.rejected.size(), 2u);
}

TEST_F(Decoding, WhatWasReleasedToAnotherIsTheDevicesNoMore) {
  const PollEntry poll{"fast", 1, true, "", {}, {}, {{3, 0, 0, {1, 0, 7}}}};
  ASSERT_EQ(decode(poll).groups.at(0).columns.size(), 2u);
  EXPECT_FALSE(series_.owners().check("line1/a", {"floor", "meter/a", ""}).ok());
  ASSERT_TRUE(series_.owners().release("line1/a"));
  const auto out = decode(poll);
  ASSERT_EQ(out.groups.at(0).columns.size(), 1u);
  EXPECT_EQ(series_.at(out.groups[0].columns[0].series).metric, "b");
  ASSERT_EQ(out.rejected.size(), 1u);
  EXPECT_THAT(out.rejected[0].reason, HasSubstr("source 'line1' leads to 'line1/a', which belongs "
                                                "to the value of topic 'meter/a'"));
}

TEST_F(Decoding, ASeriesIsTheDevicesWhileItsProfileHasThePoint) {
  EXPECT_TRUE(decoder_->leads({"line1", "", "a"}, "line1/a"));
  EXPECT_FALSE(decoder_->leads({"line1", "", "z"}, "line1/z"));
  EXPECT_FALSE(decoder_->leads({"line1", "topic", "a"}, "line1/a"));
}

TEST_F(Decoding, AFreshSeriesTableGetsFreshHandles) {
  (void)decode({"fast", 1, true, "", {}, {}, {{3, 0, 0, {1, 0, 7}}}});
  source::SeriesTable other;
  SeriesDescription first;
  first.device = first.metric = "x";
  ASSERT_TRUE(other.intern(first).ok());
  const auto bytes = bytes_of({"fast", 1, true, "", {}, {}, {{3, 0, 0, {1, 0, 7}}}});
  journal::Entry entry;
  entry.kind = kPollKind;
  entry.payload = bytes;
  source::Decoded out;
  decoder_->decode(entry, other, out);
  EXPECT_EQ(other.at(out.groups.at(0).columns.at(0).series).metric, "a");
}

TEST(Backoff, DoublesWithJitterAndStartsOver) {
  SeededRandom random(1);
  Backoff backoff(1s, 4s);
  const SteadyTime now{};
  EXPECT_FALSE(backoff.waiting(now));
  for (const Nanoseconds delay : {1s, 2s, 4s, 4s}) {
    backoff.failed(now, random);
    EXPECT_TRUE(backoff.waiting(now + delay / 2 - 1ns));
    EXPECT_FALSE(backoff.waiting(now + delay));
  }
  backoff.succeeded();
  EXPECT_FALSE(backoff.waiting(now));
  backoff.failed(now, random);
  EXPECT_FALSE(backoff.waiting(now + 1s));
}

}  // namespace
}  // namespace tidemark::modbus
