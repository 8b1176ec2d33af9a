// What the ring and the intake journal cost: bytes and syncs per payload, rates, memory, recovery.
//
//   bench-ring [FOLDER [CASE]]   one line per case: journal, write, memory, recovery; all without
//                                one. FOLDER (default: the temporary folder) needs 3.2 GB; what is
//                                written there is removed again
//
// Bytes are those handed to the kernel (wchar of /proc/self/io), so that they do not depend on the
// device; the catalogue's are included. Device bytes are the counter of FOLDER's block device,
// which means something when nobody else writes there: bench/ring/run gives it one of its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "common/base/random.h"
#include "edge/journal/journal.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark {
namespace {

using namespace std::chrono_literals;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::uint64_t number_in(const char* file, const std::string& key) {
  std::ifstream in(file);
  std::string name;
  std::uint64_t value = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) == 0) {
      name = line.substr(key.size());
      value = std::strtoull(name.c_str(), nullptr, 10);
    }
  }
  return value;
}
std::uint64_t bytes_written() { return number_in("/proc/self/io", "wchar:"); }
// Sectors written to the block device that the folder lies on, in bytes; 0 when it has none.
std::uint64_t device_bytes(const std::filesystem::path& folder) {
  struct stat s{};
  ::sync();
  if (::stat(folder.c_str(), &s) != 0) return 0;
  std::ifstream in(fmt::format("/sys/dev/block/{}:{}/stat", major(s.st_dev), minor(s.st_dev)));
  std::uint64_t field = 0;
  for (int n = 0; n < 7; ++n) in >> field;
  return in ? field * 512 : 0;
}
double rss_mb() {
  ::malloc_trim(0);
  return static_cast<double>(number_in("/proc/self/status", "VmRSS:")) / 1024.0;
}

template <typename T>
T need(Result<T> result) {
  if (!result.ok()) {
    fmt::print(stderr, "bench-ring: {}\n", result.error().text());
    std::exit(1);
  }
  return std::move(result).value();
}

class Edge {
 public:
  Edge(const std::filesystem::path& folder, std::uint64_t capacity, std::uint64_t incarnation)
      : incarnation_{incarnation},
        ring_(need(ring::RingBuffer::open({folder, Bytes{capacity}, incarnation_, {}}, disk_))) {}

  void flush(std::size_t bytes) {
    ring::Flush f;
    BlockRecord b;
    b.name = {incarnation_, ring_->next_sequence()};
    b.time_min = b.time_max = 1;
    b.readings = bytes / 2;
    b.bytes.resize(bytes);
    fill(b.bytes);
    f.blocks.push_back(std::move(b));
    f.seal.incarnation = incarnation_;
    f.seal.number = ++number_;
    f.seal.next = {ring_->next_sequence().count + 1};
    f.seal.ledger.taken = f.seal.ledger.pending = number_ * 1000;
    for (int s = 0; s < 10; ++s) {  // ten sources, each with one minute that changed
      SourceSeal source;
      source.source = "machine-" + std::to_string(s);
      const auto minute = static_cast<std::int64_t>(29'000'000 + number_ / 120);
      source.minutes = {{minute, 60, 60, 6000, 6000}};
      f.seal.sources.push_back(std::move(source));
    }
    f.journal = {1, number_ * 4096};
    need(ring_->append(f));
    need(ring_->sync());
    // The cloud keeps up with what was sent a while ago.
    if (number_ % 50 == 0) need(ring_->seals_acknowledged(incarnation_, number_ - 20));
  }
  ring::RingBuffer& ring() { return *ring_; }

 private:
  void fill(ByteVector& bytes) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      const auto r = random_.next();
      std::memcpy(bytes.data() + i, &r, 8);
    }
  }
  SystemDisk disk_;
  SeededRandom random_{1};
  Incarnation incarnation_;
  std::unique_ptr<ring::RingBuffer> ring_;
  std::uint64_t number_ = 0;
};

void write_cost(const std::filesystem::path& folder) {
  for (const std::size_t kib : {4, 16, 64}) {
    std::filesystem::remove_all(folder);
    Edge edge(folder, 64 << 20, 1);
    // The first lap converts what was reserved; a ring lives for many.
    for (std::size_t n = 0; n < (70 << 20) / (kib << 10); ++n) edge.flush(kib << 10);
    const auto flushes = (96 << 20) / (kib << 10);  // a lap and a half: eviction included
    SeededRandom sizes(kib);
    std::uint64_t payload = 0;
    const auto bytes = bytes_written();
    const auto ring_bytes = edge.ring().usage().bytes_written;
    const auto device = device_bytes(folder);
    const auto syncs = edge.ring().usage().syncs;
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t n = 0; n < flushes; ++n) {
      // Around the size, not on it: padding is to whole pages, and blocks are never a page long.
      const auto size = (kib << 10) * 3 / 4 + sizes.below(kib << 9);
      edge.flush(size);
      payload += size;
    }
    const auto took = seconds_since(begin);
    const auto usage = edge.ring().usage();
    const auto per = [&](std::uint64_t sum) {
      return static_cast<double>(sum) / static_cast<double>(payload);
    };
    fmt::print("ring write    flush_kib={:<3} bytes_per_payload_byte={:.3f} ring_dat_only={:.3f} "
               "device_bytes_per_payload_byte={:.3f} syncs_per_flush={:.3f} "
               "flushes_per_s={:.0f}\n",
               kib, per(bytes_written() - bytes), per(usage.bytes_written - ring_bytes),
               per(device_bytes(folder) - device),
               static_cast<double>(usage.syncs - syncs) / static_cast<double>(flushes),
               static_cast<double>(flushes) / took);
  }
}

