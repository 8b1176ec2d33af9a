// What a poll leaves in the journal: FORMAT.md.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::modbus {

inline constexpr std::uint16_t kPollKind = 1;  // journal::Entry::kind

struct ReadRange {
  std::uint8_t function = 3;
  std::uint16_t address = 0;
  std::uint16_t model = 0;  // of SunSpec, then `address` counts from its first register; 0: none
  std::vector<std::uint16_t> registers;
  friend bool operator==(const ReadRange&, const ReadRange&) = default;
};

struct PollEntry {
  static constexpr std::uint64_t kCountMax = 100'000;

  std::string poll_class;
  std::uint64_t count = 1;
  bool good = false;
  std::string reason;
  Nanoseconds ago{};     // from when it was due (the first of `count`) to the entry's arrival
  Nanoseconds period{};  // between them; 0 when there is one
  std::vector<ReadRange> ranges;

  void encode(ByteWriter& out) const;
  // Fault::bad_input for bytes that are not a poll, unsupported for a newer version.
  static Result<PollEntry> decode(ByteSpan bytes);
  // The same in the storage of an earlier one.
  static Result<> decode(ByteSpan bytes, PollEntry& into);
  friend bool operator==(const PollEntry&, const PollEntry&) = default;
};

}  // namespace tidemark::modbus
