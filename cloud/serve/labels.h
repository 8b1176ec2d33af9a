// Labels at rest. Private to the folder.
#pragma once

#include <map>
#include <string>

#include "common/base/bytes.h"

namespace tidemark::serve {

inline ByteVector encode_labels(const std::map<std::string, std::string>& labels) {
  ByteVector bytes;
  ByteWriter out(bytes);
  for (const auto& [name, value] : labels) {
    out.text(name);
    out.text(value);
  }
  return bytes;
}

inline std::map<std::string, std::string> decode_labels(ByteSpan bytes) {
  std::map<std::string, std::string> labels;
  ByteReader in(bytes);
  while (in.ok() && !in.done()) {
    std::string name(in.text());
    labels[std::move(name)] = std::string(in.text());
  }
  return labels;
}

}  // namespace tidemark::serve
