// What sources heard while nobody knew the time (semantics D13): entries of the intake journal as
// they came, undecoded, with the steady time of their boot, until they can be stamped, once.
//
// Promise    what sync() covered survives a power cut. Entries of a boot come back in order, and
//            the pipeline notes how far it took them in, under the number of the seal that counts
//            them, so that a crash neither loses nor repeats one.
// Boots      this boot's entries are taken in as soon as the time is known. A boot that ended
//            before that is held: counted as quarantined ("time unknown"), and kept for a person
//            who knows when it was.
// When full  held boots that are counted go, the oldest first (logged; their count stands); then
//            append() says Fault::full, the journal fills and sources wait.
// Threads    append, sync, and all that takes in: the pipeline's. boots() and release() from any.
// Files      untimed/BOOT.entries and BOOT.note in the agent's data folder; FORMAT.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "edge/journal/journal.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::untimed {

struct Options {
  std::filesystem::path folder;  // "untimed" is made in it
  std::string boot;              // this one
  Bytes size{64 << 20};          // of all boots together
};

// One entry, whole. `source` by its name: numbers are of one start.
struct Entry {
  std::string source;
  journal::Entry entry;  // spans into `bytes`
  ByteVector bytes;
};

struct Boot {
  std::string boot;
  bool current = false;
  bool counted = false;           // held: its readings are in the ledger as quarantined
  std::optional<EventTime> ended;  // somebody said when its last entry came: to be taken in
  std::uint64_t entries = 0;
  Bytes bytes;
  std::int64_t first = 0;         // steady, ns
  std::int64_t last = 0;
};

// How far a boot was taken in: up to `done`, and up to `offset` if that seal made it to the ring.
struct Note {
  std::uint64_t done = 0;
  std::uint64_t offset = 0;
  Incarnation incarnation;
  std::uint64_t seal = 0;  // 0: none
};

class Untimed {
 public:
  // Settles what earlier starts noted, by what the ring says of them. A damaged tail of a file ends
  // it there.
  static Result<std::unique_ptr<Untimed>> open(const Options& options, Disk& disk,
                                               const ring::Recovered& ring);
  virtual ~Untimed() = default;

  // Fault::full: see above; nothing was taken. `after`: the position behind it in the journal.
  virtual Result<> append(const journal::Entry& entry, const std::string& source,
                          journal::Position after) = 0;
  virtual Result<> sync() = 0;
  // The journal up to here is in this boot's file and synced.
  [[nodiscard]] virtual std::optional<journal::Position> read_through() const = 0;

  // The next entry to be taken in or counted: of this boot, of one that was released, or (held) of
  // one that is to be counted. Nothing: all is done, for now.
  struct Next {
    std::string boot;
    bool held = false;
    // Event time = steady + base; nothing: this boot's, by its clock.
    std::optional<Nanoseconds> base;
    Entry entry;
  };
  virtual Result<std::optional<Next>> next() = 0;
  // Before the flush that holds all that next() gave out: that seal will say so.
  virtual Result<> note(Incarnation incarnation, std::uint64_t seal) = 0;
  // That flush is durable: what is finished goes.
  virtual void noted() = 0;
  // Given out, and not noted yet.
  [[nodiscard]] virtual bool under_way() const = 0;

  [[nodiscard]] virtual std::vector<Boot> boots() const = 0;
  // A held boot's last entry came at this time. Fault::bad_input for an unknown one.
  virtual Result<> release(const std::string& boot, EventTime ended) = 0;
};

}  // namespace tidemark::untimed
