// Worked examples in FORMAT.md: fenced blocks named ```hex NAME, bytes in hex, comments after '#'.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "common/base/bytes.h"

namespace tidemark::test {

inline ByteVector format_example(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  ByteVector out;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "```hex " + name) {
      inside = true;
    } else if (inside && line == "```") {
      break;
    } else if (inside) {
      std::istringstream words(line.substr(0, line.find('#')));
      for (std::string byte; words >> byte;) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(byte, nullptr, 16)));
      }
    }
  }
  return out;
}

}  // namespace tidemark::test
