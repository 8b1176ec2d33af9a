// The bytes of ring.dat: worked example, round trips, and every change refused.
#include <gtest/gtest.h>

#include "common/base/hash.h"
#include "edge/ring/ring_file.h"
#include "edge/ring/ring_state.h"
#include "edge/ring/segment.h"
#include "tests/edge/format_example.h"
#include "tests/edge/ring_fixture.h"

namespace tidemark::ring {
namespace {

SegmentHeader example_header() {
  SegmentHeader h;
  h.ring = 0x1111111111111111;
  h.number = 7;
  h.incarnation = {0x2222222222222222};
  h.ordinal = 3;
  h.follows = 6;
  h.synced = 6;
  h.oldest = 2;
  h.offered = 1024;
  return h;
}

SegmentContent example_content() {
  SegmentContent content;
  content.journal = {0x3333333333333333, 640};
  BlockRecord block;
  block.name = {{0x2222222222222222}, {5}};
  block.time_min = 1000;
  block.time_max = 2000;
  block.readings = 2;
  block.bytes = {0xab, 0xcd};
  content.add(block);
  content.add(RecordType::released, encode_ranges({0x2222222222222222}, {{1, 3}}));
  return content;
}

TEST(SegmentFormat, ExampleOfFormatIsWhatIsWritten) {
  auto header = example_header();
  const auto bytes = encode_segment(header, example_content());
  const auto example = test::format_example(TIDEMARK_RING_FORMAT_FILE, "segment");
  ASSERT_FALSE(example.empty());
  ASSERT_EQ(bytes.size(), kPage);
  EXPECT_EQ(to_hex(ByteSpan(bytes).first(example.size())), to_hex(example));
  EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(example.size()), bytes.end(),
                          [](auto b) { return b == 0; }));
  const auto read = decode_segment_header(example, header.ring);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, header);
  const auto index = ByteSpan(example).subspan(kSegmentHeaderBytes, read->index_bytes);
  EXPECT_EQ(xxh3(index), read->index_checksum);
  std::vector<RecordType> types;
  ASSERT_TRUE(each_record(index, [&](RecordType type, ByteSpan record) -> Result<> {
                types.push_back(type);
                if (type == RecordType::block) {
                  ByteReader in(record);
                  EXPECT_EQ(BlockMeta::decode(in), example_content().blocks[0]);
                  EXPECT_TRUE(in.done());
                }
                return {};
              }).ok());
  EXPECT_EQ(types, (std::vector{RecordType::block, RecordType::released}));
  ByteReader body(ByteSpan(example).subspan(kSegmentHeaderBytes + read->index_bytes));
  EXPECT_EQ(BlockRecord::decode(body)->name.sequence.count, 5u);
}

TEST(SegmentFormat, EveryChangeOfAHeaderIsRefused) {
  auto header = example_header();
  auto bytes = encode_segment(header, example_content());
  for (std::size_t at = 0; at < kSegmentHeaderBytes; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
      ASSERT_FALSE(decode_segment_header(bytes, header.ring)) << "byte " << at << " bit " << bit;
      bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
    }
  }
  EXPECT_TRUE(decode_segment_header(bytes, header.ring));
  EXPECT_FALSE(decode_segment_header(bytes, header.ring + 1)) << "another ring's";
  EXPECT_FALSE(decode_segment_header(ByteSpan(bytes).first(100), header.ring));
}

RingState example_state() {
  RingState state;
  state.begin({1}, event_time(test::kStart));
  auto& one = state.incarnations.at(1);
  one.last = 20;
  one.offered = 1024;
  one.waiting = {{3, 5}, {9, 20}};
  one.evicted = {{1, 2}};
  one.readings_evicted = 77;
  Seal seal;
  seal.incarnation = {1};
  seal.next = {21};
  for (std::uint64_t n = 1; n <= 4; ++n) {
    seal.number = n;
    seal.ledger.taken = 100 * n;
    seal.sources = {{"press", "fast", true, event_time(test::kStart), {}}};
    seal.sources[0].minutes = {{static_cast<std::int64_t>(n), n, n, n, n}};
    one.seal.merge(seal);
  }
  one.seal.acknowledge(1);
  state.begin({2}, event_time(test::kStart + test::kSecond));
  return state;
}

TEST(RingState, IsCarriedForwardWhole) {
  const auto state = example_state();
  ByteVector bytes;
  ByteWriter out(bytes);
  state.encode(out);
  RingState read;
  ASSERT_TRUE(read.decode(bytes).ok());
  EXPECT_EQ(read.incarnations, state.incarnations);
  EXPECT_EQ(read.folded, state.folded);
  EXPECT_EQ(read.last_ordinal(), 2u);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    RingState damaged;
    EXPECT_FALSE(damaged.decode(ByteSpan(bytes).first(n)).ok()) << n << " bytes";
  }
}

TEST(RingState, ReplayingTwiceChangesNothing) {
  auto state = example_state();
  SegmentHeader h;
  h.incarnation = {2};
  h.ordinal = 2;
  const auto evicted = encode_eviction(state.incarnations.at(1), {{1, 2}});
  const auto released = encode_ranges({1}, {{9, 9}});
  const auto acknowledged = encode_acknowledged({1}, 2);
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(state.apply(h, RecordType::evicted, evicted).ok());
    ASSERT_TRUE(state.apply(h, RecordType::released, released).ok());
    ASSERT_TRUE(state.apply(h, RecordType::seals_acknowledged, acknowledged).ok());
    const auto& one = state.incarnations.at(1);
    EXPECT_EQ(one.readings_evicted, 77u);
    EXPECT_EQ(one.waiting, (SequenceRanges{{3, 5}, {10, 20}}));
    EXPECT_EQ(one.seal.minutes(), 2u);
    EXPECT_TRUE(one.closing_told);
  }
  EXPECT_EQ(state.apply(h, RecordType{99}, {}).error().fault(), Fault::unsupported);
  EXPECT_EQ(state.apply(h, RecordType::released, {}).error().fault(), Fault::corrupt);
}

