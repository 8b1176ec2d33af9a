// The plant's own record of what it published and answered: what tests compare answers with. Lines
// of fields between tabs; README.md says which. A line is in the file before its message leaves.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::plant {

class PlantLog {
 public:
  static Result<> create(const std::string& path, PlantLog& log);
  ~PlantLog();
  PlantLog() = default;
  PlantLog(const PlantLog&) = delete;
  PlantLog& operator=(const PlantLog&) = delete;

  // Whole lines; any thread. Ends the program when the disk refuses: an oracle with holes is none.
  void write(std::string_view lines);

 private:
  std::mutex mutex_;
  int fd_ = -1;
};

// One reading as a line. `value` is "f" and a double that reads back exactly, or "d", a mantissa,
// "e" and an exponent of ten. event_ns 0: the edge stamps it. address -1: not from a register.
std::string reading_line(std::uint64_t serial, std::string_view series, std::int64_t event_ns,
                         std::string_view value, bool good, int address = -1);
std::string exact_double(double value);
std::string exact_decimal(std::int64_t mantissa, int exponent);

std::int64_t wall_ns();

}  // namespace tidemark::plant
