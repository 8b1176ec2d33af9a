// How many different values there are: exactly up to kExactMax, estimated above.
//
// Order      adding and merging in any order give equal state: hashes of values are kept while
//            there are few, and of more only what a HyperLogLog keeps of them, and which of the two
//            depends on the set alone.
// Error      above kExactMax the standard error is 2.3 % (1.04 / sqrt(2048)); two values that share
//            a hash of 64 bits count once.
// Memory     8 B a value up to kExactMax, then 2 KiB; encoded as many, then 1.5 KiB.
// Threads    one at a time.
// Source     Flajolet et al. 2007; estimator of Ertl (arXiv 1702.01284), which needs no logarithm
//            and no table, so that every CPU says the same.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace tidemark::window {

class Distinct {
 public:
  static constexpr std::size_t kExactMax = 256;
  static constexpr int kIndexBits = 11;
  static constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;

  void add(double v);  // -0 is 0
  void add(std::int64_t v);
  void add(std::string_view v);
  void merge(const Distinct& other);

  [[nodiscard]] std::uint64_t added() const { return added_; }  // repetitions too
  [[nodiscard]] bool exact() const { return registers_.empty(); }
  [[nodiscard]] std::uint64_t count() const;
  friend bool operator==(const Distinct&, const Distinct&) = default;

  void encode(ByteWriter& out) const;      // canonical (FORMAT.md)
  static Distinct decode(ByteReader& in);  // what encode() cannot have written makes `in` fail

 private:
  void add_hash(std::uint64_t hash);
  void note(std::uint64_t hash);  // in registers_
  void spread();                  // from hashes to registers

  std::uint64_t added_ = 0;
  std::vector<std::uint64_t> hashes_;     // rising
  std::vector<std::uint8_t> registers_;   // empty: all are in hashes_
};

}  // namespace tidemark::window
