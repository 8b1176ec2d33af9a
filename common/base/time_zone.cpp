#include "common/base/time_zone.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "common/base/disk.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::size_t kHeader = 44;
constexpr const char* kFolder = "/usr/share/zoneinfo";

Error bad(std::string_view name, std::string_view why) {
  return {Fault::bad_input, "time zone '" + std::string(name) + "': " + std::string(why)};
}

// TZif is big-endian.
std::int64_t number(ByteSpan bytes, std::size_t at, std::size_t size) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < size; ++i) v = v << 8 | bytes[at + i];
  const auto unused = static_cast<unsigned>(64 - 8 * size);
  return static_cast<std::int64_t>(v << unused) >> unused;
}

struct Counts {
  std::size_t isut, isstd, leaps, changes, types, letters;
  [[nodiscard]] std::size_t bytes(std::size_t time_size) const {
    return changes * (time_size + 1) + types * 6 + letters + leaps * (time_size + 4) + isstd + isut;
  }
};
std::optional<Counts> counts_at(ByteSpan file, std::size_t at) {
  if (file.size() < at + kHeader || as_text(file.subspan(at, 4)) != "TZif") return std::nullopt;
  std::array<std::size_t, 6> n{};
  for (std::size_t i = 0; i < n.size(); ++i) {
    n[i] = static_cast<std::size_t>(number(file, at + 20 + 4 * i, 4));
    if (n[i] > kFileBytesMax) return std::nullopt;
  }
  return Counts{n[0], n[1], n[2], n[3], n[4], n[5]};
}

// "+05:30", "-0800", "+01".
std::optional<std::int32_t> fixed_offset(std::string_view text) {
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  std::string digits(text.substr(1));
  std::erase(digits, ':');
  int v = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() == 2) v *= 100;
  if ((digits.size() != 2 && digits.size() != 4) || v / 100 > 14 || v % 100 > 59) {
    return std::nullopt;
  }
  const auto seconds = (v / 100) * 3600 + (v % 100) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
  TimeZone zone;
  zone.name_ = name;
  if (name == "UTC" || name == "Z") return zone;
  if (const auto offset = fixed_offset(name)) {
    zone.first_ = *offset;
    return zone;
  }
  const bool safe = !name.empty() && name.front() != '/' &&
                    name.find("..") == std::string_view::npos;
  if (!safe) return bad(name, "expected a name such as Europe/Berlin, +01:00, UTC or local");
  const auto path = name == "local" ? std::filesystem::path("/etc/localtime")
                                    : std::filesystem::path(kFolder) / name;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return bad(name, "it is not in the machine's database (" + path.string() +
                         "); is the package tzdata installed?");
  }
  TIDE_ASSIGN(const auto text, read_file(path, kFileBytesMax));
  return parse(as_bytes(text), std::string(name));
}

Result<TimeZone> TimeZone::parse(ByteSpan file, std::string name) {
  // Version 1 holds times of 32 bits; those of 64 follow it in a second part.
  auto counts = counts_at(file, 0);
  if (!counts) return bad(name, "its file is no TZif");
  std::size_t at = kHeader, time_size = 4;
  if (file[4] >= '2') {
    const auto second = kHeader + counts->bytes(4);
    counts = counts_at(file, second);
    if (!counts) return bad(name, "its file has no second part");
    at = second + kHeader;
    time_size = 8;
  }
  if (counts->types == 0 || file.size() - at < counts->bytes(time_size)) {
    return bad(name, "its file ends early");
  }
  const auto indexes = at + counts->changes * time_size;
  const auto types = indexes + counts->changes;
  const auto offset_of = [&](std::size_t type) {
    return static_cast<std::int32_t>(number(file, types + 6 * type, 4));
  };
  TimeZone zone;
  zone.name_ = std::move(name);
  zone.first_ = offset_of(0);
  for (std::size_t i = 0; i < counts->changes; ++i) {
    const std::size_t type = file[indexes + i];
    if (type >= counts->types) return bad(zone.name_, "its file names a type that it has not");
    zone.changes_.push_back({number(file, at + i * time_size, time_size), offset_of(type)});
  }
  return zone;
}

Nanoseconds TimeZone::offset_at(EventTime utc) const {
  const auto s = std::chrono::floor<std::chrono::seconds>(utc.time_since_epoch()).count();
  const auto after = std::upper_bound(changes_.begin(), changes_.end(), s,
                                      [](std::int64_t t, const Change& c) { return t < c.at; });
  return std::chrono::seconds(after == changes_.begin() ? first_ : std::prev(after)->offset);
}

EventTime TimeZone::to_utc(EventTime local) const {
  // Both offsets that can hold: the one before a change near it, and the one behind.
  constexpr auto kDay = std::chrono::hours(24);
  const auto before = offset_at(local - kDay), behind = offset_at(local + kDay);
  const auto first = local - before;
  if (offset_at(first) == before || before == behind) return first;
  const auto second = local - behind;
  return offset_at(second) == behind ? second : first;
}

bool names_zone(std::string_view time) {
  if (time.ends_with('Z') || time.ends_with('z')) return true;
  constexpr std::size_t kDate = 10;  // its minus signs are no offset
  return time.size() > kDate && time.find_first_of("+-", kDate) != std::string_view::npos;
}

}  // namespace tidemark
