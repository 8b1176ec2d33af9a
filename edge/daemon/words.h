// Words of the configuration and what they stand for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidemark::edge {

template <typename Enum>
struct Word {
  std::string_view word;
  Enum value;
};

// An unknown word is the first: the schema lets none through.
template <typename Enum, std::size_t N>
Enum value_of(const std::string& word, const Word<Enum> (&words)[N]) {
  for (const auto& w : words) {
    if (w.word == word) return w.value;
  }
  return words[0].value;
}

}  // namespace tidemark::edge
