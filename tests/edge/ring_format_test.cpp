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
  EXPECT_EQ(merged.sources[0].minutes.back().minute, 309'999) << "the newest are kept";
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
