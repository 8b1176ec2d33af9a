#include "common/codec/extent.h"

#include "common/base/clones.h"

namespace tidemark::codec {

TIDE_CLONES Extent extent_of(std::span<const std::int64_t> values) {
  return extent_within(values.data(), values.size());
}

}  // namespace tidemark::codec
