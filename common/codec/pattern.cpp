#include "common/codec/pattern.h"

#include <array>
#include <vector>

namespace tidemark::codec {
namespace {

constexpr unsigned kSymbolBits = 4;
constexpr unsigned kProbabilityBits = 15;
constexpr std::uint32_t kTop = 1U << 24;

// The probability of a 0, which learns fast at first.
struct Bit {
  std::uint16_t zero = 1U << (kProbabilityBits - 1);
  std::uint8_t seen = 0;

  void learn(bool one) {
    constexpr std::uint32_t kOne = 1U << kProbabilityBits;
    const auto rate = seen < 30 ? seen + 2U : 32U;
    const auto target = one ? 32U : kOne - 32U;
    zero = static_cast<std::uint16_t>(static_cast<std::int32_t>(zero) +
                                      (static_cast<std::int32_t>(target) - zero) /
                                          static_cast<std::int32_t>(rate));
    if (seen < 30) ++seen;
  }
};

// A tree of the bits of a symbol for every context of the two symbols before.
class Model {
 public:
  Model() : bits_(kPatternSymbols * kPatternSymbols * kPatternSymbols) {}

  template <typename Coder>
  std::uint8_t code(Coder& coder, std::uint8_t symbol) {
    const auto context = (static_cast<std::size_t>(before_) * kPatternSymbols + last_)
                         << kSymbolBits;
    unsigned node = 1;
    for (auto i = kSymbolBits; i-- > 0;) {
      auto& bit = bits_[context + node];
      const bool one = coder.code(bit.zero, (symbol >> i & 1U) != 0);
      bit.learn(one);
      node = node << 1 | (one ? 1U : 0U);
    }
    before_ = last_;
    last_ = static_cast<std::uint8_t>(node & (kPatternSymbols - 1));
    return last_;
  }

 private:
  std::vector<Bit> bits_;
  std::uint8_t last_ = 0, before_ = 0;
};

// The range coder of LZMA: a carry runs back over the bytes that wait.
class Encoder {
 public:
  explicit Encoder(ByteVector& out) : out_(out) {}

  bool code(std::uint32_t zero, bool one) {
    const auto bound = (range_ >> kProbabilityBits) * zero;
    if (one) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    while (range_ < kTop) {
      range_ <<= 8;
      shift();
    }
    return one;
  }
  // The bytes after the last that is not 0 are read as 0.
  void finish() {
    for (int i = 0; i < 5; ++i) shift();
    while (!out_.empty() && out_.back() == 0) out_.pop_back();
  }

 private:
  void shift() {
    if (low_ < 0xff000000U || low_ > 0xffffffffU) {
      const auto carry = static_cast<std::uint8_t>(low_ >> 32);
      if (!first_) out_.push_back(static_cast<std::uint8_t>(held_ + carry));
      first_ = false;
      for (; waiting_ > 0; --waiting_) out_.push_back(static_cast<std::uint8_t>(0xff + carry));
      held_ = static_cast<std::uint8_t>(low_ >> 24);
    } else {
      ++waiting_;
    }
    low_ = low_ << 8 & 0xffffffffU;
  }

  ByteVector& out_;
  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffffU;
  std::uint8_t held_ = 0;
  bool first_ = true;  // the first byte is always 0 and not written
  std::size_t waiting_ = 0;
};

class Decoder {
 public:
  explicit Decoder(ByteSpan in) : in_(in) {
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }
  bool code(std::uint32_t zero, bool) {
    const auto bound = (range_ >> kProbabilityBits) * zero;
    const bool one = code_ >= bound;
    if (one) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    while (range_ < kTop) {
      range_ <<= 8;
      code_ = code_ << 8 | next();
    }
    return one;
  }

 private:
  std::uint32_t next() { return at_ < in_.size() ? in_[at_++] : 0U; }

  ByteSpan in_;
  std::size_t at_ = 0;
  std::uint32_t range_ = 0xffffffffU, code_ = 0;
};

}  // namespace

void write_pattern(std::span<const std::uint8_t> symbols, ByteWriter& out) {
  ByteVector bytes;
  Encoder encoder(bytes);
  Model model;
  for (const auto s : symbols) model.code(encoder, s);
  encoder.finish();
  out.blob(bytes);
}

void read_pattern(ByteReader& in, std::span<std::uint8_t> symbols) {
  Decoder decoder(in.blob());
  if (!in.ok()) return;
  Model model;
  for (auto& s : symbols) s = model.code(decoder, 0);
}

}  // namespace tidemark::codec
