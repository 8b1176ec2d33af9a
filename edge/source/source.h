// What the pipeline knows of a source, whatever its protocol: a thread that appends to the journal
// what it heard, and a decoder that turns an entry into readings.
//
// The split is what makes a crash harmless: a source's thread keeps no state that an entry does not
// hold, and decoding runs on the pipeline's thread, from the journal, again after a restart.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/block.h"
#include "common/model/series.h"
#include "edge/journal/journal.h"
#include "edge/source/owners.h"

namespace tidemark::source {

// Every series that this start has seen, by a handle that is dense from 0 and never reused.
//
// Bound: kSeriesMax; intern() says Fault::full beyond it and the reading is quarantined with that
// reason, so that a topic with a counter in its name cannot eat the device's memory. Those of the
// agent itself come beside it: one a source.
class SeriesTable {
 public:
  static constexpr std::size_t kSeriesMax = Owners::kMax;
  // A series that ever had a reading with a time of its own is device_stamped from then on.
  // A series that is known takes over unit, kind and labels: after a reload they may be others. Its
  // poll class stays, since its counts are in that one's line; device_stamped, once said, stays.
  // A name belongs to one way: the cloud and the local history know a series by its name.
  // Fault::denied for another. What owners() says of it may change when its version does.
  // Fault::bad_input for a name that cannot be one, or is the agent's own.
  Result<std::uint32_t> intern(const SeriesDescription& description, std::string_view topic = {},
                               std::string_view path = {});
  // A series of the agent itself (common/model/events.h). No way leads to it: it is in no owners(),
  // survives every reload, and neither a way nor the bound denies it. Known by source and name.
  std::uint32_t own(const SeriesDescription& description);
  [[nodiscard]] Owners& owners() { return owners_; }
  [[nodiscard]] const Owners& owners() const { return owners_; }
  [[nodiscard]] const SeriesDescription& at(std::uint32_t handle) const { return series_[handle]; }
  [[nodiscard]] std::size_t size() const { return series_.size(); }
  // Rises whenever the description changes.
  [[nodiscard]] std::uint32_t version(std::uint32_t handle) const { return versions_[handle]; }

 private:
  std::uint32_t add(const SeriesDescription& description, std::string key);

  std::vector<SeriesDescription> series_;
  std::vector<std::uint32_t> versions_;  // by handle
  std::size_t own_ = 0;                  // of them are the agent's
  std::map<std::string, std::uint32_t, std::less<>> by_name_;  // source, device/metric and type
  Owners owners_;
};

// One entry, decoded. Column::series holds handles of the SeriesTable.
struct Decoded {
  // Empties it. The storage of small groups is kept for add_group(): entries of one source look
  // alike, and a poll of a thousand registers has as many columns of one value.
  void clear();
  // A group of so many columns, all empty.
  Group& add_group(std::size_t columns);

  // Times are the device's; a row that has none says kArrival and is stamped with the entry's
  // arrival by the pipeline. A series may have rows of both kinds.
  static constexpr std::int64_t kArrival = std::numeric_limits<std::int64_t>::min();
  std::vector<Group> groups;
  // A Modbus poll, or a message that a schedule expects: counted as due, and as good when it was.
  struct Expected {
    std::string poll_class;
    bool good = false;
    Nanoseconds ago{};  // due so long before the entry arrived
  };
  std::vector<Expected> expected;
  // What of the entry could not be used, for the quarantine; the rest is in groups all the same.
  struct Rejected {
    std::string reason;          // what, why, what to do next: for people
    std::uint64_t readings = 0;  // that could be counted; 0 for a payload nobody can read
  };
  std::vector<Rejected> rejected;
  std::string poll_class;  // of a failed poll, or empty
  // Groups from here on hold what a device had kept while nobody listened: readings of other times,
  // in no order with those that come as they are measured. They are no word about now.
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  std::size_t historical_from = kNone;
  // Groups from here on, behind all others, are of devices that have gone: stamped on arrival,
  // which says nothing of the clock that the others keep.
  std::size_t away_from = kNone;

 private:
  static constexpr std::size_t kSparesMax = 16;
  static constexpr std::size_t kSpareCellsMax = 16'384;  // rows times columns
  std::vector<Group> spares_;
  std::size_t next_spare_ = 0;  // the one to be replaced when there are kSparesMax
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Never fails as a whole: what cannot be used is in out.rejected. Pipeline thread only.
  virtual void decode(const journal::Entry& entry, SeriesTable& series, Decoded& out) = 0;
  // Whether what comes that way is still this series', as the source is configured.
  [[nodiscard]] virtual bool leads(const Way& way, std::string_view series) const = 0;
  // What the device sent, of an entry: for people who look at what was refused.
  [[nodiscard]] virtual ByteSpan sent(const journal::Entry& entry) const { return entry.payload; }
};

// A schedule that goes on while nobody is there to keep it: for the coverage of an edge while off.
struct Schedule {
  std::string poll_class;
  Nanoseconds period{};
};

// A device that is away by its own word.
struct Away {
  std::string device;
  std::string reason;
  EventTime since{};
};

struct Status {
  std::string name;
  std::string protocol;  // "mqtt", "modbus"
  std::string state;     // "ok", "connecting", "failing", "stopped"
  std::string error;     // the last one, with what to do; with ok: a note
  std::uint64_t heard = 0;       // messages or polls
  std::uint64_t failed = 0;
  std::uint64_t late = 0;        // polls that started more than a period late
  std::map<std::string, std::uint64_t> refused = {};  // answers that could not be used, by why
  std::vector<Away> away = {};
};

class Source {
 public:
  virtual ~Source() = default;
  // Starts its threads; reaches out from then on. Retries for ever with backoff and jitter. After
  // stop() it may be started again.
  virtual Result<> start() = 0;
  virtual void stop() = 0;  // returns when its threads have ended
  [[nodiscard]] virtual Status status() const = 0;  // any thread
  [[nodiscard]] virtual Decoder& decoder() = 0;
  [[nodiscard]] virtual std::vector<Schedule> schedules() const = 0;
  [[nodiscard]] virtual bool device_stamped() const = 0;
  // How late a device-stamped reading may be and still come before its seal; 0 for edge-stamped.
  [[nodiscard]] virtual Nanoseconds lateness() const = 0;
};

}  // namespace tidemark::source
