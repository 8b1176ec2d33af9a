// kill -9 at any moment: an appended entry is there afterwards, once, in order.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "common/base/random.h"
#include "edge/journal/journal.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::journal {
namespace {

using namespace std::chrono_literals;

// What the child has been promised, in memory that outlives it.
struct Promised {
  std::atomic<std::uint64_t> appended;  // entries 1..appended are in the journal
  std::atomic<std::uint64_t> released;  // entries 1..released may be gone
};

std::string payload_of(std::uint64_t n) {
  std::string p(8 + n % 1500, static_cast<char>(n));
  std::memcpy(p.data(), &n, sizeof n);
  return p;
}

std::uint64_t number_in(ByteSpan payload) {
  std::uint64_t n = 0;
  std::memcpy(&n, payload.data(), sizeof n);
  return n;
}

[[noreturn]] void write_until_killed(const std::filesystem::path& file, Promised& promised) {
  auto j = Journal::open({file, Bytes{64 * 1024}}).value();
  j->start_at({});
  std::thread reader([&] {
    for (std::uint64_t n = 0;; ++n) {
      const auto e = j->next(1s);
      if (!e || n % 5 != 0) continue;
      promised.released.store(number_in(e->first.payload));
      j->release(e->second);
    }
  });
  for (auto n = promised.appended.load() + 1;; ++n) {
    const auto payload = payload_of(n);
    if (!j->append({1, 1, {}, 0, {}, as_bytes(payload)}, 10s).ok()) std::abort();
    promised.appended.store(n);
  }
}

TEST(JournalKill, LosesAndRepeatsNothing) {
  const test::TemporaryFolder folder;
  const auto file = folder / "intake.journal";
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& promised = *new (shared) Promised{};
  SeededRandom random(5);
  for (int life = 0; life < 60; ++life) {
    const auto before = promised.appended.load();
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(file, promised);
    // A moment counted in work, not in time: the machine's load does not matter.
    const auto enough = before + 1 + random.below(2'000);
    while (promised.appended.load() < enough) std::this_thread::yield();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";

    auto j = Journal::open({file, Bytes{64 * 1024}}).value();
    j->start_at({});
    std::uint64_t last = 0;
    while (const auto e = j->next(0ms)) {
      const auto n = number_in(e->first.payload);
      ASSERT_EQ(as_text(e->first.payload), payload_of(n));
      if (last == 0) {
        ASSERT_LE(n, promised.released.load() + 1) << "life " << life << ": a hole";
      } else {
        ASSERT_EQ(n, last + 1) << "life " << life;
      }
      last = n;
    }
    if (last == 0) last = promised.released.load();  // all released
    ASSERT_GE(last, promised.appended.load()) << "life " << life << ": an appended entry is lost";
    ASSERT_LE(last, promised.appended.load() + 1);
    promised.appended.store(last);
  }
  EXPECT_GT(promised.appended.load(), 1000u);
  ::munmap(shared, 4096);
}

// The broker's plug-in dies at any moment, with the lock in its hand too: what it was told is taken
// is there, and the agent goes on.
TEST(JournalKill, AGuestThatDiesLosesNothingAndHoldsNobodyUp) {
  const test::TemporaryFolder folder;
  const auto file = folder / "intake.journal";
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& promised = *new (shared) Promised{};
  auto j = Journal::open({file, Bytes{64 * 1024}}).value();
  SeededRandom random(6);
  std::uint64_t last = 0;
  std::uint64_t own = 0;
  const auto read = [&](std::chrono::milliseconds wait) {
    const auto e = j->next(wait);
    if (!e) return false;
    const auto n = number_in(e->first.payload);
    EXPECT_EQ(as_text(e->first.payload), payload_of(n));
    if (e->first.source == 1) {
      EXPECT_EQ(n, last + 1);
      last = n;
    }
    j->release(e->second);
    return true;
  };
  for (int life = 0; life < 60; ++life) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto guest = Journal::open({file, Bytes{64 * 1024}, true}).value();
      for (auto n = last + 1;; ++n) {
        const auto payload = payload_of(n);
        if (!guest->append({1, 1, {}, 0, {}, as_bytes(payload)}, 10s).ok()) std::abort();
        promised.appended.store(n);
      }
    }
    const auto enough = last + 1 + random.below(2'000);
    while (promised.appended.load() < enough) {
      read(1ms);
      const auto mine = payload_of(++own);
      static_cast<void>(j->append({2, 1, {}, 0, {}, as_bytes(mine)}, 0ms));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    while (read(0ms)) {
    }
    ASSERT_GE(last, promised.appended.load()) << "life " << life << ": an appended entry is lost";
    ASSERT_LE(last, promised.appended.load() + 1);
    ASSERT_TRUE(j->append({2, 1, {}, 0, {}, as_bytes("x234567890")}, 1s).ok());
    ASSERT_TRUE(j->next(0ms));
  }
  ::munmap(shared, 4096);
}

}  // namespace
}  // namespace tidemark::journal
