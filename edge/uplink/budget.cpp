#include "edge/uplink/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "common/base/disk.h"

namespace tidemark::uplink {
namespace {

constexpr Nanoseconds kDay = std::chrono::hours(24);
constexpr Nanoseconds kAhead = std::chrono::hours(1);
constexpr std::uint64_t kUrgentParts = 10;  // one of them is for alarms and seals
constexpr std::uint64_t kNoteParts = 64;
constexpr double kSealShare = 0.02;
constexpr Nanoseconds kSealsApartMax = std::chrono::minutes(5);
constexpr std::uint64_t kNoteBytesMax = 64;

std::int64_t day_of(EventTime t) { return count_ns(floor_to(t, kDay)) / kDay.count(); }

std::uint64_t above(std::uint64_t limit, std::uint64_t used) {
  return limit > used ? limit - used : 0;
}

}  // namespace

void Budget::spend(EventTime now, std::uint64_t bytes) {
  if (!limited()) return;
  const auto today = day_of(now);
  if (today != day_) spent_ = 0;
  day_ = today;
  spent_ += bytes;
}

Bytes Budget::spent(EventTime now) const { return {day_of(now) == day_ ? spent_ : 0}; }

Room Budget::room(EventTime now, std::uint64_t waiting) const {
  constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
  if (!limited()) return {kAll, kAll, kAll};
  const auto used = spent(now).count + waiting;
  const auto ordinary = a_day_ - a_day_ / kUrgentParts;
  const auto brought = [&](Nanoseconds of_day) {
    const auto part = static_cast<double>(of_day.count()) / static_cast<double>(kDay.count());
    return static_cast<std::uint64_t>(static_cast<double>(ordinary) * std::min(part, 1.0));
  };
  const auto elapsed = now - floor_to(now, kDay);
  const auto left = above(ordinary, used);
  return {above(a_day_, used), used < brought(elapsed + kAhead) ? left : 0,
          used < brought(elapsed) ? left : 0};
}

Nanoseconds Budget::between_seals(std::size_t seal_bytes) const {
  if (!limited()) return {};
  const auto a_second = kSealShare * static_cast<double>(a_day_) / 86'400;
  const auto wait = std::chrono::duration<double>(static_cast<double>(seal_bytes) / a_second);
  if (wait >= kSealsApartMax) return kSealsApartMax;
  return std::chrono::duration_cast<Nanoseconds>(wait);
}

bool Budget::note_due() const {
  return limited() && (noted_.day != day_ || spent_ > noted_.spent);
}

Budget::Note Budget::take_note() {
  noted_ = {day_, spent_ + a_day_ / kNoteParts};
  return noted_;
}

Result<Budget::Note> load_note(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return Budget::Note{};
  TIDE_ASSIGN(const auto text, read_file(file, kNoteBytesMax));
  long long day = 0;
  unsigned long long spent = 0;
  if (std::sscanf(text.c_str(), "day %lld spent %llu", &day, &spent) != 2) {
    return Error{Fault::corrupt, file.string() + ": expected 'day N spent N'"};
  }
  return Budget::Note{day, spent};
}

Result<> save_note(const std::filesystem::path& file, const Budget::Note& note) {
  return write_file(file, fmt::format("day {} spent {}\n", note.day, note.spent));
}

}  // namespace tidemark::uplink