void memory(const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  const auto before = rss_mb();
  Edge edge(folder, 2ULL << 30, 1);
  const auto opened = rss_mb();
  for (int n = 0; n < 40'000; ++n) edge.flush(4'000);
  fmt::print("ring memory   capacity_gib=2 rss_mb_before={:.1f} opened={:.1f} "
             "with_40000_blocks={:.1f}\n", before, opened, rss_mb());
}

// As after a start of the machine, as far as a program can ask for it.
void forget_cached(const std::filesystem::path& folder) {
  ::sync();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}

// A ring that is full in truth, more than a lap of 64 kB flushes, whose agent dies by kill -9.
void recovery(const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  const auto child = ::fork();
  if (child == 0) {
    Edge edge(folder, 1ULL << 30, 1);
    for (int n = 0; n < 18'000; ++n) edge.flush(64'000);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  for (const bool catalogue : {true, false}) {
    if (!catalogue) {
      for (const auto* name : {"ring.db", "ring.db-wal", "ring.db-shm"}) {
        std::filesystem::remove(folder / name);
      }
    }
    forget_cached(folder);
    const auto begin = std::chrono::steady_clock::now();
    const auto cpu = std::clock();
    Edge edge(folder, 1ULL << 30, catalogue ? 2 : 3);
    const auto cpu_took = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    fmt::print("ring recovery full_gib=1 catalogue={} seconds={:.3f} cpu_seconds={:.3f} blocks={} "
               "rss_mb={:.1f}\n", catalogue ? "kept" : "lost", seconds_since(begin), cpu_took,
               edge.ring().usage().blocks_unreleased, rss_mb());
  }
}

void journal_rate(const std::filesystem::path& folder, int writers) {
  std::filesystem::remove_all(folder);
  auto j = need(journal::Journal::open({folder / "intake", Bytes{4 << 20}}));
  j->start_at({});
  constexpr int kEntries = 1'000'000;
  const std::string payload(100, 'x');
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEntries / writers; ++n) {
        need(j->append({1, 1, {}, 0, as_bytes("plant/press/force"), as_bytes(payload)}, 60s));
      }
    });
  }
  const int all = kEntries / writers * writers;
  journal::Position last;
  for (int n = 1; n <= all; ++n) {
    last = j->next(60s)->second;
    if (n % 500 == 0) j->release(last);  // a flush
  }
  const auto took = seconds_since(begin);
  for (auto& t : threads) t.join();
  fmt::print("journal       writers={} entries_per_s={:.0f} (117-byte entries, read and released "
             "beside)\n", writers, all / took);
}

// How long one append takes when nobody reads beside it, in batches of what fits.
void journal_append(const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  auto j = need(journal::Journal::open({folder / "intake", Bytes{64 << 20}}));
  j->start_at({});
  const std::string payload(100, 'x');
  constexpr int kBatch = 100'000;
  double took = 0;
  for (int round = 0; round < 10; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int n = 0; n < kBatch; ++n) {
      need(j->append({1, 1, {}, 0, as_bytes("plant/press/force"), as_bytes(payload)}, 0ms));
    }
    took += seconds_since(begin);
    while (j->next(0ms)) {
    }
    j->release(j->end());
  }
  fmt::print("journal       append_only entries_per_s={:.0f}\n", 10 * kBatch / took);
}

}  // namespace
}  // namespace tidemark

int main(int argc, char** argv) {
  const auto parent = argc > 1 ? std::filesystem::path(argv[1])
                               : std::filesystem::temp_directory_path();
  const auto folder = parent / "tidemark-bench-ring";
  const std::string only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (wanted("journal")) {
    tidemark::journal_append(folder);
    tidemark::journal_rate(folder, 1);
    tidemark::journal_rate(folder, 4);
  }
  if (wanted("write")) tidemark::write_cost(folder);
  if (wanted("memory")) tidemark::memory(folder);
  if (wanted("recovery")) tidemark::recovery(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
