#include "cloud/plain/flat_record.h"

#include <bit>
#include <cstring>

namespace tidemark::plain {
namespace {

constexpr std::uint64_t kEach = 0x0101010101010101;  // times a byte: that in all eight
constexpr std::uint64_t kHigh = 0x80 * kEach;

// The high bit of bytes that are 0, and of some behind the first of them.
constexpr std::uint64_t zeros(std::uint64_t bytes) { return (bytes - kEach) & ~bytes & kHigh; }

// Likewise of bytes that no text has as they are, or that have to be looked at: its end, an escape,
// a control character, UTF-8.
constexpr std::uint64_t stops(std::uint64_t bytes) {
  const auto controls = (bytes - 0x20 * kEach) & ~bytes & kHigh;
  return zeros(bytes ^ '"' * kEach) | zeros(bytes ^ '\\' * kEach) | controls | (bytes & kHigh);
}

constexpr bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

}  // namespace

class FlatRecord::Text {
 public:
  explicit Text(std::string_view all) : at_(all.data()), end_(all.data() + all.size()) {}

  [[nodiscard]] std::string_view left() const {
    return {at_, static_cast<std::size_t>(end_ - at_)};
  }
  [[nodiscard]] bool done() const { return at_ == end_; }
  [[nodiscard]] bool begins(char c) const { return at_ != end_ && *at_ == c; }
  bool take(char c) {
    if (!begins(c)) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (left().size() < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  // In quotes.
  bool take_text(std::string_view& text) {
    if (!take('"')) return false;
    const auto* begin = at_;
    find_stop();
    text = {begin, static_cast<std::size_t>(at_ - begin)};
    return take('"');
  }
  bool take_number(PlainNumber& number) {
    const auto scanned = PlainNumber::scan(left());
    if (!scanned) return false;
    number = *scanned;
    at_ += number.size;
    return true;
  }

 private:
  void find_stop() {
    while (end_ - at_ >= 8) {
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, at_, sizeof bytes);
      if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
      if (const auto found = stops(bytes); found != 0) {
        at_ += std::countr_zero(found) / 8;
        return;
      }
      at_ += 8;
    }
    while (at_ != end_ && is_plain(*at_)) ++at_;
  }

  const char* at_;
  const char* end_;
};

FlatRecord::FlatRecord(const JsonFields& fields) : fields_(fields) {}

bool FlatRecord::read(std::string_view record, PlainReading& to) {
  to = {};
  seen_ = 0;
  Text in(record);
  in.skip_space();
  if (!in.take('{')) return false;
  for (std::size_t i = 0; i < kKeysMax; ++i) {
    in.skip_space();
    Field field{};
    if (!key(i, in, field)) return false;
    in.skip_space();
    if (!in.take(':')) return false;
    in.skip_space();
    if (!take(field, in, to)) return false;
    in.skip_space();
    if (in.take(',')) continue;
    if (!in.take('}')) return false;
    in.skip_space();
    return in.done() && finish(to);
  }
  return false;
}

bool FlatRecord::key(std::size_t i, Text& in, Field& field) {
  if (i < keys_.size() && in.take(keys_[i].quoted)) {
    field = keys_[i].field;
    return true;
  }
  const auto* begin = in.left().data();
  std::string_view name;
  if (!in.take_text(name) || name.size() + 2 > kKeyBytesMax) return false;
  if (i >= keys_.size()) keys_.resize(i + 1);
  field = field_of(name);
  keys_[i].quoted.assign(begin, name.size() + 2);
  keys_[i].field = field;
  return true;
}

FlatRecord::Field FlatRecord::field_of(std::string_view key) const {
  if (key == fields_.value) return Field::value;
  if (key == fields_.time) return Field::time;
  if (key == fields_.device) return Field::device;
  if (key == fields_.metric) return Field::metric;
  return key == fields_.series ? Field::series : Field::other;
}

bool FlatRecord::take(Field field, Text& in, PlainReading& to) {
  if (field != Field::other) {
    const auto bit = 1U << static_cast<unsigned>(field);
    if ((seen_ & bit) != 0) return false;
    seen_ |= bit;
  }
  const auto take_name = [&](std::string_view& name) {
    return in.take_text(name) && !name.empty() && name.size() <= Dictionary::kNameBytesMax;
  };
  std::string_view text;
  PlainNumber number;
  switch (field) {
    case Field::device: return take_name(to.device);
    case Field::metric: return take_name(to.metric);
    case Field::series: return take_name(series_);
    case Field::time: return take_time(in, to);
    case Field::value:
      if (in.take_number(number)) {
        const auto value = number.to_double();
        to.f64 = value.value_or(0);
        return value.has_value();
      }
      if (in.begins('"')) {
        to.type = ValueType::text;
        return in.take_text(to.text) && to.text.size() <= JsonRecords::kTextBytesMax;
      }
      to.type = ValueType::boolean;
      to.boolean = in.take("true");
      return to.boolean || in.take("false");
    case Field::other: break;
  }
  return in.begins('"') ? in.take_text(text)
                        : in.take_number(number) || in.take("true") || in.take("false") ||
                              in.take("null");
}

bool FlatRecord::take_time(Text& in, PlainReading& to) const {
  if (PlainNumber number; in.take_number(number)) {
    const auto time = number.to_time(fields_.time_unit);
    if (time) to.time = *time;
    return time && is_within_time(*time);
  }
  std::string_view text;
  if (!in.take_text(text)) return false;
  const auto time = parse_time_text(text, fields_.time_unit);
  if (time) to.time = *time;
  return time && is_within_time(*time);
}

bool FlatRecord::finish(PlainReading& to) const {
  const auto has = [&](Field field) { return (seen_ >> static_cast<unsigned>(field) & 1U) != 0; };
  if (!has(Field::value) || !has(Field::time)) return false;
  if (has(Field::series)) to.name_by(series_);
  if (!to.metric.empty()) return true;
  to.metric = fields_.value;
  return !to.device.empty();
}

}  // namespace tidemark::plain
