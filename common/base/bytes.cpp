#include "common/base/bytes.h"

namespace tidemark {

std::string to_hex(ByteSpan b) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(b.size() * 2);
  for (const auto v : b) {
    out += kDigits[v >> 4];
    out += kDigits[v & 15];
  }
  return out;
}

}  // namespace tidemark
