#include "edge/journal/journal.h"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <thread>

#include "common/base/random.h"
#include "edge/journal/journal_file.h"
#include "tests/edge/format_example.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::journal {
namespace {

using namespace std::chrono_literals;

Entry entry(std::string_view topic, std::string_view payload, std::uint32_t source = 7) {
  return {source, 2, event_time(1'700'000'000'000'000'000), 123456789, as_bytes(topic),
          as_bytes(payload), 9};
}

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> open(std::uint64_t capacity = 64 * 1024) {
    return open({file, Bytes{capacity}, false, boot});
  }
  std::unique_ptr<Journal> guest(std::uint64_t capacity = 64 * 1024) {
    return open({file, Bytes{capacity}, true, boot});
  }
  static std::unique_ptr<Journal> open(const Options& options) {
    auto j = Journal::open(options);
    EXPECT_TRUE(j.ok()) << (j.ok() ? "" : j.error().text());
    return j.ok() ? std::move(j).value() : nullptr;
  }
  std::vector<std::string> read_all(Journal& j) {
    std::vector<std::string> out;
    while (auto e = j.next(0ms)) out.emplace_back(as_text(e->first.payload));
    return out;
  }
  void poke(std::uint64_t offset, std::uint8_t flip) {
    std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<std::uint8_t>(f.get());
    f.seekp(static_cast<std::streamoff>(offset));
    f.put(static_cast<char>(byte ^ flip));
  }
  test::TemporaryFolder folder;
  std::filesystem::path file = folder / "intake.journal";
  std::string boot = "a";
};

TEST_F(JournalTest, GivesBackWhatWasAppendedInOrder) {
  auto j = open();
  ASSERT_TRUE(j->append(entry("a/b", "1"), 0ms).ok());
  ASSERT_TRUE(j->append(entry("", ""), 0ms).ok());
  const auto first = j->next(0ms);
  ASSERT_TRUE(first);
  EXPECT_EQ(as_text(first->first.topic), "a/b");
  EXPECT_EQ(as_text(first->first.payload), "1");
  EXPECT_EQ(first->first.source, 7u);
  EXPECT_EQ(first->first.kind, 2);
  EXPECT_EQ(count_ns(first->first.arrived), 1'700'000'000'000'000'000);
  EXPECT_EQ(first->first.steady, 123456789);
  EXPECT_EQ(first->first.mark, 9u);
  const auto second = j->next(0ms);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->first.payload.empty());
  EXPECT_EQ(second->second, j->end());
  EXPECT_FALSE(j->next(0ms));
  EXPECT_EQ(j->used().count, j->end().offset);
  j->release(j->end());
  EXPECT_EQ(j->used().count, 0u);
}

TEST_F(JournalTest, GoesRoundManyTimesLikeAQueue) {
  SeededRandom random(11);
  auto j = open();
  std::deque<std::string> model;
  std::deque<Position> read;
  std::uint64_t appended = 0;
  for (int step = 0; step < 60'000; ++step) {
    if (random.below(2) == 0) {
      const std::string payload(random.below(random.below(20) == 0 ? 30'000 : 300),
                                static_cast<char>('a' + random.below(26)));
      const auto at = j->append(entry("t", payload), 0ms);
      if (at.ok()) {
        model.push_back(payload);
        appended += payload.size();
      } else {
        ASSERT_EQ(at.error().fault(), Fault::full);
      }
    } else if (auto e = j->next(0ms)) {
      ASSERT_FALSE(model.empty());
      ASSERT_EQ(as_text(e->first.payload), model.front());
      model.pop_front();
      read.push_back(e->second);
    }
    if (read.size() > random.below(30)) {
      j->release(read.back());
      read.clear();
    }
    if (random.below(500) == 0) {  // restart: what was read and not released comes again
      const auto until = read.empty() ? Position{} : read.back();
      j.reset();
      j = open();
      if (until.offset != 0) j->start_at(until);
      if (until.offset == 0) j->start_at({});
      read.clear();
    }
  }
  EXPECT_GT(appended, 20u * 64 * 1024);
}

TEST_F(JournalTest, EntryLargerThanHalfIsRefused) {
  auto j = open();
  const std::string half((64 * 1024 - 4096) / 2 - sizeof(EntryHead) - 1, 'x');
  EXPECT_TRUE(j->append(entry("t", half), 0ms).ok());
  const auto refused = j->append(entry("tt", half), 0ms);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::bad_input);
}

