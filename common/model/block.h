// The logical content of a block: readings of many series in columns that share their times, and
// partials of windows that the edge computed. common/codec turns it into bytes and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/series.h"

namespace tidemark {

// Good readings enter the aggregates; others are counted apart and keep their reason.
enum class Quality : std::uint8_t {
  good = 0,
  uncertain = 1,      // a filter marked it (stuck, spike, rate of change); enters aggregates
  bad_range = 2,      // outside the plausible range of its profile or rule
  bad_sentinel = 3,   // the device says "not available"
  bad_device = 4,     // the device says it is faulty
  bad_type = 5,       // the payload held another type than the series has
};
constexpr bool is_bad(Quality q) { return q >= Quality::bad_range; }
constexpr Quality kQualityLast = Quality::bad_type;

// One series over the times of its group. Exactly one of the value vectors is used, by `type`:
// f64 -> f64; i64 and boolean (0, 1) -> i64; text -> text. It has one entry for each row of the
// group in which the series is present.
struct Column {
  std::uint32_t series = 0;  // index into the concatenation of the block's dictionaries
  ValueType type = ValueType::f64;
  std::vector<double> f64;
  std::vector<std::int64_t> i64;
  std::vector<std::string> text;
  std::vector<bool> present;      // by row; empty: present in every row
  std::vector<Quality> quality;   // by value; empty: all good

  [[nodiscard]] std::size_t values() const {
    return type == ValueType::f64 ? f64.size() : type == ValueType::text ? text.size() : i64.size();
  }
  [[nodiscard]] Quality quality_of(std::size_t value) const {
    return quality.empty() ? Quality::good : quality[value];
  }
  friend bool operator==(const Column&, const Column&) = default;
};

// Columns that share one time column: one Modbus poll, one kind of MQTT object.
struct Group {
  bool copy = false;  // context of an anomaly: shown, never counted (semantics C11)
  std::vector<std::int64_t> times;  // event time, ns; in order of arrival, need not rise
  std::vector<Column> columns;
  friend bool operator==(const Group&, const Group&) = default;
};

// What the edge knows of one window of one series: cumulative within this incarnation, a higher
// revision replaces a lower one. `state` is a window::Partial in its own encoding.
struct PartialRow {
  std::uint32_t series = 0;
  std::int64_t start = 0;  // ns, a multiple of size
  std::int64_t size = 0;   // ns
  std::uint64_t revision = 0;
  std::uint64_t readings = 0;  // that it adds to revision - 1: this row's share of `taken`
  bool copy = false;           // the raw readings travel too, or the window hops
  ByteVector state;
  friend bool operator==(const PartialRow&, const PartialRow&) = default;
};

struct Block {
  std::vector<DictionaryHash> dictionaries;
  std::vector<Group> groups;
  std::vector<PartialRow> partials;
  friend bool operator==(const Block&, const Block&) = default;
};

// Readings that this block carries (semantics C11): values of groups and partials that are no copy.
std::uint64_t readings_carried(const Block& block);

}  // namespace tidemark
