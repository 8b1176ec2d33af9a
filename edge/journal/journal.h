// The intake journal: what sources heard, between their threads and the pipeline.
//
// Promise    an entry that append() took survives the death of this process (kill -9): it lies in a
//            shared memory mapping, and a restarted agent goes on from the position that its last
//            flush in the ring names. It does not survive a power cut: for that there is the ring.
//            Keep the file on tmpfs (/run): nothing of it wears flash.
// Order      entries are read in the order they were appended.
// When full  append() waits for the pipeline (back-pressure: the broker keeps messages, polls get
//            late and are counted), until stop() or the timeout.
// Threads    append() from any thread of any process, the reading side from one thread of one
//            process, the agent. A guest (the broker's plug-in) only appends: it may open the file
//            before the agent does, and a kill -9 of either leaves the other one undisturbed.
// Files      one file of Options::capacity; format in FORMAT.md. A damaged tail ends the recovery
//            there. A file of another boot is replaced: what a power cut left of it on a real disk
//            cannot be told from what it was before, and its steady times mean nothing now.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"

namespace tidemark::journal {

// Bytes ever appended to this journal file, up to the end of an entry. `journal` is drawn at random
// when the file is made, so that a position in a lost journal is never taken for one in the next.
struct Position {
  std::uint64_t journal = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

struct Entry {
  std::uint32_t source = 0;   // index in the configuration's list of sources: see kind
  std::uint16_t kind = 0;     // what the payload is; the sources module defines it
  EventTime arrived = {};     // wall clock at arrival
  std::int64_t steady = 0;    // steady clock at arrival, ns: times within one boot
  ByteSpan topic;             // MQTT topic; empty otherwise
  ByteSpan payload;
  std::uint32_t mark = 0;     // a number of the source's: an MQTT packet id
};

// This boot of the machine: TIDEMARK_BOOT_ID (a service that does not see /proc/sys gets it from
// systemd), else from the kernel. Empty where neither says.
std::string boot_id();

struct Options {
  std::filesystem::path file;
  Bytes capacity{4 << 20};
  bool guest = false;  // appends only, beside the agent
  std::string boot = boot_id();  // of this boot of the machine; empty: unknown, any boot's is taken
};

class Journal {
 public:
  // Opens or creates. A file of another boot or with a damaged header is replaced (a new journal
  // id), and that is logged; one of another capacity too, once it is empty and has no guest.
  // Fault::unsupported: a newer version wrote it; unavailable: another agent has it open;
  // bad_input: a capacity below 64 KiB.
  static Result<std::unique_ptr<Journal>> open(const Options& options);
  virtual ~Journal() = default;

  // Fault::bad_input when it alone is larger than half the journal, which no waiting mends; full
  // after `patience` without room; unavailable after stop(), or when a process that holds the lock
  // does not go on. The entry is visible to next() and safe from kill -9 on return.
  virtual Result<Position> append(const Entry& entry, std::chrono::milliseconds patience) = 0;

  // Reading starts at `from`: the position the ring names. When that is not in this journal, at the
  // oldest entry that was never released. Called once, before next().
  virtual void start_at(Position from) = 0;
  // The next entry and the position after it; waits up to `wait`, and once it had to wait for one,
  // some milliseconds more for others to gather. The spans live until release().
  virtual std::optional<std::pair<Entry, Position>> next(std::chrono::milliseconds wait) = 0;
  // What lies before `until` may be overwritten.
  virtual void release(Position until) = 0;

  // Blocks until the ring has made `position` durable (durable sources wait here before they let
  // the client acknowledge). False after stop() or the timeout.
  virtual bool wait_durable(Position position, std::chrono::milliseconds patience) = 0;
  virtual void durable(Position position) = 0;
  // Somebody waits there: the sooner the next flush, the better.
  [[nodiscard]] virtual bool durable_awaited() const { return false; }

  virtual void stop() = 0;  // wakes everybody
  [[nodiscard]] virtual Bytes used() const = 0;
  [[nodiscard]] virtual Position end() const = 0;
  // Some guest has this journal open.
  [[nodiscard]] virtual bool has_guest() const { return false; }
  // A guest's question: another file has taken this one's place, open that one.
  [[nodiscard]] virtual bool replaced() const { return false; }
};

}  // namespace tidemark::journal
