// Numbers that are made as a writer comes to them, so that they are in the innermost cache then:
// as 32-bit distances from the first one, of which a vector holds twice as many. Private to this
// folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tidemark::codec {

// Distances are less than this, so that differences of differences take 32 bits too.
inline constexpr std::int64_t kDistanceEnd = std::int64_t{1} << 29;

class Feed {
 public:
  // The distances of [from, to) are there then. False: they are not what they were taken for, and
  // what was written is for nothing.
  bool make(std::size_t from, std::size_t to);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::int64_t first() const { return first_; }
  // As far as they are made.
  [[nodiscard]] const std::int32_t* distances() const { return distances_; }
  // All of them, which have been made.
  void widen(std::vector<std::int64_t>& numbers) const;

 protected:
  Feed(std::size_t size, std::vector<std::int32_t>& distances);
  ~Feed() = default;
  void begin(std::int64_t first) { first_ = first; }

 private:
  // make() of what is not there yet.
  virtual bool make_part(std::size_t from, std::size_t to, std::int32_t* distances) = 0;

  std::size_t size_;
  std::int32_t* distances_;
  std::int64_t first_ = 0;
  std::size_t made_ = 0;  // from the first one on
};

class IntegerFeed final : public Feed {
 public:
  explicit IntegerFeed(std::span<const std::int64_t> values);

 private:
  bool make_part(std::size_t from, std::size_t to, std::int32_t* distances) override;
  std::span<const std::int64_t> values_;
};

// Decimals k / 10^e; no others, nor such as have fewer digits at first.
class DecimalFeed final : public Feed {
 public:
  DecimalFeed(std::span<const double> values, unsigned exponent);

 private:
  bool make_part(std::size_t from, std::size_t to, std::int32_t* distances) override;
  std::span<const double> values_;
  unsigned exponent_;
};

// Integers and ulps of `bits` bits in one, as join() makes them (joined.h).
class JoinedFeed final : public Feed {
 public:
  JoinedFeed(std::span<const std::int64_t> integers, std::span<const std::int64_t> ulps,
             unsigned bits);

 private:
  bool make_part(std::size_t from, std::size_t to, std::int32_t* distances) override;
  std::span<const std::int64_t> integers_, ulps_;
  unsigned bits_;
};

}  // namespace tidemark::codec
