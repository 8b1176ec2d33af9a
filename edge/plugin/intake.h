// What the broker's plug-in does with a message, without the broker: into the agent's journal.
//
// Promise    when take() returns well, no crash of the broker or of the agent loses the message;
//            with `durable` no power cut does either. It runs before the broker's PUBACK.
// When full  take() waits for the agent, at most `wait`; after that it refuses at once, until there
//            is room again, so that an agent that is away does not hold up every client's messages.
//            Whoever is refused keeps its message: the broker closes its connection. With `durable`
//            an agent that syncs nothing within 10 s holds one message so long; further ones are
//            refused before they are appended, or every repetition would be one more, until it has.
// Threads    one, the broker's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "edge/journal/journal.h"

namespace tidemark::plugin {

struct Options {
  std::filesystem::path journal = "/run/tidemark/intake.journal";
  Bytes capacity{4 << 20};  // where the plug-in makes the file: before the agent's first start
  Bytes payload_max{256 * 1024};  // of a larger message the beginning is kept, for the quarantine
  std::chrono::milliseconds wait{1000};
  bool durable = false;
};

class Intake {
 public:
  // Opens or makes the journal. Faults as journal::Journal::open.
  static Result<std::unique_ptr<Intake>> open(const Options& options, const Clock& clock);

  // Of a message larger than payload_max, or than half the journal, the beginning is taken, and the
  // agent counts it as rejected. Fault::full: no room; bad_input: already its topic is too long for
  // this journal; unavailable: the journal cannot be opened, or was not synced in time.
  Result<> take(std::string_view topic, ByteSpan payload);

 private:
  Intake(Options options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}
  Result<> reopen(SteadyTime now);
  // Whether a message may be appended now; once a second, whether the journal is still the one.
  Result<> look(SteadyTime now);
  Result<journal::Position> append(const journal::Entry& entry);

  const Options options_;
  const Clock& clock_;
  std::unique_ptr<journal::Journal> journal_;
  SteadyTime looked_{};       // whether the journal is still the one with this name
  std::int64_t steady_ = 0;   // of the last entry
  bool full_ = false;
  std::optional<journal::Position> unsynced_;  // waited for in vain: nothing is taken before it is
  ByteVector buffer_;
};

}  // namespace tidemark::plugin
