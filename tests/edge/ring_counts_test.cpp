// Counts of minutes that a ring no longer has: whoever does not know them is told that they went.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "edge/ring/ring_buffer.h"
#include "tests/edge/ring_fixture.h"
#include "tests/edge/sim_disk.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using test::RingWriter;

constexpr Bytes kCapacity{1 << 20};

// No cloud for so long that counts of minutes have to go. Whenever the power does: of each minute
// that a durable seal counted there are either its counts, or the word that they went.
TEST(RingCounts, GoTogetherWithTheWordThatTheyDid) {
  SeededRandom random{42};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    test::TemporaryFolder place;
    test::SimDisk cut(seed);
    const Options options{place.path(), kCapacity, {1}, event_time(test::kStart)};
    auto ring = RingBuffer::open(options, cut).value();
    RingWriter writer(*ring, {1}, random);
    constexpr std::int64_t kAtOnce = 500;
    std::int64_t stated = 0, durable = 0;
    for (std::uint64_t n = 0; n < 10 + 4 * seed; ++n) {
      auto flush = writer.make({100});
      auto& minutes = flush.seal.sources[0].minutes;
      minutes.clear();
      for (const auto end = stated + kAtOnce; stated < end; ++stated) {
        minutes.push_back({stated, 1, 1, 3, 3});
      }
      ASSERT_TRUE(ring->append(flush).ok());
      if (random.below(3) > 0) continue;
      ASSERT_TRUE(ring->sync().ok());
      durable = stated;
    }
    cut.cut_power();
    ring.reset();
    auto next = options;
    next.incarnation = {2};
    ring = RingBuffer::open(next, cut).value();
    const auto past = ring->past_seals();
    ASSERT_EQ(past.size(), durable > 0 || !past.empty() ? 1u : 0u);
    if (past.empty()) continue;
    std::set<std::int64_t> known;
    for (const auto& m : past[0].sources.at(0).minutes) known.insert(m.minute);
    const auto counted = known.size();
    for (const auto& d : past[0].sources[0].dropped) {
      for (auto m = d.first; m <= d.last; ++m) known.insert(m);
    }
    EXPECT_GE(known.size(), static_cast<std::size_t>(durable));
    EXPECT_EQ(*known.rbegin() + 1, static_cast<std::int64_t>(known.size())) << "no hole";
    EXPECT_EQ(counted < known.size(), !past[0].sources[0].dropped.empty());
    if (durable > 20'000) {
      EXPECT_LT(counted, known.size());
    }
    ASSERT_TRUE(ring->close().ok());
  }
}

// What a killed agent had heard lies in its journal. What the power took lies nowhere, unless the
// agent had ended.
TEST(RingCounts, AStartThatThePowerEndedSaysOfWhichMinutesCountsMayBeMissing) {
  SystemDisk disk;
  SeededRandom random{42};
  struct Row {
    const char* name;
    std::uint64_t journal;
    bool ends, whole_catalogue, cut;
  };
  for (const auto& row : {Row{"the journal goes on", 77, false, true, false},
                          Row{"another journal", 78, false, true, true},
                          Row{"nobody says", 0, false, true, false},
                          Row{"ended before", 78, true, true, false},
                          Row{"ended, and nobody knows", 78, true, false, true}}) {
    SCOPED_TRACE(row.name);
    test::TemporaryFolder place;
    Options options{place.path(), kCapacity, {1}, event_time(test::kStart)};
    options.journal = 77;
    auto ring = RingBuffer::open(options, disk).value();
    RingWriter writer(*ring, {1}, random);
    ASSERT_TRUE(ring->append(writer.make({100})).ok() && ring->sync().ok());
    ASSERT_TRUE(ring->seals_acknowledged({1}, 1).ok());
    if (row.ends) {
      ring->note_end();
      ASSERT_TRUE(ring->close().ok());
    }
    ring.reset();
    if (!row.whole_catalogue) std::filesystem::remove(place.path() / "ring.db");
    options.incarnation = {2};
    options.now = event_time(test::kStart + 180 * test::kSecond);
    options.journal = row.journal;
    for (int start = 2; start < 4; ++start) {
      ring = RingBuffer::open(options, disk).value();
      const auto past = ring->past_seals();
      ring.reset();
      ASSERT_EQ(!past.empty() && past[0].says_dropped(), row.cut) << start;
      if (!row.cut) continue;
      EXPECT_EQ(past[0].incarnation, (Incarnation{1}));
      EXPECT_GT(past[0].number, 1u) << "it is news";
      const auto minute = test::kStart / (60 * test::kSecond);  // it was sealed a second into it
      EXPECT_EQ(past[0].sources.at(0).dropped,
                (std::vector<DroppedCounts>{{minute, minute + 3, past[0].number, 0,
                                             DroppedCounts::Why::cut}}));
      options.incarnation = {3};
    }
    if (!row.cut) continue;
    options.incarnation = {4};
    ring = RingBuffer::open(options, disk).value();
    ASSERT_TRUE(ring->seals_acknowledged({1}, ring->past_seals()[0].number).ok());
    EXPECT_TRUE(ring->past_seals().empty());
  }
}

