// What uplink.budget leaves for the link: bytes of one UTC day, both directions, TLS included. Not
// counted: TCP and IP, some 3 % more, and handshakes that fail.
//
// Order      the last tenth of a day's bytes is for alarms, seals and what keeps the connection.
//            Of the rest live blocks may take what the day has brought so far and one hour more,
//            the backlog only what it has brought: an outage does not eat the evening.
// When spent nothing but pings is sent until midnight UTC; blocks wait in the ring, which evicts
//            its oldest when it is full (in the ledger). One block may pass its part of the hour,
//            none its part of the day.
// Restart    spending is noted in a file ahead of it, in parts of 1/64: a crash gives up at most
//            such a part and spends no byte twice. Another day than the noted one begins anew,
//            also when the clock was set.
// Threads    one. Plain logic, but for the two functions below.
#pragma once

#include <cstdint>
#include <filesystem>

#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"

namespace tidemark::uplink {

// Bytes that may be sent now, by what is to be sent.
struct Room {
  std::uint64_t alarm = 0;  // and seals
  std::uint64_t live = 0;
  std::uint64_t backlog = 0;
};

class Budget {
 public:
  static constexpr Bytes kDayMin{2 << 20};  // a block of the largest size fits its ordinary part

  struct Note {
    std::int64_t day = 0;  // since 1970
    std::uint64_t spent = 0;
  };
  // 0: unlimited.
  explicit Budget(Bytes a_day, Note noted)
      : a_day_(a_day.count), day_(noted.day), spent_(noted.spent), noted_(noted) {}

  [[nodiscard]] bool limited() const { return a_day_ > 0; }
  void spend(EventTime now, std::uint64_t bytes);

  // Beside `waiting` bytes that are on their way already.
  [[nodiscard]] Room room(EventTime now, std::uint64_t waiting) const;
  // The time between seals of this size that leaves them 2 % of the budget (semantics B9).
  [[nodiscard]] Nanoseconds between_seals(std::size_t seal_bytes) const;

  [[nodiscard]] Bytes a_day() const { return {a_day_}; }
  [[nodiscard]] Bytes spent(EventTime now) const;

  // True when more was spent than is noted: then take_note() is to be saved.
  [[nodiscard]] bool note_due() const;
  Note take_note();

 private:
  std::uint64_t a_day_;
  std::int64_t day_;
  std::uint64_t spent_;
  Note noted_;
};

// Fault::corrupt: not such a file; a missing one is a note of nothing.
Result<Budget::Note> load_note(const std::filesystem::path& file);
Result<> save_note(const std::filesystem::path& file, const Budget::Note& note);

}  // namespace tidemark::uplink
