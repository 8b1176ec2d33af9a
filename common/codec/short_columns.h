// Columns of a few values, which are most of them at the edge: a block of 1,000 series of 5 rows.
// Each says what it is and its first value; the steps of all of them lie in one stream of residuals
// behind the last group. Private to this folder; layout in FORMAT.md under "Short columns".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/codec.h"
#include "common/model/block.h"

namespace tidemark::codec {

inline constexpr std::size_t kShortColumnMax = 16;  // values

// What a short column holds: integers, or decimals of an exponent; with steps between them or not.
struct ShortMethod {
  std::uint8_t code = 0;  // low four bits the exponent
  [[nodiscard]] bool integers() const { return (code & 16) != 0; }
  [[nodiscard]] bool constant() const { return (code & 32) != 0; }
  [[nodiscard]] unsigned exponent() const { return code & 15; }
  friend bool operator==(const ShortMethod&, const ShortMethod&) = default;
};

class ShortColumnWriter {
 public:
  // How the column would be written; nothing when it is long, or of another kind. Then the caller
  // writes its head, with whether the method is last(), and calls write().
  std::optional<ShortMethod> method_of(const Column& column, Memory& memory);
  [[nodiscard]] ShortMethod last() const { return last_; }
  // Of the column that method_of() saw last.
  void write(ShortMethod method, ByteWriter& out);
  void write_steps(Tier tier, ByteWriter& out) const;

 private:
  ShortMethod last_;
  std::vector<std::int64_t> integers_;
  std::vector<std::int64_t> steps_;
};

class ShortColumnReader {
 public:
  [[nodiscard]] ShortMethod last() const { return last_; }
  // Reads what lies in the column's place. It must stay where it is until read_steps(), and has
  // its vector of the right size then.
  void read(bool as_last, ByteReader& in, Column& column);
  void read_steps(Tier tier, ByteReader& in);

 private:
  struct Pending {
    Column* column;
    ShortMethod method;
    std::int64_t first;
  };
  ShortMethod last_;
  std::vector<Pending> pending_;
  std::size_t steps_ = 0;
};

}  // namespace tidemark::codec
