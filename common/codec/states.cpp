// What is not a number: booleans, text, presence, quality.
#include <algorithm>
#include <map>

#include "common/codec/column_coding.h"

namespace tidemark::codec {
namespace {

enum BooleanMethod : std::uint8_t { kAllFalse = 0, kAllTrue = 1, kBits = 2, kIntegers = 3 };
enum TextMethod : std::uint8_t { kPlain = 0, kDictionary = 1 };
constexpr std::size_t kDictionaryMax = 256;  // an index is one byte

// Least significant bit first; the bits after the last are 0.
template <typename IsSet>
void write_bits(std::size_t count, IsSet is_set, ByteWriter& out) {
  std::uint8_t byte = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_set(i)) byte = static_cast<std::uint8_t>(byte | 1U << (i % 8));
    if (i % 8 == 7 || i + 1 == count) {
      out.u8(byte);
      byte = 0;
    }
  }
}

template <typename Set>
void read_bits(ByteReader& in, std::size_t count, Set set) {
  const auto bytes = in.raw((count + 7) / 8);
  if (!in.ok()) return;
  for (std::size_t i = 0; i < count; ++i) {
    if ((bytes[i / 8] >> (i % 8) & 1) != 0) set(i);
  }
  if (count % 8 != 0 && bytes.back() >> (count % 8) != 0) in.fail();
}

}  // namespace

void write_booleans(std::span<const std::int64_t> values, ByteWriter& out) {
  if (values.empty()) return;
  const auto all = [&](auto test) { return std::all_of(values.begin(), values.end(), test); };
  if (all([](auto v) { return v == 0; })) return out.u8(kAllFalse);
  if (all([](auto v) { return v == 1; })) return out.u8(kAllTrue);
  if (!all([](auto v) { return v == 0 || v == 1; })) {
    out.u8(kIntegers);
    return write_integers(values, out);
  }
  out.u8(kBits);
  write_bits(values.size(), [&](std::size_t i) { return values[i] != 0; }, out);
}

std::vector<std::int64_t> read_booleans(ByteReader& in, std::size_t count) {
  if (count == 0) return {};
  const auto method = in.u8();
  if (method == kIntegers) return read_integers(in, count);
  if (method > kBits || (method == kBits && in.left() < (count + 7) / 8)) {
    in.fail();
    return {};
  }
  std::vector<std::int64_t> values(count, method == kAllTrue ? 1 : 0);
  if (method == kBits) read_bits(in, count, [&](std::size_t i) { values[i] = 1; });
  return values;
}

void write_texts(std::span<const std::string> values, ByteWriter& out) {
  if (values.empty()) return;
  std::map<std::string_view, std::uint8_t> known;
  std::vector<std::string_view> entries;
  std::size_t plain = 0, entry_bytes = 0;
  bool fits = true;
  for (const auto& v : values) {
    plain += v.size() + 1;
    if (!fits || known.contains(v)) continue;
    fits = entries.size() < kDictionaryMax;
    if (!fits) continue;
    known.emplace(v, static_cast<std::uint8_t>(entries.size()));
    entries.push_back(v);
    entry_bytes += v.size() + 1;
  }
  if (!fits || entry_bytes + values.size() + 1 > plain) {
    out.u8(kPlain);
    for (const auto& v : values) out.text(v);
    return;
  }
  out.u8(kDictionary);
  out.varint(entries.size());
  for (const auto e : entries) out.text(e);
  if (entries.size() == 1) return;
  for (const auto& v : values) out.u8(known.at(v));
}

std::vector<std::string> read_texts(ByteReader& in, std::size_t count, std::size_t& bytes_left) {
  if (count == 0) return {};
  std::vector<std::string> values;
  const auto add = [&](std::string_view v) {
    if (v.size() > bytes_left) return in.fail();
    bytes_left -= v.size();
    values.emplace_back(v);
  };
  const auto method = in.u8();
  if (method == kPlain && in.left() >= count) {
    values.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) add(in.text());
    return values;
  }
  const auto n = method == kDictionary ? in.length() : 0;
  if (n == 0 || n > kDictionaryMax) {
    in.fail();
    return {};
  }
  std::vector<std::string_view> entries(n);
  for (auto& e : entries) e = in.text();
  const auto indices = n == 1 ? ByteSpan{} : in.raw(count);
  values.reserve(in.ok() ? count : 0);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::size_t index = n == 1 ? 0 : indices[i];
    if (index >= n) in.fail();
    if (in.ok()) add(entries[index]);
  }
  return values;
}

void write_presence(const std::vector<bool>& present, ByteWriter& out) {
  write_bits(present.size(), [&](std::size_t i) { return present[i]; }, out);
}

std::vector<bool> read_presence(ByteReader& in, std::size_t rows) {
  if (in.left() < (rows + 7) / 8) {
    in.fail();
    return {};
  }
  std::vector<bool> present(rows);
  read_bits(in, rows, [&](std::size_t i) { present[i] = true; });
  return present;
}

// Runs: a quality lasts, or is an exception among good ones.
void write_qualities(std::span<const Quality> qualities, ByteWriter& out) {
  for (std::size_t i = 0; i < qualities.size();) {
    auto end = i + 1;
    while (end < qualities.size() && qualities[end] == qualities[i]) ++end;
    out.u8(static_cast<std::uint8_t>(qualities[i]));
    out.varint(end - i);
    i = end;
  }
}

std::vector<Quality> read_qualities(ByteReader& in, std::size_t count) {
  std::vector<Quality> qualities;
  qualities.reserve(count);
  while (qualities.size() < count) {
    const auto quality = in.u8();
    const auto run = in.varint();
    if (!in.ok() || quality > static_cast<std::uint8_t>(kQualityLast) || run == 0 ||
        run > count - qualities.size()) {
      in.fail();
      return {};
    }
    qualities.insert(qualities.end(), static_cast<std::size_t>(run),
                     static_cast<Quality>(quality));
  }
  return qualities;
}

}  // namespace tidemark::codec