TEST(RingState, MinutesNobodyAcknowledgesAreBounded) {
  RingState state;
  state.begin({1}, {});
  Seal seal;
  seal.incarnation = {1};
  seal.sources.resize(1);
  for (std::size_t n = 1; n <= 30; ++n) {
    seal.number = n;
    auto& minutes = seal.sources[0].minutes;
    minutes.clear();
    for (std::size_t m = 0; m < 10'000; ++m) {
      minutes.push_back({static_cast<std::int64_t>(n * 10'000 + m), 1, 1, 1, 1});
    }
    state.incarnations.at(1).seal.merge(seal);
    state.bound_minutes();
    ASSERT_LE(state.incarnations.at(1).seal.minutes(), kMinutesMax);
  }
  const auto merged = state.incarnations.at(1).seal.merged({1});
  const auto& kept = merged.sources[0].minutes;
  EXPECT_EQ(kept.back().minute, 309'999) << "the newest are kept";
  // Of the others it says that they went.
  const auto& dropped = merged.sources[0].dropped;
  ASSERT_FALSE(dropped.empty());
  EXPECT_EQ(dropped.front().first, 10'000);
  EXPECT_EQ(dropped.back().last + 1, kept.front().minute);
  std::uint64_t readings = 0;
  for (const auto& d : dropped) readings += d.readings;
  EXPECT_EQ(readings + kept.size(), 300'000u);
  // Until somebody has the seal that had said the newest of them, and over a checkpoint.
  ByteVector bytes;
  ByteWriter out(bytes);
  state.encode(out);
  RingState again;
  ASSERT_TRUE(again.decode(bytes).ok());
  EXPECT_EQ(again.incarnations, state.incarnations);
  again.incarnations.at(1).seal.acknowledge(dropped.back().number - 1);
  EXPECT_FALSE(again.incarnations.at(1).seal.merged({1}).sources[0].dropped.empty());
  again.incarnations.at(1).seal.acknowledge(dropped.back().number);
  EXPECT_TRUE(again.incarnations.at(1).seal.merged({1}).sources[0].dropped.empty());
}

// More starts than are kept wait for a cloud: what the oldest had taken is said by the next.
TEST(RingState, AStartThatIsForgottenIsAnsweredForByTheNext) {
  RingState state;
  constexpr std::uint64_t kStarts = kPastMax + 3;
  for (std::uint64_t n = 1; n <= kStarts; ++n) {
    state.begin({n}, event_time(static_cast<std::int64_t>(n)));
    if (n == 2) continue;  // one that never said anything
    Seal seal;
    seal.incarnation = {n};
    seal.number = 4;
    seal.next = {1};
    seal.sources.resize(1);
    seal.sources[0].source = "press";
    const auto minute = static_cast<std::int64_t>(n);
    seal.sources[0].minutes = {{minute, 1, 1, 7, 7}};
    state.incarnations.at(n).seal.merge(seal);
  }
  state.begin({1000}, event_time(1000));
  const auto past = state.past_seals();
  ASSERT_EQ(past.size(), kPastMax);
  const auto& first = past.front();
  EXPECT_EQ(first.incarnation, (Incarnation{4}));
  EXPECT_GT(first.number, 4u) << "it says more than it did";
  ASSERT_EQ(first.sources.size(), 1u);
  EXPECT_EQ(first.sources[0].minutes.size(), 1u);
  ASSERT_EQ(first.sources[0].dropped.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& d = first.sources[0].dropped[i];
    EXPECT_EQ(d.first, i == 0 ? 1 : 3);
    EXPECT_EQ(d.readings, 7u);
    EXPECT_EQ(d.number, first.number);
    EXPECT_EQ(d.why, DroppedCounts::Why::start);
  }
  ByteVector bytes;
  ByteWriter out(bytes);
  state.encode(out);
  RingState again;
  ASSERT_TRUE(again.decode(bytes).ok());
  EXPECT_EQ(again.past_seals(), past);
  again.incarnations.at(4).seal.acknowledge(first.number);
  EXPECT_EQ(again.past_seals().size(), kPastMax - 1);
}

TEST(Geometry, FindsRoomBetweenHeadAndTail) {
  const Geometry g(100 * kPage);
  EXPECT_EQ(g.find(10 * kPage, 20 * kPage, 10 * kPage), 10 * kPage);
  EXPECT_EQ(g.find(10 * kPage, 20 * kPage, 11 * kPage), std::nullopt);
  EXPECT_EQ(g.find(90 * kPage, 20 * kPage, 10 * kPage), 90 * kPage) << "to the very end";
  EXPECT_EQ(g.find(90 * kPage, 20 * kPage, 11 * kPage), kPage) << "round";
  EXPECT_EQ(g.find(90 * kPage, 20 * kPage, 20 * kPage), std::nullopt);
  EXPECT_EQ(g.find(50 * kPage, 50 * kPage, kPage), std::nullopt) << "full";
}

}  // namespace
}  // namespace tidemark::ring
