#include "common/window/distinct.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "common/base/hash.h"

namespace tidemark::window {
namespace {

constexpr std::uint8_t kHashes = 0;
constexpr std::uint8_t kSpread = 1;
// The most leading zeros of what is left of a hash, and the bit behind them.
constexpr int kRankMax = 64 - Distinct::kIndexBits + 1;

std::uint64_t hash_of(std::uint64_t bits) {
  ByteVector bytes;
  ByteWriter(bytes).fixed(bits);
  return xxh3(bytes);
}

// Sums without end of Ertl's estimator; each ends where a double no longer changes.
double sigma(double x) {
  double y = 1;
  double z = x;
  for (double before = -1; before != z;) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; before != z;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void Distinct::add(double v) {
  ++added_;
  add_hash(hash_of(v == 0 ? 0 : std::bit_cast<std::uint64_t>(v)));
}

void Distinct::add(std::int64_t v) {
  ++added_;
  add_hash(hash_of(static_cast<std::uint64_t>(v)));
}

void Distinct::add(std::string_view v) {
  ++added_;
  add_hash(xxh3(as_bytes(v)));
}

void Distinct::add_hash(std::uint64_t hash) {
  if (!exact()) return note(hash);
  const auto at = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
  if (at != hashes_.end() && *at == hash) return;
  hashes_.insert(at, hash);
  if (hashes_.size() > kExactMax) spread();
}

void Distinct::note(std::uint64_t hash) {
  const auto index = static_cast<std::size_t>(hash >> (64 - kIndexBits));
  const auto rest = hash << kIndexBits;
  const auto rank = std::min(std::countl_zero(rest) + 1, kRankMax);
  registers_[index] = std::max(registers_[index], static_cast<std::uint8_t>(rank));
}

void Distinct::spread() {
  registers_.assign(kRegisters, 0);
  for (const auto hash : hashes_) note(hash);
  hashes_.clear();
  hashes_.shrink_to_fit();
}

void Distinct::merge(const Distinct& other) {
  added_ += other.added_;
  if (!other.exact()) {
    if (exact()) spread();
    for (std::size_t i = 0; i < kRegisters; ++i) {
      registers_[i] = std::max(registers_[i], other.registers_[i]);
    }
    return;
  }
  for (const auto hash : other.hashes_) add_hash(hash);
}

std::uint64_t Distinct::count() const {
  if (exact()) return hashes_.size();
  std::array<double, kRankMax + 1> of_rank{};
  for (const auto r : registers_) ++of_rank[r];
  constexpr double kRegistersF = kRegisters;
  constexpr double kAlpha = 0.72134752044448170368;  // 1 / (2 ln 2)
  double z = kRegistersF * tau(1 - of_rank[kRankMax] / kRegistersF);
  for (int k = kRankMax - 1; k >= 1; --k) z = 0.5 * (z + of_rank[static_cast<std::size_t>(k)]);
  z += kRegistersF * sigma(of_rank[0] / kRegistersF);
  return static_cast<std::uint64_t>(std::llround(kAlpha * kRegistersF * kRegistersF / z));
}

void Distinct::encode(ByteWriter& out) const {
  out.u8(exact() ? kHashes : kSpread);
  out.varint(added_);
  if (exact()) {
    out.varint(hashes_.size());
    for (const auto hash : hashes_) out.fixed(hash);
    return;
  }
  // Four registers of six bits in three bytes.
  for (std::size_t i = 0; i < kRegisters; i += 4) {
    std::uint32_t four = 0;
    for (std::size_t k = 0; k < 4; ++k) four |= std::uint32_t{registers_[i + k]} << (6 * k);
    for (int k = 0; k < 3; ++k) out.u8(static_cast<std::uint8_t>(four >> (8 * k)));
  }
}

Distinct Distinct::decode(ByteReader& in) {
  Distinct distinct;
  const auto head = in.u8();
  distinct.added_ = in.varint();
  if (head == kHashes) {
    const auto n = in.length(8);
    if (n > kExactMax || n > distinct.added_) in.fail();
    for (std::size_t i = 0; i < n && in.ok(); ++i) {
      const auto hash = in.fixed<std::uint64_t>();
      if (i > 0 && hash <= distinct.hashes_.back()) in.fail();
      distinct.hashes_.push_back(hash);
    }
    return distinct;
  }
  if (head != kSpread) in.fail();
  const auto bytes = in.raw(kRegisters / 4 * 3);
  if (!in.ok()) return distinct;
  distinct.registers_.assign(kRegisters, 0);
  for (std::size_t i = 0; i < kRegisters; ++i) {
    const auto* at = bytes.data() + i / 4 * 3;
    const auto four = std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16;
    distinct.registers_[i] = static_cast<std::uint8_t>(four >> (6 * (i % 4)) & 0x3f);
    if (distinct.registers_[i] > kRankMax) in.fail();
  }
  return distinct;
}

}  // namespace tidemark::window
