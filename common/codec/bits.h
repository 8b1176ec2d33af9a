// Bits within bytes, low first: for streams beside the tANS states. Private to this folder.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/bytes.h"

namespace tidemark::codec {

// The next 64 bits from bit `at` on, of which at least 57 count; bits past the end are zeros.
inline std::uint64_t peek_bits(ByteSpan bytes, std::size_t at) {
  const auto byte = at >> 3;
  std::uint64_t word = 0;
  if (byte + 8 <= bytes.size()) {
    std::memcpy(&word, bytes.data() + byte, 8);
  } else if (byte < bytes.size()) {
    std::memcpy(&word, bytes.data() + byte, bytes.size() - byte);
  }
  return word >> (at & 7);
}

constexpr std::uint64_t low_mask(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// 64 bytes that are 0 or 1, as bits, the first lowest.
inline std::uint64_t packed_flags(const std::uint8_t* flags) {
  std::uint64_t packed = 0;
  for (unsigned i = 0; i < 8; ++i) {
    std::uint64_t eight;
    std::memcpy(&eight, flags + 8 * i, sizeof eight);
    packed |= (eight * 0x0102040810204080U >> 56) << (8 * i);
  }
  return packed;
}

// The highest bits of 64 bytes, the first lowest.
inline std::uint64_t top_bits(const std::uint8_t* bytes) {
  constexpr std::uint64_t kTops = 0x8080808080808080U;
  std::uint64_t packed = 0;
  for (unsigned i = 0; i < 8; ++i) {
    std::uint64_t eight;
    std::memcpy(&eight, bytes + 8 * i, sizeof eight);
    packed |= (((eight & kTops) >> 7) * 0x0102040810204080U >> 56) << (8 * i);
  }
  return packed;
}

class BitReader {
 public:
  explicit BitReader(ByteSpan bytes) : bytes_(bytes) {}

  std::uint64_t get(unsigned bits) {  // 0 to 64
    if (bits > 57) {
      const auto low = get(32);
      return low | get(bits - 32) << 32;
    }
    const auto value = peek_bits(bytes_, at_) & low_mask(bits);
    at_ += bits;
    return value;
  }
  void skip(std::size_t bits) { at_ += bits; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t bytes() const { return (at_ + 7) / 8; }  // that were touched
  [[nodiscard]] ByteSpan all() const { return bytes_; }
  // Whether so many more bits can be read by 8-byte loads without a look at the end.
  [[nodiscard]] bool roomy(std::size_t bits) const {
    return (at_ + bits) / 8 + 8 <= bytes_.size();
  }

 private:
  ByteSpan bytes_;
  std::size_t at_ = 0;
};

class BitWriter {
 public:
  explicit BitWriter(ByteVector& out) : out_(out) {}

  void put(std::uint64_t value, unsigned bits) {  // 0 to 64; bits of value above are 0
    if (bits > 32) {
      put(value & 0xffffffffU, 32);
      put(value >> 32, bits - 32);
      return;
    }
    pending_ |= value << count_;
    count_ += bits;
    if (count_ >= 32) {
      const auto at = out_.size();
      out_.resize(at + 4);
      std::memcpy(out_.data() + at, &pending_, 4);
      pending_ >>= 32;
      count_ -= 32;
    }
  }
  void finish() {
    for (; count_ > 0; count_ -= count_ < 8 ? count_ : 8) {
      out_.push_back(static_cast<std::uint8_t>(pending_));
      pending_ >>= 8;
    }
  }

 private:
  ByteVector& out_;
  std::uint64_t pending_ = 0;
  unsigned count_ = 0;
};

}  // namespace tidemark::codec
