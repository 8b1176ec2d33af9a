#include "edge/journal/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/base/disk.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/random.h"

namespace tidemark::journal {
namespace {

constexpr std::uint64_t kChecked = offsetof(EntryHead, length);  // the checksum covers from here on
constexpr std::uint64_t kFillerMin = 16;
static_assert(kFillerMin == kEntryAlign, "what is left at the end always holds a filler");

constexpr std::uint64_t align(std::uint64_t n) {
  return (n + kEntryAlign - 1) / kEntryAlign * kEntryAlign;
}

std::uint64_t header_checksum(const FileHeader& h) {
  return xxh3({reinterpret_cast<const std::uint8_t*>(&h), offsetof(FileHeader, checksum)});
}

}  // namespace

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::filesystem::path& path,
                                                       Bytes capacity) {
  const auto bytes = capacity.count / 4096 * 4096;
  if (bytes < kCapacityMin) {
    return Error{Fault::bad_input, "journal: " + std::to_string(capacity.count) +
                                       " B is below the 64 KiB minimum"};
  }
  const auto name = "journal " + path.string();
  if (path.has_parent_path()) TIDE_TRY(make_folder(path.parent_path()));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return system_error("open " + name, errno);
  const auto fail = [&](const char* what, int number) {
    ::close(fd);
    return system_error(what + (" " + name), number);
  };
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return Error{Fault::unavailable, name + ": another agent has it open"};
  }
  struct stat s{};
  if (::fstat(fd, &s) != 0) return fail("stat", errno);
  const bool other_size = s.st_size != static_cast<off_t>(bytes);
  if (other_size && s.st_size != 0) {
    log::warning("journal replaced: its size differs from the configured one",
                 "file={} bytes={} configured={}", path.string(), s.st_size, bytes);
  }
  // From empty on a new size: an old header must not be found beside a new length.
  if (other_size && ::ftruncate(fd, 0) != 0) return fail("truncate", errno);
  // Reserved, so that a full tmpfs is a Fault here and no SIGBUS in a store later.
  if (const int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)); failed != 0) {
    return fail("allocate", failed);
  }
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return fail("map", errno);
  std::unique_ptr<JournalFile> file(new JournalFile(fd, static_cast<std::uint8_t*>(map), bytes));
  const auto& h = file->header();
  if (!other_size && h.magic == kJournalMagic && h.version > kJournalVersion) {
    return Error{Fault::unsupported, name + ": version " + std::to_string(h.version) +
                                         "; this build reads " + std::to_string(kJournalVersion)};
  }
  if (!file->header_good()) {
    if (!other_size) log::warning("journal replaced: damaged header", "file={}", path.string());
    file->make_fresh();
  } else {
    file->recover();
  }
  return file;
}

JournalFile::~JournalFile() {
  ::munmap(map_, bytes_);
  ::close(fd_);
}

bool JournalFile::header_good() const {
  const auto& h = header();
  return h.magic == kJournalMagic && h.version == kJournalVersion && h.data_at == kDataAt &&
         h.capacity == bytes_ && h.checksum == header_checksum(h) && h.journal != 0 &&
         h.released <= h.end && h.end - h.released <= room() && h.end % kEntryAlign == 0 &&
         h.released % kEntryAlign == 0;
}

void JournalFile::make_fresh() {
  auto& h = header();
  store(h.magic, 0);  // killed on the way: no valid header, made fresh again
  h.version = kJournalVersion;
  h.data_at = kDataAt;
  h.capacity = bytes_;
  SystemRandom random;
  do {
    h.journal = random.next();
  } while (h.journal == 0);
  h.end = 0;
  h.released = 0;
  FileHeader whole = h;
  whole.magic = kJournalMagic;
  h.checksum = header_checksum(whole);
  store(h.magic, kJournalMagic);
}

EntryHead JournalFile::head_at(std::uint64_t offset) const {
  EntryHead head{};
  // The last 16 bytes of the data area hold no more than a filler.
  const auto have = std::min<std::uint64_t>(sizeof head, room() - offset % room());
  std::memcpy(&head, place(offset), have);
  return head;
}