// What it had heard lies in its journal, be there a seal of it or not.
TEST(RingCounts, AStartThatDiedBeforeItsFirstSealIsSaidByTheNext) {
  SystemDisk disk;
  SeededRandom random{42};
  const auto at = [](std::int64_t s) { return event_time(test::kStart + s * test::kSecond); };
  for (const bool cut : {false, true}) {
    SCOPED_TRACE(cut);
    test::TemporaryFolder place;
    Options options{place.path(), kCapacity, {1}, at(0)};
    options.journal = 77;
    auto ring = RingBuffer::open(options, disk).value();
    RingWriter writer(*ring, {1}, random);
    ASSERT_TRUE(ring->append(writer.make({100})).ok() && ring->sync().ok());
    ring->note_end();
    ASSERT_TRUE(ring->close().ok());
    EXPECT_EQ(ring->recovered().uncounted_from, std::nullopt);
    // Another boot; and nothing of that start reaches the ring.
    const auto starts = [&](std::uint64_t incarnation, std::int64_t now, std::uint64_t journal) {
      ring.reset();
      options.incarnation = {incarnation};
      options.now = at(now);
      options.journal = journal;
      ring = RingBuffer::open(options, disk).value();
      return ring->recovered().uncounted_from;
    };
    EXPECT_EQ(starts(2, 100, 78), std::nullopt) << "that one had ended";
    EXPECT_EQ(starts(3, 200, cut ? 79 : 78), cut ? std::optional(at(100)) : std::nullopt);
    EXPECT_EQ(starts(4, 300, cut ? 80 : 78), cut ? std::optional(at(100)) : std::nullopt)
        << "nobody was told so far";
    RingWriter fourth(*ring, {4}, random);
    ASSERT_TRUE(ring->append(fourth.make({100})).ok() && ring->sync().ok());
    ASSERT_TRUE(ring->seals_acknowledged({4}, 1).ok());
    ASSERT_TRUE(ring->close().ok());
    EXPECT_EQ(starts(5, 400, cut ? 80 : 78), std::nullopt);
  }
}

TEST(RingCounts, TheNewestStartThatIsSettledIsKnownByName) {
  SystemDisk disk;
  SeededRandom random{42};
  test::TemporaryFolder place;
  Options options{place.path(), kCapacity, {1}, event_time(test::kStart)};
  for (std::uint64_t start = 1; start <= 5; ++start) {
    SCOPED_TRACE(start);
    options.incarnation = {start};
    auto ring = RingBuffer::open(options, disk).value();
    // One that said nothing is none that a cloud has to know.
    EXPECT_EQ(ring->recovered().settled, (Incarnation{start < 3 ? 0u : start == 3 ? 1u : 2u}));
    for (const auto& past : ring->recovered().past) {
      ASSERT_TRUE(ring->release(past.closing.incarnation, {{1, 1}}).ok());
      ASSERT_TRUE(ring->seals_acknowledged(past.closing.incarnation, past.last_seal).ok());
    }
    if (start < 3) {
      RingWriter writer(*ring, {start}, random);
      ASSERT_TRUE(ring->append(writer.make({100})).ok() && ring->sync().ok());
      ASSERT_TRUE(ring->seals_acknowledged({start}, 1).ok());
    }
    ASSERT_TRUE(ring->close().ok());
  }
}

