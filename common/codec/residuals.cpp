#include "common/codec/residuals.h"

namespace tidemark::codec {

void write_residuals(Tier, std::span<const std::int64_t> residuals, ByteWriter& out) {
  for (const auto r : residuals) out.svarint(r);
}

bool read_residuals(Tier, ByteReader& in, std::span<std::int64_t> residuals) {
  for (auto& r : residuals) r = in.svarint();
  return in.ok();
}

}  // namespace tidemark::codec
