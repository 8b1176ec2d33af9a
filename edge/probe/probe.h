// Does a device follow a profile? And if not, which function, which address base and which byte
// order are its own? Found by plausible ranges, and refused where they leave more than one answer:
// the usual tools print 9.2e23 V and go on.
//
// Reads only, through whatever `read` speaks to. No clock, no file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "edge/modbus/sunspec.h"
#include "edge/profile/profile.h"

namespace tidemark::probe {

struct Variant {
  bool other_function = false;  // 4 for 3 and 3 for 4
  int shift = 0;                // added to every address
  profile::ByteOrder order = profile::ByteOrder::abcd;
  friend bool operator==(const Variant&, const Variant&) = default;
};

// What was read under one variant. Points that are 0 in all registers, or not available, tell
// nothing.
struct Judged {
  Variant variant;
  std::size_t telling = 0;              // points that could be judged
  std::size_t plausible = 0;            // of them
  std::vector<std::string> refused;     // points whose registers the device does not have
  std::vector<std::string> against;     // "frequency 3.1 Hz is outside 45…65"
  std::optional<std::string> probe_point;  // "231.2 V", of the profile's own probe point
  [[nodiscard]] bool holds() const { return telling > 0 && against.empty(); }
};

enum class Verdict : std::uint8_t {
  follows,      // the profile as it is, and no other byte order
  differs,      // exactly one other variant
  undecidable,  // none, or more than one, or nothing but zeros
  no_answer,    // silence, or the connection broke
  refused,      // the device answers with exceptions only
};

struct Outcome {
  Verdict verdict = Verdict::undecidable;
  Variant found;               // of follows and differs
  std::vector<Judged> judged;  // the profile's own first, then what came closest
  std::string reason;          // a sentence for people
};

// At most kPointsMax points are read, those with a range.
inline constexpr std::size_t kPointsMax = 64;
Outcome probe(const profile::Profile& profile, std::uint8_t unit,
              const modbus::ReadRegisters& read);

std::string describe(const profile::Profile& profile, const Variant& variant);

}  // namespace tidemark::probe
