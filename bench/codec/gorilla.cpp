// Gorilla's value coder (Pelkonen et al., VLDB 2015, section 4.1.2), as a reference: the first
// value raw, then each XOR with the one before: '0' the same; '10' inside the last window of bits;
// '11' five bits of leading zeros, six of length, and the bits.
#include <bit>

#include "bench/codec/coder.h"

namespace tidemark::bench {
namespace {

class BitWriter {
 public:
  explicit BitWriter(ByteVector& out) : out_(out) { out_.clear(); }
  void put(std::uint64_t value, int count) {  // highest bit first
    for (int i = count - 1; i >= 0; --i) {
      if (free_ == 0) {
        out_.push_back(0);
        free_ = 8;
      }
      --free_;
      out_.back() = static_cast<std::uint8_t>(out_.back() | (value >> i & 1) << free_);
    }
  }

 private:
  ByteVector& out_;
  int free_ = 0;
};

class BitReader {
 public:
  explicit BitReader(ByteSpan in) : in_(in) {}
  std::uint64_t get(int count) {
    std::uint64_t value = 0;
    for (; count > 0; --count, ++at_) {
      const auto bit = at_ / 8 < in_.size() ? in_[at_ / 8] >> (7 - at_ % 8) & 1 : 0;
      value = value << 1 | static_cast<std::uint64_t>(bit);
    }
    return value;
  }
  [[nodiscard]] bool overrun() const { return at_ > in_.size() * 8; }

 private:
  ByteSpan in_;
  std::size_t at_ = 0;
};

constexpr int kLeadingMax = 31;

class Gorilla final : public Coder {
 public:
  Gorilla() : Coder("gorilla") {}
  void encode(const Batch& batch, ByteVector& out) override {
    BitWriter bits(out);
    std::uint64_t before = batch.bits[0];
    bits.put(before, 64);
    int leading = -1, length = 0;
    for (const auto value : batch.bits.subspan(1)) {
      const auto x = value ^ before;
      before = value;
      bits.put(x != 0, 1);
      if (x == 0) continue;
      const int zeros = std::min(kLeadingMax, std::countl_zero(x));
      const int tail = std::countr_zero(x);
      const bool inside = leading >= 0 && zeros >= leading && tail >= 64 - leading - length;
      bits.put(!inside, 1);
      if (!inside) {
        leading = zeros;
        length = 64 - zeros - tail;
        bits.put(static_cast<std::uint64_t>(leading), 5);
        bits.put(static_cast<std::uint64_t>(length - 1), 6);
      }
      bits.put(x >> (64 - leading - length), length);
    }
  }
  bool decode(ByteSpan bytes, const Batch& batch) override {
    decoded_.resize(batch.bits.size());
    auto& out = decoded_;
    BitReader bits(bytes);
    out[0] = bits.get(64);
    int leading = 0, length = 64;
    for (std::size_t i = 1; i < out.size(); ++i) {
      out[i] = out[i - 1];
      if (bits.get(1) == 0) continue;
      if (bits.get(1) != 0) {
        leading = static_cast<int>(bits.get(5));
        length = static_cast<int>(bits.get(6)) + 1;
      }
      if (leading + length > 64) return false;
      out[i] ^= bits.get(length) << (64 - leading - length);
    }
    return !bits.overrun();
  }
  std::size_t payload(ByteSpan bytes, const Batch&) override { return bytes.size(); }
};

}  // namespace

std::unique_ptr<Coder> gorilla_coder() { return std::make_unique<Gorilla>(); }

}  // namespace tidemark::bench
