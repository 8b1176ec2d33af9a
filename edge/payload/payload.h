// What a payload says, before anybody knows which series it belongs to: records, each with its own
// time, of leaves, each one value or an array of samples. Parsers fill it, the decoder reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/number_text.h"
#include "common/base/time.h"
#include "common/model/block.h"

namespace tidemark::payload {

struct Value {
  enum class Kind : std::uint8_t { number, boolean, text, unusable };
  Kind kind = Kind::unusable;
  bool boolean = false;
  bool integer = false;      // of a number: its format has integers, and this is one
  double number = 0;         // of a number: the nearest double
  std::string_view text;     // of a number: as it was written; of an unusable one: what is there
  std::size_t at = 0;        // byte offset in the payload
};

struct Leaf {
  std::uint32_t record = 0;
  std::uint32_t path_begin = 0, path_size = 0;  // in Payload::paths, without "$."; empty: the root
  std::uint32_t first = 0, count = 0;           // in Payload::values
  bool array = false;
};

struct Record {
  std::int32_t parent = -1;  // the record that holds the array this one is an element of
  std::uint32_t place = 0;   // in that array
  std::optional<EventTime> time;
  std::optional<Nanoseconds> interval;
  std::string fault;         // its time cannot be read: none of its readings can be used
  std::vector<std::pair<std::string, std::string>> labels = {};  // of all its series
};

// A part of a payload that cannot be used, beside those that can.
struct RefusedPart {
  std::string reason;
  std::uint64_t readings = 0;
};

class MessageShape;

struct Payload {
  // Of one message: each value brings its whole path, so that one long key above many values would
  // be copied as often.
  static constexpr std::size_t kPathBytesMax = 4 << 20;

  const MessageShape* shape = nullptr;  // that filled it; only values and the time are its own then
  std::string paths;
  std::vector<Value> values;
  std::vector<Leaf> leaves;
  std::vector<Record> records;
  std::vector<RefusedPart> refused;
  Nanoseconds interval{};  // of records that say none; 0: they have none. clear() keeps it
  void clear();
  // Of values [first, first + count). False: the paths would be more than kPathBytesMax.
  [[nodiscard]] bool add_leaf(std::size_t record, std::string_view path, std::size_t first,
                              std::size_t count = 1, bool array = false);
  [[nodiscard]] std::string_view path(const Leaf& leaf) const {
    return std::string_view(paths).substr(leaf.path_begin, leaf.path_size);
  }
  [[nodiscard]] Nanoseconds interval_of(const Record& record) const;
  // Its own, or its parent's, plus the interval times its place.
  [[nodiscard]] std::optional<EventTime> time_of(const Record& record) const;
  [[nodiscard]] const std::string& fault_of(const Record& record) const;
};

// Which keys are the time and the interval of a record.
struct TimeKeys {
  std::string time_path;  // canonical; empty: the usual names
  TimeUnit time_unit = TimeUnit::automatic;
  std::string interval_path;
  TimeUnit interval_unit = TimeUnit::automatic;
  std::shared_ptr<const TimeZone> zone = nullptr;  // of texts that name none; null: UTC
};

// What a value says: a time by TimeKeys, a length above 0. Fault::bad_input says why not.
Result<EventTime> time_in(const Value& value, const TimeKeys& keys);
Result<Nanoseconds> interval_in(const Value& value, TimeUnit unit);

// Whether a key of this name is the interval of its record without being said.
bool is_interval_name(std::string_view name);
// Whether a key of this name is the time of its record without being said.
bool is_time_name(std::string_view name);
// Whether it is that when its value can be a time, and a reading otherwise.
bool may_be_time(std::string_view name);

// "$.a.b[0]" to "a.b[0]". Fault::bad_input when it is no path.
Result<std::string> canonical_path(std::string_view path);
// Whether a path is one that a pattern means, both canonical: '*' is any text within a name, '?'
// one character of it, "[*]" an index. `stood_for` gets what each of them was.
bool path_fits(std::string_view pattern, std::string_view path,
               std::vector<std::string_view>& stood_for);

// One parser's memory, reused; reads at most kDepthMax levels and kValuesMax values of a message,
// with Payload::kPathBytesMax of paths.
class JsonParser {
 public:
  static constexpr int kDepthMax = 16;
  static constexpr std::size_t kValuesMax = 131'072;

  JsonParser();
  ~JsonParser();
  JsonParser(const JsonParser&) = delete;
  JsonParser& operator=(const JsonParser&) = delete;

  // Fills `out`, whose texts live until the next call. Malformed JSON is Fault::bad_input with the
  // byte offset, and out is not to be used; values that are no JSON values are Kind::unusable.
  Result<> parse(ByteSpan payload, const TimeKeys& keys, Payload& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Some programs begin every text with one, which is no part of it.
constexpr ByteSpan without_byte_order_mark(ByteSpan text) {
  const bool marked = text.size() >= 3 && text[0] == 0xef && text[1] == 0xbb && text[2] == 0xbf;
  return text.subspan(marked ? 3 : 0);
}

// A packed array of samples, FORMAT.md: numbers straight into columns.
struct PackedSamples {
  EventTime start{};
  Nanoseconds interval{};
  std::uint32_t samples = 0;
  std::uint16_t channels = 0;
  ValueType type = ValueType::f64;  // or i64 with the exponent
  std::int8_t exponent = 0;
  std::vector<std::vector<double>> f64;        // by channel
  std::vector<std::vector<std::int64_t>> i64;
};
bool is_packed(ByteSpan payload);
Result<PackedSamples> parse_packed(ByteSpan payload);

}  // namespace tidemark::payload
