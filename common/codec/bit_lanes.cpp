#include "common/codec/bit_lanes.h"

#include <array>
#include <cstring>
#include <utility>

namespace tidemark::codec {
namespace {

constexpr unsigned kLanes = 4, kSteps = kLaneNumbers / kLanes;
typedef std::uint32_t Lanes __attribute__((vector_size(16)));

inline Lanes load(const void* from, unsigned index) {
  Lanes v;
  std::memcpy(&v, static_cast<const std::uint8_t*>(from) + index * sizeof v, sizeof v);
  return v;
}
inline void store(void* to, unsigned index, Lanes v) {
  std::memcpy(static_cast<std::uint8_t*>(to) + index * sizeof v, &v, sizeof v);
}

template <unsigned kWidth>
void pack(const std::uint32_t* numbers, std::uint8_t* packed) {
  Lanes word{};
  unsigned used = 0, at = 0;
#pragma GCC unroll 32
  for (unsigned i = 0; i < kSteps; ++i) {
    const Lanes v = load(numbers, i);
    word |= v << used;
    used += kWidth;
    if (used < 32) continue;
    store(packed, at++, word);
    used -= 32;
    word = used == 0 ? Lanes{} : v >> (kWidth - used);
  }
}

template <unsigned kWidth>
void unpack(const std::uint8_t* packed, std::uint32_t* numbers) {
  if constexpr (kWidth == 0) {
    std::memset(numbers, 0, kLaneNumbers * sizeof *numbers);
  } else {
    constexpr std::uint32_t kMask = kWidth == 32 ? ~0U : (1U << (kWidth % 32)) - 1;
    Lanes word = load(packed, 0);
    unsigned used = 0, at = 0;
#pragma GCC unroll 32
    for (unsigned i = 0; i < kSteps; ++i) {
      Lanes v = word >> used;
      used += kWidth;
      if (used >= 32) {
        used -= 32;
        if (i + 1 < kSteps) word = load(packed, ++at);
        if (used != 0) v |= word << (kWidth - used);
      }
      store(numbers, i, v & kMask);
    }
  }
}

template <unsigned... kWidths>
constexpr auto packers(std::integer_sequence<unsigned, kWidths...>) {
  return std::array{pack<kWidths>...};
}
template <unsigned... kWidths>
constexpr auto unpackers(std::integer_sequence<unsigned, kWidths...>) {
  return std::array{unpack<kWidths>...};
}
using Widths = std::make_integer_sequence<unsigned, kLaneWidthMax + 1>;
constexpr auto kPackers = packers(Widths{});
constexpr auto kUnpackers = unpackers(Widths{});

}  // namespace

void pack_lanes(unsigned width, const std::uint32_t* numbers, std::uint8_t* packed) {
  if (width != 0) kPackers[width](numbers, packed);
}
void unpack_lanes(unsigned width, const std::uint8_t* packed, std::uint32_t* numbers) {
  kUnpackers[width](packed, numbers);
}

}  // namespace tidemark::codec
