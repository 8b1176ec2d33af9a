// Recorded series as files: the CSV that people have, and `.tdm`, blocks one after the other.
//
// .tdm: "TDM", version byte 1, tier byte, blob: a Dictionary whose series are the columns; then for
// each block 4 bytes length (little-endian) and the block (common/codec/FORMAT.md), to the end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/codec/codec.h"
#include "common/model/block.h"

namespace tidemark::cli {

struct SeriesFile {
  codec::Tier tier = codec::Tier::standard;
  std::vector<std::string> names;
  std::vector<Block> blocks;  // of one group each
};

// First column `timestamp_ns`, the others doubles; an empty cell is a gap; 0x and 16 hex digits are
// the bits of a double. Fault::bad_input names the line. Blocks have `rows_per_block` rows.
Result<SeriesFile> read_csv(const std::filesystem::path& path, std::size_t rows_per_block);
// Shortest decimals that read back to the same double; what is not finite as bits.
Result<> write_csv(const SeriesFile& file, const std::filesystem::path& path);

Result<SeriesFile> read_tdm(const std::filesystem::path& path);
// Encodes the blocks; the size of the file.
Result<std::uint64_t> write_tdm(const SeriesFile& file, const std::filesystem::path& path);

}  // namespace tidemark::cli
