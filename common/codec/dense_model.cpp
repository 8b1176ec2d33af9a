#include "common/codec/dense_model.h"

#include <memory>
#include <string_view>

#include "common/base/check.h"

namespace tidemark::codec::dense {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
constexpr std::string_view kPrior =
#include "common/codec/dense_prior.inc"
    ;
constexpr int kDigitBits = 6;
constexpr int kCounterDigits = 3;  // 15 bits of p, 3 of seen
constexpr int kSeenBits = 3;
constexpr int kWeightDigits = 4;
constexpr std::size_t kLineDigits = 90;

// In one order for writing and reading.
template <typename M, typename OnCounter, typename OnWeight>
void walk(M& m, OnCounter counter, OnWeight weight) {
  const auto nodes = [&](auto& contexts) {
    for (auto& c : contexts) {
      for (auto& node : c) counter(node);
    }
  };
  nodes(m.by_scale);
  nodes(m.by_last_two);
  for (auto& c : m.sign) counter(c);
  for (auto& c : m.top) counter(c);
  for (auto& w : m.weights) {
    weight(w.a);
    weight(w.b);
  }
}

Model parse(std::string_view text) {
  Model m{};
  std::size_t at = 0;
  const auto number = [&](int digits) {
    std::uint32_t v = 0;
    for (int i = 0; i < digits && at < text.size(); ++i) {
      const auto digit = kDigits.find(text[at++]);
      v = v << kDigitBits | static_cast<std::uint32_t>(digit & 63);
    }
    return v;
  };
  if (text.empty()) return m;
  walk(
      m,
      [&](Counter& c) {
        const auto v = number(kCounterDigits);
        c.p = static_cast<std::uint16_t>((v >> kSeenBits) << 1 | 1);
        c.seen = static_cast<std::uint16_t>(v & ((1U << kSeenBits) - 1));
      },
      [&](std::int32_t& w) {
        w = static_cast<std::int32_t>(number(kWeightDigits) << 8) >> 8;  // its sign is bit 23
      });
  TIDE_CHECK(at == text.size(), "dense_prior.inc is that of another model");
  return m;
}

}  // namespace

const Model& prior() {
  static const auto model = std::make_unique<const Model>(parse(kPrior));
  return *model;
}

std::string prior_text(const Model& trained) {
  std::string digits;
  const auto number = [&](std::uint32_t v, int count) {
    for (int i = count - 1; i >= 0; --i) digits += kDigits[v >> (kDigitBits * i) & 63];
  };
  walk(
      trained,
      [&](const Counter& c) {
        const auto seen = std::min<std::uint32_t>(c.seen / 2U, kPriorSeen);
        number(static_cast<std::uint32_t>(c.p >> 1) << kSeenBits | seen, kCounterDigits);
      },
      [&](std::int32_t w) { number(static_cast<std::uint32_t>(w) & 0xffffff, kWeightDigits); });
  std::string lines;
  for (std::size_t at = 0; at < digits.size(); at += kLineDigits) {
    lines += '"' + digits.substr(at, kLineDigits) + "\"\n";
  }
  return lines;
}

}  // namespace tidemark::codec::dense
