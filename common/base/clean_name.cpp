#include "common/base/clean_name.h"

namespace tidemark {

std::string clean_name(std::string_view text) {
  std::string name(text);
  for (auto& c : name) {
    constexpr std::string_view kSpecial = "/*?\"\\{}[],'`\x7f";
    if (static_cast<unsigned char>(c) <= ' ' || kSpecial.find(c) != std::string_view::npos) c = '_';
  }
  return name;
}

}  // namespace tidemark
