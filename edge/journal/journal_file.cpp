#include "edge/journal/journal_file.h"

#include <fcntl.h>
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
constexpr std::chrono::milliseconds kOpenPatience{1000};
static_assert(kFillerMin == kEntryAlign, "what is left at the end always holds a filler");

constexpr std::uint64_t align(std::uint64_t n) {
  return (n + kEntryAlign - 1) / kEntryAlign * kEntryAlign;
}

std::uint64_t header_checksum(const FileHeader& h) {
  return xxh3({reinterpret_cast<const std::uint8_t*>(&h), offsetof(FileHeader, checksum)});
}

std::uint64_t hash_of(std::string_view boot) { return boot.empty() ? 0 : xxh3(as_bytes(boot)); }

// Who has the file open, as locks of single bytes (they end with the descriptor).
enum Claim : off_t {
  kAgent = 0,    // one, exclusive
  kGuests = 1,   // shared
  kOpening = 2,  // one, while it decides what to do with the file
};

bool claim(int fd, Claim what, short type, bool wait) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = what;
  lock.l_len = 1;
  return ::fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) == 0;
}

bool claimed(int fd, Claim what) {  // by somebody else
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = what;
  lock.l_len = 1;
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool claim_role(int fd, const Options& options) {
  return options.guest ? claim(fd, kGuests, F_RDLCK, true) : claim(fd, kAgent, F_WRLCK, false);
}

bool has_name(int fd, const std::filesystem::path& path) {
  struct stat mine {};
  struct stat named {};
  return ::fstat(fd, &mine) == 0 && ::stat(path.c_str(), &named) == 0 &&
         mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

std::string name_of(const std::filesystem::path& path) { return "journal " + path.string(); }

std::uint64_t bytes_of(const Options& options) { return options.capacity.count / 4096 * 4096; }

}  // namespace

Result<std::unique_ptr<JournalFile>> JournalFile::open(const Options& options) {
  if (bytes_of(options) < kCapacityMin) {
    return Error{Fault::bad_input, "journal: " + std::to_string(options.capacity.count) +
                                       " B is below the 64 KiB minimum"};
  }
  const auto& path = options.file;
  if (path.has_parent_path()) TIDE_TRY(make_folder(path.parent_path()));
  for (;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (fd < 0) return system_error("open " + name_of(path), errno);
    if (!claim(fd, kOpening, F_WRLCK, true)) {
      const int number = errno;
      ::close(fd);
      return system_error("lock " + name_of(path), number);
    }
    if (!has_name(fd, path)) {  // replaced in the meantime
      ::close(fd);
      continue;
    }
    if (!claim_role(fd, options)) {
      ::close(fd);
      return Error{Fault::unavailable, name_of(path) + ": another agent has it open; stop that "
                                                       "one, or give each a run_dir of its own"};
    }
    auto file = existing(options, fd);
    if (file && *file == nullptr) {
      file = create(options);
      ::close(fd);
    } else if (!file) {
      ::close(fd);
    } else {
      claim(fd, kOpening, F_UNLCK, false);
    }
    return file;
  }
}

Result<std::unique_ptr<JournalFile>> JournalFile::map(const std::filesystem::path& path, int fd,
                                                      std::uint64_t bytes) {
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return system_error("map " + name_of(path), errno);
  return std::unique_ptr<JournalFile>(
      new JournalFile(path, fd, static_cast<std::uint8_t*>(map), bytes));
}

Result<std::unique_ptr<JournalFile>> JournalFile::existing(const Options& options, int fd) {
  const auto& path = options.file;
  struct stat s {};
  if (::fstat(fd, &s) != 0) return system_error("stat " + name_of(path), errno);
  const auto bytes = static_cast<std::uint64_t>(s.st_size);
  if (bytes == 0) return std::unique_ptr<JournalFile>();
  if (bytes < kCapacityMin) {
    log::warning("journal replaced: it is too short", "file={} bytes={}", path.string(), bytes);
    return std::unique_ptr<JournalFile>();
  }
  TIDE_ASSIGN(auto file, map(path, fd, bytes));
  const auto& h = file->header();
  const auto give_up = [&](Result<std::unique_ptr<JournalFile>> result) {
    file->fd_ = -1;
    return result;
  };
  if (h.magic == kJournalMagic && h.version > kJournalVersion) {
    return give_up(Error{Fault::unsupported, name_of(path) + ": version " +
                                                 std::to_string(h.version) + "; this build reads " +
                                                 std::to_string(kJournalVersion)});
  }
  if (!file->header_good()) {
    log::warning("journal replaced: damaged header", "file={}", path.string());
    return give_up(std::unique_ptr<JournalFile>());
  }
  // What an agent reads is right, whatever a guest thinks of its boot.
  if (options.guest && claimed(fd, kAgent)) return file;
  const auto boot = hash_of(options.boot);
  if (h.boot != boot && h.boot != 0 && boot != 0) {
    log::warning("journal replaced: it is of another boot", "file={} bytes_unread={}",
                 path.string(), file->end() - file->released());
    file->set_replaced();
    return give_up(std::unique_ptr<JournalFile>());
  }
  if (options.guest) return file;
  if (bytes != bytes_of(options)) {
    const bool free = file->end() == file->released() && claim(fd, kGuests, F_WRLCK, false);
    log::info(free ? "journal replaced: another capacity is configured"
                   : "journal keeps its capacity: it is not empty, or the broker has it open",
              "file={} bytes={} configured={}", path.string(), bytes, bytes_of(options));
    if (free) {
      file->set_replaced();
      return give_up(std::unique_ptr<JournalFile>());
    }
  }
  const Writing writing(*file, kOpenPatience);
  if (!writing.locked()) {
    return give_up(Error{Fault::unavailable, name_of(path) + ": a process that rests holds it"});
  }
  file->recover();
  return file;
}

Result<std::unique_ptr<JournalFile>> JournalFile::create(const Options& options) {
  const auto& path = options.file;
  const auto bytes = bytes_of(options);
  auto fresh = path;
  fresh += ".new";
  const int fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
  if (fd < 0) return system_error("create " + name_of(path), errno);
  // Reserved, so that a full tmpfs is a Fault here and no SIGBUS in a store later.
  if (const int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)); failed != 0) {
    ::close(fd);
    ::unlink(fresh.c_str());
    return system_error("allocate " + name_of(path), failed);
  }
  auto file = map(path, fd, bytes);
  if (!file) {
    ::close(fd);
    return file;
  }
  (*file)->make_fresh(options.boot);
  claim_role(fd, options);
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return system_error("rename " + fresh.string(), errno);
  }
  return file;
}

