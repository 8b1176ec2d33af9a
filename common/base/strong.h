// Numbers that carry their meaning: mixing two kinds does not compile.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace tidemark {

template <typename Tag, typename Rep = std::uint64_t>
struct Strong {
  Rep count{};
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
};

using Bytes = Strong<struct BytesTag>;
// Position of a block in one edge's stream, gapless from 1 within one incarnation; 0 is "none".
using Sequence = Strong<struct SequenceTag>;
// Drawn at random at every start of the edge agent; sequences compare within one only.
using Incarnation = Strong<struct IncarnationTag>;

}  // namespace tidemark

template <typename Tag, typename Rep>
struct std::hash<tidemark::Strong<Tag, Rep>> {
  std::size_t operator()(const tidemark::Strong<Tag, Rep>& s) const {
    return std::hash<Rep>{}(s.count);
  }
};
