// Bytes out and in: little-endian, varints, bounds-checked. The only way our formats are written.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tidemark {

using ByteVector = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

inline ByteSpan as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}
inline std::string_view as_text(ByteSpan b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

// Appends to a vector that the caller owns.
class ByteWriter {
 public:
  explicit ByteWriter(ByteVector& out) : out_(out) {}

  template <typename T>
    requires std::is_unsigned_v<T>
  void fixed(T v) {
    static_assert(std::endian::native == std::endian::little);
    const auto at = out_.size();
    out_.resize(at + sizeof v);
    std::memcpy(out_.data() + at, &v, sizeof v);
  }
  void u8(std::uint8_t v) { out_.push_back(v); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(v));
  }
  void svarint(std::int64_t v) { varint(zigzag(v)); }
  void raw(ByteSpan b) { out_.insert(out_.end(), b.begin(), b.end()); }
  void text(std::string_view s) {  // length, then bytes
    varint(s.size());
    raw(as_bytes(s));
  }
  void blob(ByteSpan b) {
    varint(b.size());
    raw(b);
  }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] ByteVector& out() { return out_; }

 private:
  ByteVector& out_;
};

// Reads from a span; past the end everything reads as zero and ok() turns false for good, so that a
// decoder checks once at its end (and before it believes a length).
class ByteReader {
 public:
  explicit ByteReader(ByteSpan in) : in_(in) {}

  template <typename T>
    requires std::is_unsigned_v<T>
  T fixed() {
    T v{};
    if (!need(sizeof v)) return v;
    std::memcpy(&v, in_.data() + at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (!need(1)) return 0;
      const std::uint8_t b = in_[at_++];
      if (shift == 63 && b > 1) break;
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) {
        if (b == 0 && shift != 0) break;  // one number has one form: no padded varints
        return v;
      }
    }
    ok_ = false;
    return 0;
  }
  std::int64_t svarint() { return unzigzag(varint()); }
  ByteSpan raw(std::size_t n) {
    if (!need(n)) return {};
    const auto b = in_.subspan(at_, n);
    at_ += n;
    return b;
  }
  ByteSpan blob() { return raw(length()); }
  std::string_view text() { return as_text(blob()); }
  // A count of things that take at least `each` bytes: fails instead of overrunning.
  std::size_t length(std::size_t each = 1) {
    const auto n = varint();
    if (n > left() / (each == 0 ? 1 : each)) {
      ok_ = false;
      return 0;
    }
    return static_cast<std::size_t>(n);
  }
  void fail() { ok_ = false; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return ok_ && at_ == in_.size(); }  // all read, nothing over
  [[nodiscard]] std::size_t left() const { return ok_ ? in_.size() - at_ : 0; }
  [[nodiscard]] std::size_t position() const { return at_; }

 private:
  bool need(std::size_t n) {
    if (!ok_ || in_.size() - at_ < n) ok_ = false;
    return ok_;
  }
  ByteSpan in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

std::string to_hex(ByteSpan b);

}  // namespace tidemark
