// What the predictors of a sequence leave over, as bytes: one coder for each tier. Private to this
// folder; layouts in FORMAT.md under "Residuals".
//
// A stream ends where its own content says, so that the reader stands right behind it; the number
// of residuals is known to both sides. Readers check bounds: in.fail() on what no writer wrote.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/codec.h"

namespace tidemark::codec {

inline constexpr unsigned kLanesMax = 8;
inline constexpr std::size_t kStep = 256;  // numbers that a reader gives at most at once

// How the coders cut a sequence: into segments of equal length that they code side by side, a lane
// each, since no step of one has to wait for a step of another. The last segment may end with a few
// numbers that are none of the sequence's.
struct Cut {
  unsigned lanes = 1;   // 1, 2, 4 or 8
  std::size_t rows = 0;  // of a segment
  [[nodiscard]] std::size_t places() const { return lanes * rows; }
};
Cut cut_of(Tier tier, std::size_t count);

// Some rows of all segments: number row * lanes + lane stands at place lane * cut.rows + at + row.
struct Part {
  Cut cut;
  std::size_t at = 0;
  std::size_t rows = 0;
  [[nodiscard]] std::size_t numbers() const { return rows * cut.lanes; }
};

// Takes all numbers of a sequence, in parts of kStep at most, while they are in the cache. It may
// change them where they lie.
class Values {
 public:
  virtual void take(std::int64_t* numbers, const Part& part) = 0;
  // The same of base + offsets[i], at the places [at, at + n) of a sequence of one segment.
  virtual void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                         std::size_t n);
  // So often the same number: a sequence of one segment.
  virtual void take_same(std::int64_t number, std::size_t count);
  // Whether it takes ranks in `table` from now on, none of them outside, in place of its values.
  virtual bool map(std::span<const std::int64_t> table);

 protected:
  ~Values() = default;
};

// Numbers of a part to their places in `to`, but for those that are none of the sequence's.
void put_in_place(const std::int64_t* numbers, const Part& part, std::span<std::int64_t> to);
void put_in_place(const double* numbers, const Part& part, std::span<double> to);

class Into final : public Values {
 public:
  explicit Into(std::span<std::int64_t> to) : to_(to) {}
  void take(std::int64_t* numbers, const Part& part) override {
    put_in_place(numbers, part, to_);
  }
  void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                 std::size_t n) override;

 private:
  std::span<std::int64_t> to_;
};

// `residuals` are those of the places of `cut`, one segment behind the other.
void write_residuals(Tier tier, std::span<const std::int64_t> residuals, const Cut& cut,
                     ByteWriter& out);
// Whether tier fast took many more bytes for these than a coder that knows frequencies would: of
// few different small numbers. By `margin` bits a value, which are worth the time of that coder.
bool may_pack_badly(std::size_t residuals, std::size_t bytes);  // before they are looked at
bool packs_badly(std::span<const std::int64_t> residuals, std::size_t bytes, double margin);
// False, and in.ok() is false too, when the bytes are not a writer's.
bool read_residuals(Tier tier, ByteReader& in, const Cut& cut, Values& values);

// The same of any number of residuals, which fill the segments one after the other.
void write_residuals(Tier tier, std::span<const std::int64_t> residuals, ByteWriter& out);
bool read_residuals(Tier tier, ByteReader& in, std::span<std::int64_t> residuals);

}  // namespace tidemark::codec
