// What a command reads of history.db, whether or not the agent runs; and acknowledgements and
// shelves, which are what commands write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/history/history.h"

namespace tidemark::history {

struct Selection {
  std::string glob = "**";  // over full names (series_match)
  EventTime from = kEventTimeMin;
  EventTime to = kEventTimeMax;
  std::size_t limit = 100;  // the newest so many
};

struct StoredEvent {
  Event event;
  std::optional<EventTime> cleared, acked;
  std::string acked_by, note;
  // Events of this series and cause are put aside until then.
  std::optional<EventTime> shelved;
  std::string shelved_by;
};

// The agent ended between two commits: a window that was not over `from`, or had not been stored by
// then, is missing, or cut where it went on after `to`. What is forwarded is in the ring.
struct Gap {
  EventTime from{};  // the last commit before
  EventTime to{};    // the start that followed
};

inline constexpr Nanoseconds kShelfMax = std::chrono::hours(24 * 7);

class Reader {
 public:
  // Fault::bad_input when there is no history in this folder.
  static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& folder);
  virtual ~Reader() = default;

  virtual Result<std::vector<std::string>> series() = 0;
  // By start within a series, series by name; start in [from, to).
  virtual Result<std::vector<Window>> windows(const Selection& selection) = 0;
  // From the first start to the last end of a window of series that match; nothing: none is kept.
  struct Span {
    EventTime from{}, to{};
  };
  virtual Result<std::optional<Span>> span(const std::string& glob) = 0;
  // Oldest first; those that meet [from, to) of the selection, its newest `limit`.
  virtual Result<std::vector<Gap>> gaps(const Selection& selection) = 0;
  // Newest first; `open` ones only: nobody has acknowledged them, whether cleared or not.
  virtual Result<std::vector<StoredEvent>> events(const Selection& selection, bool open) = 0;
  virtual Result<std::optional<StoredEvent>> event(std::uint64_t id) = 0;
};

// Fault::bad_input when there is no such event; an earlier acknowledgement stays, `by` and the note
// are replaced.
Result<> acknowledge(const std::filesystem::path& folder, std::uint64_t id, const std::string& by,
                     const std::string& note, EventTime now);
// Puts events of the same series and cause aside until `until`; before `now`: takes them back.
// They are recorded and published all the same. Fault::bad_input when there is no such event, or
// for longer than kShelfMax.
Result<> shelve(const std::filesystem::path& folder, std::uint64_t id, EventTime until,
                const std::string& by, const std::string& note, EventTime now);

}  // namespace tidemark::history
