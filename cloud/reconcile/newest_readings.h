// The newest readings of device-stamped series whose blocks come out of order: what may be a repeat
// is found here, without reading archived blocks again.
//
// Promise    of a series that is followed all readings that were ever counted in its range are
//            here, so that what is not here was not counted. Outside of it nothing is known.
// Bounds     kOfSeriesMax readings of a series, and room for kReadingsMax in all (16 MiB). Past
//            either the oldest go, those of series with more than half the mean first: what comes
//            takes the place of the oldest of its own series, where that is 3 of 5 at most,
//            else half of each goes; the range ends above them, and their repeats are looked for in
//            the archive again.
// Threads    one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/identities.h"

namespace tidemark::reconcile {

class NewestReadings {
 public:
  static constexpr std::size_t kOfSeriesMax = 16'384;  // 16 s of 1 kHz
  static constexpr std::size_t kReadingsMax = 1'048'576;

  struct Range {  // of time, half open
    std::int64_t from = 0, until = 0;
  };
  // Of one series.
  class Followed {
   public:
    [[nodiscard]] const Range& range() const { return range_; }
    // Marks those that were counted before: of identities by rising time, within the range.
    void mark(std::span<const Identity> rising, std::size_t first, std::size_t last,
              Marks& repeated) const;

   private:
    friend class NewestReadings;
    [[nodiscard]] std::span<const Identity> all() const { return std::span(held_).subspan(gone_); }
    // So many of these and the sorted `added` together; how many of `added` those are.
    std::size_t drop(std::size_t oldest, std::span<const Identity> added = {});
    void merge(std::span<const Identity> added);
    Range range_;
    std::vector<Identity> held_;  // sorted, from gone_ on
    std::size_t gone_ = 0;
  };

  // Null when the series is not followed.
  [[nodiscard]] Followed* find(std::uint32_t series);
  // From now on, and anew if it was: no reading in the range was counted before.
  Followed& follow(std::uint32_t series, Range range);
  // These are counted now, by rising time, but for those marked; `repeated` may be empty. What lies
  // at `latest` or later is set aside, and from there on nothing is known.
  void add(Followed& series, std::span<const Identity> rising, const Marks& repeated,
           std::int64_t latest);
  // Room for so many readings is taken.
  [[nodiscard]] std::size_t room() const { return room_; }

 private:
  // What comes takes the place of what the series has.
  [[nodiscard]] bool is_full(const Followed& series, std::size_t wanted) const;
  void make_room();

  std::unordered_map<std::uint32_t, Followed> series_;
  std::size_t room_ = 0;
  std::vector<Identity> added_;
};

}  // namespace tidemark::reconcile
