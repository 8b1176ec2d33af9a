// What a checkpoint of a partition is: its cloud.db in pieces, and the marker that names them
// (common/kafka/FORMAT.md). A piece is kept under the hash of its bytes, so that a generation
// brings only what has changed since the one before.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::checkpoint {

inline constexpr std::size_t kPieceBytes = 64 << 10;  // of the file; the last one may be shorter
inline constexpr std::size_t kPiecesMax = 250'000;    // 15 GiB: the marker fits into a record
inline constexpr std::string_view kMarkerKey = "generation";

struct Marker {
  std::string layout;         // of the topics: in others the positions mean nothing
  std::uint64_t number = 0;   // of this generation, from 1
  std::uint64_t version = 0;  // user_version of the file
  std::uint64_t live = 0, backlog = 0, partials = 0;  // positions in its topics, at least
  std::uint64_t archive = 0;  // store::ArchivePosition::bytes() of its end
  EventTime at{};             // when the copy was made
  std::uint64_t bytes = 0;    // of the file
  std::uint64_t hash = 0;     // XXH3 of the pieces' hashes
  std::vector<std::uint64_t> pieces;  // XXH3 of each, in the order of the file

  [[nodiscard]] std::size_t size_of(std::size_t piece) const;  // bytes
  [[nodiscard]] ByteVector encode() const;
  // Fault::corrupt; unsupported: of a newer version.
  static Result<Marker> decode(ByteSpan bytes);
};

std::string key_of(std::uint64_t piece);  // of its record: 16 hex digits
// Where a partition's position in a topic ("live", "backlog") is noted.
std::string position_name(const std::string& layout, std::string_view topic, int partition);

}  // namespace tidemark::checkpoint
