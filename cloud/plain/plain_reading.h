// One reading as who has no edge sends it.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/time.h"
#include "common/model/series.h"

namespace tidemark::plain {

struct PlainReading {
  // As they were sent; `device` is empty where the metric alone names the series. Together they
  // are one series, however they become names.
  std::string_view device;
  std::string_view metric;
  EventTime time{};
  ValueType type = ValueType::f64;  // f64, boolean or text
  double f64 = 0;
  bool boolean = false;
  std::string_view text;
};

}  // namespace tidemark::plain