JournalFile::~JournalFile() {
  ::munmap(map_, bytes_);
  if (fd_ >= 0) ::close(fd_);
}

bool JournalFile::has_guest() const { return claimed(fd_, kGuests); }

bool JournalFile::replaced() const {
  return std::atomic_ref(signals().replaced).load() != 0 || !has_name(fd_, path_);
}

void JournalFile::set_replaced() { std::atomic_ref(signals().replaced).store(1); }

bool JournalFile::header_good() const {
  const auto& h = header();
  const auto released = load(h.released);  // first: a guest may append meanwhile
  const auto end = load(h.end);
  return h.magic == kJournalMagic && h.version == kJournalVersion && h.data_at == kDataAt &&
         h.capacity == bytes_ && h.checksum == header_checksum(h) && h.journal != 0 &&
         released <= end && end - released <= room() && end % kEntryAlign == 0 &&
         released % kEntryAlign == 0;
}

void JournalFile::make_fresh(std::string_view boot) {
  auto& h = header();
  h.magic = kJournalMagic;
  h.version = kJournalVersion;
  h.data_at = kDataAt;
  h.capacity = bytes_;
  SystemRandom random;
  do {
    h.journal = random.next();
  } while (h.journal == 0);
  h.boot = hash_of(boot);
  h.signals.lock.init();
  h.checksum = header_checksum(h);
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
  head.mark = entry.mark;
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
  e.mark = head.mark;
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
