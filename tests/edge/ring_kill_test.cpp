// kill -9 of an agent that reads its journal into its ring: every entry is in exactly one place
// afterwards, in the ring or still in the journal, and in order.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/edge/ring_fixture.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::ring {
namespace {

using namespace std::chrono_literals;

struct Agent {
  std::unique_ptr<RingBuffer> ring;
  std::unique_ptr<journal::Journal> journal;
};

Agent start(const std::filesystem::path& folder, std::uint64_t incarnation, Disk& disk) {
  Agent a;
  a.ring = RingBuffer::open({folder, Bytes{64 << 20}, {incarnation}, event_time(test::kStart)},
                            disk).value();
  a.journal = journal::Journal::open({folder / "intake", Bytes{128 << 10}}).value();
  a.journal->start_at(a.ring->recovered().journal.value_or(journal::Position{}));
  return a;
}

// A block's bytes are the numbers of the entries it was made from.
[[noreturn]] void work_until_killed(const std::filesystem::path& folder, std::uint64_t incarnation,
                                    std::atomic<std::uint64_t>& appended) {
  SystemDisk disk;
  auto [ring, journal] = start(folder, incarnation, disk);
  std::thread source([&] {
    for (auto n = appended.load() + 1;; ++n) {
      const auto text = std::to_string(n);
      if (!journal->append({1, 1, {}, 0, {}, as_bytes(text)}, 60s).ok()) std::abort();
      appended.store(n);
    }
  });
  SeededRandom random(incarnation);
  for (std::uint64_t number = 1;; ++number) {
    BlockRecord block;
    block.name = {{incarnation}, ring->next_sequence()};
    journal::Position position;
    for (auto want = 1 + random.below(200); want > 0; --want) {
      const auto entry = journal->next(60s);
      if (!entry) std::abort();
      const auto n = std::stoull(std::string(as_text(entry->first.payload)));
      ByteWriter(block.bytes).fixed<std::uint64_t>(n);
      ++block.readings;
      position = entry->second;
    }
    Flush flush;
    flush.seal.incarnation = {incarnation};
    flush.seal.number = number;
    flush.seal.next = {block.name.sequence.count + 1};
    flush.blocks.push_back(std::move(block));
    flush.journal = position;
    if (!ring->append(flush).ok()) std::abort();
    if (random.below(3) == 0) continue;
    if (!ring->sync().ok()) std::abort();
    journal->release(ring->durable_position());
  }
}

// Entries are 1, 2, 3 ... over all lives: in the ring up to some number, from there in the journal.
void check(Agent& agent, std::atomic<std::uint64_t>& appended) {
  std::uint64_t last = 0;
  for (const auto& stored : agent.ring->unreleased(Order::oldest_first, 1 << 20, {})) {
    const auto block = agent.ring->read(stored.name);
    ASSERT_TRUE(block.ok());
    ByteReader in(block->bytes);
    while (in.left() > 0) ASSERT_EQ(in.fixed<std::uint64_t>(), ++last) << "in the ring";
  }
  while (const auto entry = agent.journal->next(0ms)) {
    ASSERT_EQ(std::string(as_text(entry->first.payload)), std::to_string(++last))
        << "in the journal";
  }
  ASSERT_GE(last, appended.load()) << "an entry is lost";
  ASSERT_LE(last, appended.load() + 1);
  appended.store(last);
}

TEST(RingKill, AnEntryIsInTheRingOrInTheJournalAndInOneOnly) {
  const test::TemporaryFolder folder;
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& appended = *new (shared) std::atomic<std::uint64_t>{0};
  SeededRandom random(9);
  for (std::uint64_t life = 1; life <= 60; ++life) {
    const auto before = appended.load();
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work_until_killed(folder.path(), 2 * life, appended);
    const auto enough = before + 1 + random.below(6'000);
    while (appended.load() < enough) std::this_thread::yield();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    SystemDisk disk;
    auto agent = start(folder.path(), 2 * life + 1, disk);
    check(agent, appended);
    ASSERT_FALSE(HasFatalFailure()) << "life " << life;
  }
  EXPECT_GT(appended.load(), 10'000u);
  ::munmap(shared, 4096);
}

}  // namespace
}  // namespace tidemark::ring