TEST_F(JournalTest, FullJournalPushesBackUntilReleased) {
  auto j = open();
  const std::string big(9'000, 'x');
  int fitted = 0;
  while (j->append(entry("t", big), 0ms).ok()) ++fitted;
  EXPECT_EQ(fitted, 6);
  std::thread writer([&] { EXPECT_TRUE(j->append(entry("t", "after"), 60s).ok()); });
  for (int i = 0; i < fitted; ++i) j->release(j->next(60s)->second);
  EXPECT_EQ(as_text(j->next(60s)->first.payload), "after");
  writer.join();
}

TEST_F(JournalTest, StopWakesWriterReaderAndDurableWaiter) {
  auto j = open();
  while (j->append(entry("t", std::string(9'000, 'x')), 0ms).ok()) {
  }
  std::thread writer([&] {
    const auto r = j->append(entry("t", std::string(9'000, 'x')), 60s);
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.error().fault(), Fault::unavailable);
  });
  std::thread waiter([&] { EXPECT_FALSE(j->wait_durable(j->end(), 60s)); });
  while (j->next(0ms)) {
  }
  std::thread reader([&] { EXPECT_FALSE(j->next(60s)); });
  j->stop();
  writer.join();
  waiter.join();
  reader.join();
}

TEST_F(JournalTest, DurableWaiterReturnsWhenTheRingHasIt) {
  auto j = open();
  const auto at = j->append(entry("t", "1"), 0ms).value();
  EXPECT_FALSE(j->wait_durable(at, 0ms));
  std::thread waiter([&] { EXPECT_TRUE(j->wait_durable(at, 60s)); });
  j->durable(at);
  waiter.join();
  EXPECT_FALSE(j->wait_durable({at.journal + 1, 0}, 0ms)) << "of another journal";
}

TEST_F(JournalTest, ManyWritersKeepTheirOwnOrder) {
  auto j = open(256 * 1024);
  constexpr int kWriters = 4;
  constexpr int kEach = 5'000;
  std::vector<std::thread> writers;
  for (std::uint32_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kEach; ++i) {
        ASSERT_TRUE(j->append(entry("t", std::to_string(i), w), 60s).ok());
      }
    });
  }
  std::vector<int> seen(kWriters, 0);
  for (int n = 0; n < kWriters * kEach; ++n) {
    const auto e = j->next(60s);
    ASSERT_TRUE(e);
    ASSERT_EQ(as_text(e->first.payload), std::to_string(seen[e->first.source]++));
    j->release(e->second);
  }
  for (auto& w : writers) w.join();
}

TEST_F(JournalTest, RestartReadsFromThePositionTheRingNames) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  ASSERT_TRUE(j->append(entry("t", "2"), 0ms).ok());
  ASSERT_TRUE(j->append(entry("t", "3"), 0ms).ok());
  j.reset();
  j = open();
  j->start_at({one.journal + 1, one.offset});
  EXPECT_EQ(read_all(*j), (std::vector<std::string>{"1", "2", "3"})) << "not this journal: oldest";
  j.reset();
  j = open();
  j->start_at({one.journal, one.offset - 16});
  EXPECT_EQ(read_all(*j).size(), 3u) << "inside an entry: oldest";
  j.reset();
  j = open();
  j->start_at(one);
  EXPECT_EQ(read_all(*j), (std::vector<std::string>{"2", "3"}));
}

TEST_F(JournalTest, ARingThatKnowsMoreThanTheJournalMovesItsEnd) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  const auto ahead = Position{one.journal, one.offset + 1600};
  j->start_at(ahead);
  EXPECT_FALSE(j->next(0ms));
  ASSERT_TRUE(j->append(entry("t", "2"), 0ms).ok());
  j.reset();
  j = open();  // killed before the next flush: the ring still names `ahead`
  j->start_at(ahead);
  EXPECT_EQ(read_all(*j), std::vector<std::string>{"2"});
}

TEST_F(JournalTest, DamagedEntryEndsTheRecovery) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  ASSERT_TRUE(j->append(entry("t", "2"), 0ms).ok());
  ASSERT_TRUE(j->append(entry("t", "3"), 0ms).ok());
  j.reset();
  for (std::uint64_t byte = 0; byte < 64; ++byte) {
    poke(kDataAt + one.offset + byte, 0x40);
    auto copy = file;
    copy += ".copy";
    std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
    auto damaged = Journal::open({copy, Bytes{64 * 1024}, false, boot}).value();
    damaged->start_at({});
    EXPECT_EQ(read_all(*damaged), std::vector<std::string>{"1"}) << "byte " << byte;
    poke(kDataAt + one.offset + byte, 0x40);
  }
}

TEST_F(JournalTest, DamagedHeaderOrOtherCapacityMakesANewJournal) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  j.reset();
  poke(24, 1);  // the journal's id
  j = open();
  EXPECT_NE(j->end().journal, one.journal);
  EXPECT_FALSE(j->next(0ms));
  const auto second = j->end().journal;
  j.reset();
  j = open(128 * 1024);
  EXPECT_NE(j->end().journal, second);
  EXPECT_EQ(std::filesystem::file_size(file), 128u * 1024);
}

