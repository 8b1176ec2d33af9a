// What editors check a file against while it is written.
#pragma once

#include <memory>
#include <string>

#include "common/config/section.h"

namespace tidemark::config {

// The JSON Schema (draft 7) of what describe() reads: an object of all keys, none beside them.
// Rules that join several keys are not in it.
std::unique_ptr<Section> json_schema_section(std::string& out);
template <typename T>
std::string json_schema() {
  std::string out;
  T value{};
  describe(*json_schema_section(out), value);
  return out;
}

}  // namespace tidemark::config
