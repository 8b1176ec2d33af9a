// Times of a place to UTC and back, from the machine's time zone database (TZif files, RFC 8536).
//
// Twice      in autumn an hour comes twice: to_utc() takes the first. In spring one is left out:
//            there it goes on with the offset before.
// Bound      what the file lists; Debian's go to 2037. Later times have the last offset.
// Threads    const after find(): any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark {

class TimeZone {
 public:
  // "Europe/Berlin", "UTC", "+05:30", or "local" for the zone of this machine. Fault::bad_input for
  // a name that the database does not have.
  static Result<TimeZone> find(std::string_view name);
  // A TZif file. Fault::bad_input when it is none.
  static Result<TimeZone> parse(ByteSpan file, std::string name);

  [[nodiscard]] Nanoseconds offset_at(EventTime utc) const;  // local - UTC
  // `local` is what a clock on the wall says, counted as if it were UTC.
  [[nodiscard]] EventTime to_utc(EventTime local) const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Change {
    std::int64_t at = 0;      // UTC seconds
    std::int32_t offset = 0;  // seconds from then on
  };
  std::string name_;
  std::int32_t first_ = 0;  // offset before the first change
  std::vector<Change> changes_;
};

// Whether an ISO 8601 time says its zone: Z or an offset.
bool names_zone(std::string_view time);

}  // namespace tidemark
