// Records as nearly all are: one flat object of texts without escapes, plain numbers, true and
// false, read in one pass. Of anything else it says nothing, neither that it is wrong nor what it
// means: that is the parser's (json_records.h), which gives the same readings.
//
// Keys       are compared with those of the record before, place by place: who sends many writes
//            them in one order. Others are looked up.
// Bounds     32 keys of 62 bytes; of more, the parser's.
// Threads    one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/plain/json_records.h"

namespace tidemark::plain {

class FlatRecord {
 public:
  // `fields` stay the caller's, who keeps them longer.
  explicit FlatRecord(const JsonFields& fields);

  // False: ask the parser; `to` is then not for use. Its texts are those of the record, or live as
  // long as this.
  bool read(std::string_view record, PlainReading& to);

 private:
  static constexpr std::size_t kKeysMax = 32;
  static constexpr std::size_t kKeyBytesMax = 64;  // in quotes
  enum class Field : std::uint8_t { value, time, device, metric, series, other };
  struct Key {
    std::string quoted;
    Field field = Field::other;
  };
  class Text;  // what is left of a record

  // The next one, which is the `i`th.
  bool key(std::size_t i, Text& in, Field& field);
  bool take(Field field, Text& in, PlainReading& to);
  bool take_time(Text& in, PlainReading& to) const;
  [[nodiscard]] Field field_of(std::string_view key) const;
  bool finish(PlainReading& to) const;

  const JsonFields& fields_;
  std::vector<Key> keys_;       // of the record before, and of longer ones
  unsigned seen_ = 0;           // fields of this one, a bit each
  std::string_view series_;     // of this one
};

}  // namespace tidemark::plain