// A cloud from a backup asks for what it had acknowledged. What is no longer here it will not get.
TEST(RingCounts, ABlockThatIsGivenUpIsSaidToBeEvicted) {
  SystemDisk disk;
  SeededRandom random{42};
  test::TemporaryFolder place;
  Options options{place.path(), kCapacity, {1}, event_time(test::kStart)};
  auto ring = RingBuffer::open(options, disk).value();
  RingWriter writer(*ring, {1}, random);
  ASSERT_TRUE(ring->append(writer.make({100, 100, 100})).ok());
  ASSERT_TRUE(ring->release({1}, {{1, 2}}).ok());
  ASSERT_TRUE(ring->seals_acknowledged({1}, 1).ok());
  ring->give_up({{1}, {1}});
  ring->give_up({{1}, {3}});  // waits
  ring->give_up({{1}, {4}});  // was never used
  ring->give_up({{7}, {1}});
  EXPECT_EQ(ring->take_evicted().current, (SequenceRanges{{1, 1}}));
  ASSERT_TRUE(ring->append(writer.make({100})).ok() && ring->sync().ok() && ring->close().ok());
  ring.reset();
  options.incarnation = {2};
  for (std::uint64_t gone = 1; gone <= 2; ++gone) {
    ring = RingBuffer::open(options, disk).value();
    const auto past = ring->past_seals();
    ASSERT_EQ(past.size(), 1u);
    EXPECT_EQ(past[0].evicted, (SequenceRanges{{1, gone}})) << "also of an earlier start";
    EXPECT_EQ(ring->recovered().past[0].unreleased, (SequenceRanges{{3, 4}}));
    ring->give_up({{1}, {2}});
    ASSERT_TRUE(ring->seals_acknowledged({1}, past[0].number).ok());
    EXPECT_EQ(ring->past_seals().size(), 2 - gone) << "it is news, once";
    ASSERT_TRUE(ring->close().ok());
    ring.reset();
    options.incarnation = {2 + gone};
  }
}

// A segment had been durable, and the medium lost it: with its blocks go the counts of its seal.
class RingHole : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::int64_t kMinutes = test::kStart / (60 * test::kSecond);
  // One minute in each of eight flushes; the fourth and the fifth are damaged.
  void write(std::uint64_t acknowledged) {
    auto ring = RingBuffer::open(options_, disk_).value();
    RingWriter writer(*ring, {1}, random_);
    for (std::int64_t n = 0; n < 8; ++n) {
      auto flush = writer.make({100});
      auto& source = flush.seal.sources[0];
      source.sealed_until = event_time((kMinutes + n + 1) * 60 * test::kSecond);
      source.minutes = {{kMinutes + n, 1, 1, 3, 3}};
      ASSERT_TRUE(ring->append(flush).ok() && ring->sync().ok());
    }
    ASSERT_TRUE(ring->seals_acknowledged({1}, acknowledged).ok());
    ASSERT_TRUE(ring->close().ok());
    ring.reset();
    damage();
  }
  void damage() {
    std::fstream file(place_.path() / "ring.dat", std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    int with_blocks = 0;
    for (auto at = bytes.find("TMERSEG1"); at != std::string::npos;
         at = bytes.find("TMERSEG1", at + 1)) {
      if (bytes[at + 108] == 0) continue;  // no block in it
      ++with_blocks;
      if (with_blocks != 4 && with_blocks != 5) continue;
      file.seekp(static_cast<std::streamoff>(at + 150));  // in the index part
      file.put(static_cast<char>(bytes[at + 150] ^ 0x55));
    }
    ASSERT_EQ(with_blocks, 8);
    file.close();
    if (GetParam()) std::filesystem::remove(place_.path() / "ring.db");
  }
  Seal last_word(std::uint64_t incarnation) {
    options_.incarnation = {incarnation};
    auto ring = RingBuffer::open(options_, disk_).value();
    const auto past = ring->past_seals();
    return past.empty() ? Seal{} : past[0];
  }

  SystemDisk disk_;
  SeededRandom random_{42};
  test::TemporaryFolder place_;
  Options options_{place_.path(), kCapacity, {1}, event_time(test::kStart)};
};

TEST_P(RingHole, IsSaidOfTheMinutesThatItsSealsMayHaveCounted) {
  write(0);
  for (std::uint64_t start = 2; start < 4; ++start) {
    const auto seal = last_word(start);
    ASSERT_EQ(seal.incarnation, (Incarnation{1}));
    EXPECT_EQ(seal.evicted, (SequenceRanges{{4, 5}}));
    EXPECT_GT(seal.number, 8u);
    ASSERT_EQ(seal.sources.size(), 1u);
    EXPECT_EQ(seal.sources[0].minutes.size(), 6u);
    EXPECT_EQ(seal.sources[0].dropped,
              (std::vector<DroppedCounts>{{kMinutes + 3, kMinutes + 6, 5, 0,
                                           DroppedCounts::Why::bound}}));
  }
}

TEST_P(RingHole, OfWhatTheCloudWasToldBeforeNothingIsSaid) {
  write(5);
  EXPECT_FALSE(last_word(2).says_dropped());
}

INSTANTIATE_TEST_SUITE_P(Catalogue, RingHole, testing::Bool(), [](const auto& row) {
  return row.param ? "gone" : "there";
});

}  // namespace
}  // namespace tidemark::ring
