// Raw readings of several series from the archive, for what pairs them (cloud/answers/join.h).
//
// Cost       decodes every block that has readings of them in that time, each once an edge.
// Threads    that of the Store, inside a batch.
#pragma once

#include <span>

#include "cloud/answers/join.h"
#include "cloud/intake/catalogue.h"

namespace tidemark::intake {

inline constexpr std::size_t kRawReadingsMax = 5'000'000;  // at once: 80 MB

// Of one edge: good readings in [from, to), each counted once, by series and in any order. How many
// blocks were looked at. Fault::full past kRawReadingsMax.
Result<std::uint64_t> read_raw(store::Store& store, Catalogue& catalogue, Edge& edge,
                               std::span<const Series* const> series, EventTime from, EventTime to,
                               std::span<std::vector<answers::Sample>* const> samples);

}  // namespace tidemark::intake