TEST_F(JournalTest, AnotherCapacityWaitsUntilTheJournalIsEmpty) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  j.reset();
  j = open(128 * 1024);
  EXPECT_EQ(read_all(*j), std::vector<std::string>{"1"});
  j->release(one);
  auto plug_in = guest();
  j.reset();
  j = open(128 * 1024);
  EXPECT_EQ(j->end(), one) << "a guest has it mapped";
  plug_in.reset();
  j.reset();
  j = open(128 * 1024);
  EXPECT_NE(j->end().journal, one.journal);
}

// What a power cut left on a real disk is not what was appended last, and its steady times are of
// a clock that began anew.
TEST_F(JournalTest, AJournalOfAnotherBootIsReplaced) {
  auto j = open();
  const auto one = j->append(entry("t", "1"), 0ms).value();
  j.reset();
  boot = "";  // unknown: a guess would lose what a kill -9 must not
  j = open();
  EXPECT_EQ(j->end(), one);
  j.reset();
  boot = "b";
  j = open();
  EXPECT_NE(j->end().journal, one.journal);
  j->start_at(one);
  EXPECT_FALSE(j->next(0ms));
}

TEST_F(JournalTest, AGuestAppendsBesideTheAgent) {
  auto plug_in = guest(128 * 1024);  // first: it makes the file
  ASSERT_TRUE(plug_in->append(entry("t", "1"), 0ms).ok());
  auto j = open();
  auto second = guest();
  ASSERT_TRUE(j->append(entry("t", "2"), 0ms).ok());
  ASSERT_TRUE(plug_in->append(entry("t", "3"), 0ms).ok());
  ASSERT_TRUE(second->append(entry("t", "4"), 0ms).ok());
  EXPECT_EQ(read_all(*j), (std::vector<std::string>{"1", "2", "3", "4"}));
  j.reset();
  ASSERT_TRUE(plug_in->append(entry("t", "5"), 0ms).ok()) << "while the agent is away";
  j = open();
  EXPECT_EQ(read_all(*j).size(), 5u);
  EXPECT_FALSE(plug_in->replaced());
}

TEST_F(JournalTest, AGuestWaitsForRoomAndForTheRing) {
  auto j = open();
  auto plug_in = guest();
  while (plug_in->append(entry("t", std::string(9'000, 'x')), 0ms).ok()) {
  }
  std::thread writer([&] {
    const auto at = plug_in->append(entry("t", "after"), 60s);
    ASSERT_TRUE(at.ok());
    EXPECT_TRUE(plug_in->wait_durable(*at, 60s));
  });
  Position last;
  while (const auto e = j->next(60s)) {
    j->release(last = e->second);
    if (as_text(e->first.payload) == "after") break;
  }
  while (!j->durable_awaited()) std::this_thread::yield();
  j->durable(last);
  writer.join();
}

TEST_F(JournalTest, AGuestSeesThatItsFileWasReplaced) {
  auto plug_in = guest();
  EXPECT_FALSE(plug_in->replaced());
  boot = "b";
  auto j = open();
  EXPECT_TRUE(plug_in->replaced());
  plug_in = guest();
  EXPECT_FALSE(plug_in->replaced());
  std::filesystem::remove(file);
  EXPECT_TRUE(plug_in->replaced());
}

TEST_F(JournalTest, FaultsAtOpen) {
  auto j = open();
  EXPECT_EQ(Journal::open({file, Bytes{64 * 1024}}).error().fault(), Fault::unavailable)
      << "a second agent";
  j.reset();
  EXPECT_EQ(Journal::open({file, Bytes{1000}}).error().fault(), Fault::bad_input);
  poke(8, 1);  // version 3
  EXPECT_EQ(Journal::open({file, Bytes{64 * 1024}}).error().fault(), Fault::unsupported);
}

TEST_F(JournalTest, ExampleOfFormatIsWhatIsWritten) {
  auto j = open();
  const auto at = j->append(entry("m/1", "{\"v\":1}"), 0ms).value();
  j.reset();
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto expected = test::format_example(TIDEMARK_FORMAT_FILE, "entry");
  ASSERT_GE(expected.size(), sizeof(EntryHead));
  const auto written = ByteSpan(as_bytes(bytes)).subspan(kDataAt, at.offset);
  // The checksum is seeded with the journal's random id: everything but it is as in the example.
  EXPECT_EQ(to_hex(ByteSpan(expected).subspan(8)), to_hex(written.subspan(8)));
}

}  // namespace
}  // namespace tidemark::journal
