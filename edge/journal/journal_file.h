// The journal's bytes: one file, mapped shared, and the entries in it. No threads of its own.
//
// A kill at any instruction leaves whole entries only: an entry is written behind `end`, where
// nobody looks, and `end` moves over it in one store afterwards. Checksums are for what a bad
// medium does to a file that does not lie on tmpfs.
//
// A file is never shortened or written anew in place, as another process may have it mapped: its
// successor is made beside it and takes its name.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "edge/journal/between_processes.h"
#include "edge/journal/journal.h"

namespace tidemark::journal {

inline constexpr std::uint64_t kJournalMagic = 0x314e524a4d444954;  // "TIDMJRN1"
inline constexpr std::uint32_t kJournalVersion = 2;
inline constexpr std::uint64_t kDataAt = 4096;
inline constexpr std::uint64_t kEntryAlign = 16;
inline constexpr std::uint64_t kCapacityMin = 64 * 1024;

// What processes tell each other; means nothing once nobody has the file open.
struct Signals {
  ProcessLock lock;  // writers
  ProcessSignal entries;
  ProcessSignal room;
  ProcessSignal durable;
  std::uint32_t replaced;  // not 0: another file has this one's name
};

// `end`, `released` and the signals lie on lines of their own: writers' and reader's.
struct FileHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t data_at;
  std::uint64_t capacity;  // of the whole file
  std::uint64_t journal;   // Position::journal
  std::uint64_t boot;      // XXH3 of the boot id; 0: not known
  std::uint64_t checksum;  // XXH3 of the 40 bytes before
  alignas(64) std::uint64_t end;
  alignas(64) std::uint64_t released;
  std::uint64_t durable;   // entries before it are in the ring and synced
  alignas(64) Signals signals;
};
static_assert(sizeof(FileHeader) <= kDataAt);

inline constexpr std::uint16_t kFiller = 1;  // takes the rest of the data area

struct EntryHead {
  std::uint64_t checksum;  // XXH3 from `length` to the end of the padding; seed: journal ^ offset
  std::uint32_t length;    // all of it, a multiple of kEntryAlign
  std::uint16_t kind;
  std::uint16_t flags;     // a filler ends here, and its checksum too
  std::uint32_t source;
  std::uint32_t topic_bytes;
  std::uint32_t payload_bytes;
  std::uint32_t mark;
  std::int64_t arrived;
  std::int64_t steady;
};
static_assert(sizeof(EntryHead) == 48);

class JournalFile {
 public:
  static Result<std::unique_ptr<JournalFile>> open(const Options& options);
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  // The right to append(), while it lives; wakes the reader at its end.
  class Writing {
   public:
    Writing(JournalFile& file, std::chrono::milliseconds patience)
        : signals_(file.signals()), locked_(signals_.lock.lock(patience)) {}
    ~Writing() {
      if (!locked_) return;
      signals_.lock.unlock();
      signals_.entries.wake();
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    [[nodiscard]] bool locked() const { return locked_; }

   private:
    Signals& signals_;
    bool locked_;
  };

  [[nodiscard]] std::uint64_t id() const { return header().journal; }
  [[nodiscard]] Signals& signals() const { return header().signals; }
  [[nodiscard]] bool replaced() const;
  [[nodiscard]] bool has_guest() const;
  // Bytes of the data area, and of an entry in it.
  [[nodiscard]] std::uint64_t room() const { return bytes_ - kDataAt; }
  static std::uint64_t length_of(const Entry& entry);
  [[nodiscard]] std::uint64_t end() const { return load(header().end); }
  [[nodiscard]] std::uint64_t released() const { return load(header().released); }
  [[nodiscard]] std::uint64_t durable() const { return load(header().durable); }
  void set_durable(std::uint64_t until) { store(header().durable, until); }

  // Bytes that append() of an entry of `length` takes, a filler before it included.
  [[nodiscard]] std::uint64_t needed(std::uint64_t length) const;
  // The caller has seen to it that needed() bytes are free. One thread at a time.
  std::uint64_t append(const Entry& entry);
  void release(std::uint64_t until);
  // Everything before is done with, and `offset` may lie behind the end: the ring knew more.
  void skip_to(std::uint64_t offset);

  // The entry at `offset` < end(), a filler skipped, and the offset behind it.
  [[nodiscard]] std::optional<std::pair<Entry, std::uint64_t>> at(std::uint64_t offset) const;
  // Whether an entry begins at `offset`, or the next one will.
  [[nodiscard]] bool is_border(std::uint64_t offset) const;

 private:
  JournalFile(std::filesystem::path path, int fd, std::uint8_t* map, std::uint64_t bytes)
      : path_(std::move(path)), fd_(fd), map_(map), bytes_(bytes) {}
  // In one order for all: who is about to wait says so, and then looks whether it must.
  static std::uint64_t load(const std::uint64_t& at) {
    return std::atomic_ref(const_cast<std::uint64_t&>(at)).load();
  }
  static void store(std::uint64_t& at, std::uint64_t v) { std::atomic_ref(at).store(v); }

  static Result<std::unique_ptr<JournalFile>> map(const std::filesystem::path& path, int fd,
                                                  std::uint64_t bytes);
  static Result<std::unique_ptr<JournalFile>> create(const Options& options);
  // Null: there is none that can be gone on with.
  static Result<std::unique_ptr<JournalFile>> existing(const Options& options, int fd);
  void set_replaced();
  [[nodiscard]] FileHeader& header() const { return *reinterpret_cast<FileHeader*>(map_); }
  [[nodiscard]] std::uint8_t* place(std::uint64_t offset) const {
    return map_ + kDataAt + offset % room();
  }
  [[nodiscard]] bool header_good() const;
  void make_fresh(std::string_view boot);
  // Ends the journal before the first entry that fails its check.
  void recover();
  [[nodiscard]] EntryHead head_at(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t checksum_at(std::uint64_t offset, const EntryHead& head) const;

  std::filesystem::path path_;
  int fd_;
  std::uint8_t* map_;
  std::uint64_t bytes_;
};

}  // namespace tidemark::journal
