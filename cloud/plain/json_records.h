// Plain JSON readings: an object a reading, or an array of such objects.
//
//   {"series": "press-07/line1/power", "time": "2026-11-21T02:00:00Z", "value": 4802.5}
//   {"device": "sensor-3", "metric": "temperature", "time": 1763690400000, "value": 21.5}
//   {"device": "dev-0042", "ts": 1763690400000, "v": 21.37}    with time = "ts", value = "v"
//
// Names      `series`: its last level is the metric, those before it are the device. Else `device`
//            and `metric`; where a record names no metric, it is that of its value's key.
// Values     numbers (the nearest double), true and false, texts. Times as an edge reads them: a
//            number in the unit of JsonFields, exactly, or text in ISO 8601.
// Bounds     kRecordBytesMax a record, kTextBytesMax a text; names as in Dictionary. What is beyond
//            them, or no reading, is refused by name; other keys are passed over.
// Threads    one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/plain/plain_reading.h"
#include "common/base/bytes.h"
#include "common/base/number_text.h"
#include "common/base/result.h"

namespace tidemark::plain {

// The keys of an object.
struct JsonFields {
  std::string series = "series";
  std::string device = "device";
  std::string metric = "metric";
  std::string time = "time";
  std::string value = "value";
  TimeUnit time_unit = TimeUnit::automatic;
};

class JsonRecords {
 public:
  static constexpr std::size_t kRecordBytesMax = 1 << 20;
  static constexpr std::size_t kTextBytesMax = 1024;

  explicit JsonRecords(JsonFields fields);
  ~JsonRecords();
  JsonRecords(const JsonRecords&) = delete;
  JsonRecords& operator=(const JsonRecords&) = delete;

  // Fault::bad_input where none of it can be used, and why.
  Result<> parse(ByteSpan record);
  // Of the last record; their texts live as long as it does, and until the next one.
  [[nodiscard]] const std::vector<PlainReading>& readings() const;
  // Elements of the last record that cannot be used, beside those that can, and why the first
  // cannot.
  [[nodiscard]] std::size_t refused() const;
  [[nodiscard]] const std::string& why() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::plain
