// Words for people and patterns for series: nearest names, globs, sizes, JSON strings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong.h"

namespace tidemark {

// "1 message", "2 messages": of nouns that take an s.
std::string counted(std::uint64_t n, std::string_view noun);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// `*` stays within one level (between slashes), `**` crosses levels, `?` is one character.
bool glob_match(std::string_view pattern, std::string_view text);
// A pattern over full series names edge/device/metric: one with fewer levels than the name matches
// its last ones, so that "line1/power" means that series of any edge.
bool series_match(std::string_view pattern, std::string_view full_name);
// Every name that `other` matches is matched by `pattern` (series_match) too. False also where that
// would take both patterns to be unfolded, as "**/a" over "*/a".
bool series_covers(std::string_view pattern, std::string_view other);

// The candidate within two edits (Damerau-Levenshtein) of `word`, or empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
// The same for a pattern of series_match that matches none of the names: "line1/power_totl" gives
// "line1/power_total", "*/power_totl" gives "*/power_total".
std::string nearest_series(std::string_view pattern, std::span<const std::string> names);

Result<Bytes> parse_bytes(std::string_view text);  // "2 GiB" "64KiB" "100 kB" "512"
std::string format_bytes(Bytes bytes);             // "1.5 MiB"

// For terminals: control characters as \x1b and the like, so that what a device sent moves no
// cursor.
std::string printable(std::string_view text);

// Nothing else is a name, or shown.
bool is_utf8(std::string_view text);
// RFC 8259 string with quotes; invalid UTF-8 becomes U+FFFD.
std::string json_quote(std::string_view text);
// The shortest decimal that reads back to the same double; JSON null for what JSON cannot say.
std::string json_number(double v);

}  // namespace tidemark