std::uint64_t JournalFile::checksum_at(std::uint64_t offset, const EntryHead& head) const {
  const auto bytes = (head.flags & kFiller) != 0 ? kFillerMin : head.length;
  return xxh3({place(offset) + kChecked, bytes - kChecked}, id() ^ offset);
}

void JournalFile::recover() {
  const auto end_was = end();
  auto offset = released();
  while (offset < end_was) {
    const auto head = head_at(offset);
    const bool filler = (head.flags & kFiller) != 0;
    const auto to_edge = room() - offset % room();
    if (head.length % kEntryAlign != 0 || head.length < (filler ? kFillerMin : sizeof head) ||
        head.length > to_edge || (filler && head.length != to_edge) ||
        head.length > end_was - offset || head.checksum != checksum_at(offset, head) ||
        (!filler && sizeof head + std::uint64_t{head.topic_bytes} + head.payload_bytes >
                        head.length)) {
      log::warning("journal ends early: an entry fails its check", "offset={} end={}", offset,
                   end_was);
      store(header().end, offset);
      return;
    }
    offset += head.length;
  }
}

std::uint64_t JournalFile::length_of(const Entry& entry) {
  return align(sizeof(EntryHead) + entry.topic.size() + entry.payload.size());
}

std::uint64_t JournalFile::needed(std::uint64_t length) const {
  const auto to_edge = room() - end() % room();
  return length <= to_edge ? length : to_edge + length;
}

std::uint64_t JournalFile::append(const Entry& entry) {
  auto offset = end();
  const auto length = length_of(entry);
  const auto to_edge = room() - offset % room();
  if (length > to_edge) {
    EntryHead filler{};
    filler.length = static_cast<std::uint32_t>(to_edge);
    filler.flags = kFiller;
    std::memcpy(place(offset), &filler, kFillerMin);
    const auto sum = checksum_at(offset, filler);
    std::memcpy(place(offset), &sum, sizeof sum);
    offset += to_edge;
  }
  EntryHead head{};
  head.length = static_cast<std::uint32_t>(length);
  head.kind = entry.kind;
  head.source = entry.source;
  head.topic_bytes = static_cast<std::uint32_t>(entry.topic.size());
  head.payload_bytes = static_cast<std::uint32_t>(entry.payload.size());
  head.arrived = count_ns(entry.arrived);
  head.steady = entry.steady;
  auto* to = place(offset);
  std::memcpy(to, &head, sizeof head);
  std::copy_n(entry.topic.data(), entry.topic.size(), to + sizeof head);
  std::copy_n(entry.payload.data(), entry.payload.size(), to + sizeof head + entry.topic.size());
  const auto used = sizeof head + entry.topic.size() + entry.payload.size();
  std::fill(to + used, to + length, std::uint8_t{0});
  const auto sum = checksum_at(offset, head);
  std::memcpy(to, &sum, sizeof sum);
  store(header().end, offset + length);
  return offset + length;
}

void JournalFile::release(std::uint64_t until) { store(header().released, until); }

void JournalFile::skip_to(std::uint64_t offset) {
  // `end` first: a kill between the two leaves an end without entries, and recovery cuts it back.
  if (offset > end()) store(header().end, offset);
  store(header().released, offset);
}

std::optional<std::pair<Entry, std::uint64_t>> JournalFile::at(std::uint64_t offset) const {
  if (offset >= end()) return std::nullopt;
  auto head = head_at(offset);
  if ((head.flags & kFiller) != 0) {
    offset += head.length;
    if (offset >= end()) return std::nullopt;
    head = head_at(offset);
  }
  const auto* from = place(offset) + sizeof head;
  Entry e;
  e.source = head.source;
  e.kind = head.kind;
  e.arrived = event_time(head.arrived);
  e.steady = head.steady;
  e.topic = {from, head.topic_bytes};
  e.payload = {from + head.topic_bytes, head.payload_bytes};
  return std::pair{e, offset + head.length};
}

bool JournalFile::is_border(std::uint64_t offset) const {
  auto at = released();
  while (at < offset && at < end()) at += head_at(at).length;
  return at == offset;
}

}  // namespace tidemark::journal
