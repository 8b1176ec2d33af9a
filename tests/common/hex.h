// Hex as people write it in documents and golden files: digits, blanks, # comments.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace tidemark {

inline ByteVector from_hex(std::string_view text) {
  ByteVector bytes;
  int high = -1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
    const auto digit = std::string_view("0123456789abcdef").find(text[i]);
    if (digit == std::string_view::npos) continue;
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  return bytes;
}

// The bytes of the block fenced by "```hex name" in a document.
inline ByteVector fenced_hex(std::string_view document, std::string_view name) {
  const auto fence = "```" + std::string(name) + "\n";
  const auto begin = document.find(fence);
  if (begin == std::string_view::npos) return {};
  const auto body = document.substr(begin + fence.size());
  return from_hex(body.substr(0, body.find("```")));
}

}  // namespace tidemark
