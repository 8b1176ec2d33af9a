// What a series is, and the dictionaries that say it once instead of in every block.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/strong.h"

namespace tidemark {

// How a value is held. A decimal channel is an i64 mantissa with SeriesDescription::exponent, so
// that 231.2 V of a meter with 0.1 V steps is 2312 from the register to the answer and its sums are
// exact; a plain integer is the same with exponent 0.
enum class ValueType : std::uint8_t { f64 = 0, i64 = 1, boolean = 2, text = 3 };

enum class SeriesKind : std::uint8_t { gauge = 0, counter = 1, state = 2 };

struct SeriesDescription {
  std::string source;  // whose progress seals speak of: the [[source.*]] name
  std::string device;  // middle level of the name; the source's name when a source is one device
  std::string metric;
  std::string poll_class;  // "fast", "normal", "slow"; empty where there is no schedule
  std::string unit;        // UCUM; empty when unknown
  SeriesKind kind = SeriesKind::gauge;
  ValueType type = ValueType::f64;
  std::int8_t exponent = 0;     // i64 only: value = mantissa * 10^exponent, in [-18, 18]
  bool device_stamped = false;  // its times come from the device, so a reading sent twice is known
  // Thinned (semantics C12): readings within this of the last one sent may be left out, in the unit
  // of the values. Nothing: all are sent.
  std::optional<double> deadband;
  std::map<std::string, std::string> labels;

  // "device/metric"; the full name puts the edge before it.
  [[nodiscard]] std::string local_name() const { return device + "/" + metric; }
  friend bool operator==(const SeriesDescription&, const SeriesDescription&) = default;
};

using DictionaryHash = Strong<struct DictionaryHashTag>;  // XXH3 of the encoded bytes

// An immutable list of descriptions, known by the hash of its bytes. New series go into a new
// dictionary; a block names those it uses, and its columns index into their concatenation.
//
// Bounds: kSeriesMax descriptions, names of kNameBytesMax bytes, kLabelsMax labels a series. The
// edge starts a further dictionary at the first; longer names and more labels are refused when the
// configuration is read or the message decoded.
class Dictionary {
 public:
  static constexpr std::size_t kSeriesMax = 1024;
  static constexpr std::size_t kNameBytesMax = 256;
  static constexpr std::size_t kLabelsMax = 32;

  explicit Dictionary(std::vector<SeriesDescription> series);
  // Fault::bad_input for bytes that are not a dictionary or pass a bound.
  static Result<Dictionary> decode(ByteSpan bytes);

  [[nodiscard]] DictionaryHash hash() const { return hash_; }
  [[nodiscard]] const std::vector<SeriesDescription>& series() const { return series_; }
  [[nodiscard]] const ByteVector& bytes() const { return bytes_; }  // format: FORMAT.md

 private:
  std::vector<SeriesDescription> series_;
  ByteVector bytes_;
  DictionaryHash hash_;
};
using DictionaryPtr = std::shared_ptr<const Dictionary>;

// m * 10^exponent as the nearest double (exact decimal to binary, ties to even).
double decimal_to_double(std::int64_t mantissa, int exponent);

}  // namespace tidemark
