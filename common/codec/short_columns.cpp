#include "common/codec/short_columns.h"

#include <algorithm>

#include "common/codec/double_modes.h"
#include "common/codec/numbers.h"
#include "common/codec/residuals.h"

namespace tidemark::codec {
namespace {

constexpr std::uint8_t kIntegers = 16;
constexpr std::uint8_t kConstant = 32;
constexpr std::uint8_t kCodeEnd = 64;

bool ordinary(double v) {
  constexpr std::uint64_t kMinusZero = 0x8000000000000000U, kExponent = 0x7ff0000000000000U;
  return (bits_of(v) & kExponent) != kExponent && bits_of(v) != kMinusZero;
}

}  // namespace

std::optional<ShortMethod> ShortColumnWriter::method_of(const Column& c, Memory& memory) {
  if (c.values() == 0 || c.values() > kShortColumnMax) return std::nullopt;
  ShortMethod method;
  if (c.type == ValueType::i64) {
    integers_ = c.i64;
    method.code = kIntegers;
  } else if (c.type == ValueType::f64) {
    double largest = 0;
    for (const auto v : c.f64) {
      if (!ordinary(v)) return std::nullopt;
      largest = std::max(largest, v < 0 ? -v : v);
    }
    thread_local DoubleChoice choice;
    choose_mode(c.f64, largest, memory, choice);
    if (choice.mode != DoubleMode::decimal) return std::nullopt;
    integers_.assign(choice.integers.begin(), choice.integers.end());
    method.code = static_cast<std::uint8_t>(choice.exponent);
  } else {
    return std::nullopt;
  }
  if (integers_.size() > 1 && std::all_of(integers_.begin(), integers_.end(),
                                          [&](auto k) { return k == integers_[0]; })) {
    method.code |= kConstant;
  }
  return method;
}

void ShortColumnWriter::write(ShortMethod method, ByteWriter& out) {
  if (method != last_) out.u8(method.code);
  last_ = method;
  out.svarint(integers_[0]);
  if (method.constant()) return;
  for (std::size_t i = 1; i < integers_.size(); ++i) {
    steps_.push_back(minus(integers_[i], integers_[i - 1]));
  }
}

void ShortColumnWriter::write_steps(Tier tier, ByteWriter& out) const {
  if (!steps_.empty()) write_residuals(tier, steps_, out);
}

void ShortColumnReader::read(bool as_last, ByteReader& in, Column& c) {
  if (!as_last) last_.code = in.u8();
  const auto first = in.svarint();
  const auto n = c.values();
  if (n == 0 || n > kShortColumnMax || last_.code >= kCodeEnd ||
      last_.integers() != (c.type == ValueType::i64) ||
      (c.type != ValueType::i64 && c.type != ValueType::f64)) {
    in.fail();
  }
  if (!in.ok()) return;
  pending_.push_back({&c, last_, first});
  if (!last_.constant()) steps_ += n - 1;
}

void ShortColumnReader::read_steps(Tier tier, ByteReader& in) {
  std::vector<std::int64_t> steps(steps_);
  if (!in.ok() || (steps_ > 0 && !read_residuals(tier, in, steps))) return;
  auto step = steps.begin();
  for (const auto& p : pending_) {
    auto value = p.first;
    const auto n = p.column->values();
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0 && !p.method.constant()) value = plus(value, *step++);
      if (p.method.integers()) {
        p.column->i64[i] = value;
      } else {
        restore_doubles(DoubleMode::decimal, p.method.exponent(), 0, {&value, 1},
                        &p.column->f64[i]);
      }
    }
  }
}

}  // namespace tidemark::codec
