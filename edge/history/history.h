// The last days at the machine itself: results of windows and events, for people without a
// link. Copies of what travels or of what is derived from it; nothing here is counted in the
// ledger.
//
// Lazily     rows wait in memory and are committed every `commit_interval`, or when kWaitingMax /
//            2 wait, on a thread of its own: the pipeline never waits for the flash. commit() does
//            it at once, so that a command sees all. A power cut takes what was not committed, and
//            what the system had not written yet; the file stays whole.
// Gaps       an end of the agent, by whatever, takes the windows that were under way and what was
//            not committed: each start writes down from when until when that may be (Reader::gaps).
// Bounds     rows older than `keep` by the clock at which they were stored, and the oldest
//            sixteenth of windows (then events) whenever the file would pass 15/16 of `size`. More
//            than kWaitingMax waiting rows: the oldest go, counted in dropped.
// Clock      one that jumps ahead in a run is believed after kBelievedAfter, and until then time
//            passes as before: `keep` must not delete all because it was wrong for a moment.
// Wear       windows write at most `budget` a day, spent evenly with an hour's worth in hand; what
//            is beyond it is not stored, counted in dropped. Events always are.
// Again      a row of the same series, start and end replaces the earlier one, except that a
//            window that a start of the agent cut short never replaces a fuller one.
// Threads    any.
// Files      history.db (SQLite) in the agent's data folder; FORMAT.md. A damaged or newer one is
//            kept aside and begun anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"

namespace tidemark::history {

struct Options {
  std::filesystem::path folder;
  Bytes size{64 << 20};
  Nanoseconds keep = std::chrono::hours(24 * 7);
  Nanoseconds commit_interval = std::chrono::minutes(1);
  Bytes budget{1 << 30};  // most that windows may write a day, about
};

struct Window {
  std::string series;  // full name, or that of a group
  std::string unit;
  std::string type;    // tumbling, hopping, sliding, session, count
  std::int64_t start = 0, end = 0;  // ns
  std::uint64_t revision = 0;
  std::uint64_t readings = 0;
  bool withdrawn = false;  // delete it: another window has its readings
  bool cut = false;
  bool approximate = false;
  std::string values;  // JSON object
};

struct Event {
  std::uint64_t id = 0;  // from next_event() on, rising; none is given again, see FORMAT.md
  std::string series;
  std::string unit;
  std::string cause;      // range, rate, stuck, spike, hihi, hi, lo, lolo
  std::string detector;   // as configured: "spike, 64 samples, 5 sigmas"
  std::string text;       // for people
  EventTime time{};
  double value = 0, expected = 0, score = 0;
  bool context = false;   // the raw readings around it were sent
  // No event of its own: it ends those of its series and cause that are open, of `expected` (the
  // level of a limit) or of an earlier start.
  bool clears = false;
};

// A limit that an earlier start left standing.
struct Standing {
  std::uint64_t id = 0;
  std::string series, cause;
  double level = 0;
};

struct Usage {
  Bytes bytes, size;          // in use, at most
  std::uint64_t windows = 0, events = 0;  // stored since this start
  Bytes written;              // to the flash since this start, log and checkpoints
  std::uint64_t commits = 0;
  std::uint64_t dropped = 0;  // rows beyond the budget, or that found no room to wait
  std::string error;          // of the last commit; empty when it worked
};

class History {
 public:
  static constexpr std::size_t kWaitingMax = 16'384;
  static constexpr Nanoseconds kBelievedAfter = std::chrono::hours(24);

  // Fault as of sqlite::Database, but for a file that is kept aside.
  static Result<std::unique_ptr<History>> open(const Options& options, const Clock& clock);
  virtual ~History() = default;  // commits

  virtual void add(Window window) = 0;
  virtual void add(Event event) = 0;
  virtual Result<> commit() = 0;  // returns when all that was added before is in the file
  [[nodiscard]] virtual std::uint64_t next_event() const = 0;  // id, as of open()
  // As of open(), oldest first: nobody has said yet that they are over.
  [[nodiscard]] virtual const std::vector<Standing>& standing() const = 0;
  [[nodiscard]] virtual Usage usage() const = 0;
};

}  // namespace tidemark::history
