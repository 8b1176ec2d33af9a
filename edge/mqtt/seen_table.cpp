#include "edge/mqtt/seen_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/bytes.h"
#include "common/base/disk.h"
#include "common/base/hash.h"

namespace tidemark::mqtt {

namespace {
constexpr std::string_view kMagic = "TIDMSEE1";
}

Result<std::unique_ptr<SeenTable>> SeenTable::open(const std::filesystem::path& file,
                                                   std::string_view boot, std::uint64_t journal) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return system_error("open " + file.string(), errno);
  struct stat status {};
  const bool fresh = ::fstat(fd, &status) != 0 ||
                     static_cast<std::size_t>(status.st_size) != kBytes;
  // Reserved, so that a full tmpfs is a fault here and not a SIGBUS later.
  int failed = fresh && ::ftruncate(fd, 0) != 0 ? errno : 0;
  if (failed == 0) failed = ::posix_fallocate(fd, 0, static_cast<off_t>(kBytes));
  void* const mapping = failed != 0 ? MAP_FAILED
                                    : ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                                             fd, 0);
  if (failed == 0 && mapping == MAP_FAILED) failed = errno;
  ::close(fd);
  if (failed != 0) return system_error("map " + file.string(), failed);

  std::unique_ptr<SeenTable> table(new SeenTable(mapping));
  Header wanted{};
  std::memcpy(wanted.magic, kMagic.data(), kMagic.size());
  wanted.boot = xxh3(as_bytes(boot));
  wanted.journal = journal;
  wanted.check = xxh3({reinterpret_cast<const std::uint8_t*>(&wanted), 24});
  if (std::memcmp(mapping, &wanted, sizeof wanted) != 0) {
    table->clear();
    std::memcpy(mapping, &wanted, sizeof wanted);
  }
  const auto* records = table->records();
  for (std::size_t i = 0; i < kRecords; ++i) {
    if (records[i].steady <= table->newest_) continue;
    table->newest_ = records[i].steady;
    table->next_ = (i + 1) % kRecords;
  }
  return table;
}

SeenTable::~SeenTable() { ::munmap(mapping_, kBytes); }

SeenTable::Record* SeenTable::records() const {
  return reinterpret_cast<Record*>(static_cast<std::uint8_t*>(mapping_) + 4096);
}

bool SeenTable::saw_before(std::uint64_t fingerprint, std::int64_t steady) const {
  const auto* begin = records();
  return std::any_of(begin, begin + kRecords, [&](const Record& r) {
    return r.steady != 0 && r.steady < steady && r.fingerprint == fingerprint;
  });
}

void SeenTable::remember(std::uint64_t fingerprint, std::int64_t steady) {
  if (steady <= newest_) return;  // decoded again after a restart: it is there
  // The record is empty while it changes, so that a kill in between leaves no mixture of two.
  std::atomic_ref<std::int64_t> time(records()[next_].steady);
  time.store(0, std::memory_order_release);
  std::atomic_ref(records()[next_].fingerprint).store(fingerprint, std::memory_order_release);
  time.store(steady, std::memory_order_release);
  newest_ = steady;
  next_ = (next_ + 1) % kRecords;
}

void SeenTable::clear() {
  std::memset(static_cast<std::uint8_t*>(mapping_) + 4096, 0, kRecords * sizeof(Record));
  newest_ = 0;
  next_ = 0;
}

}  // namespace tidemark::mqtt
