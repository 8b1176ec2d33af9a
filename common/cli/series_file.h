// Recorded series as files: the CSV that people have, and `.tdm`, blocks one after the other.
//
// .tdm: "TDM", version byte 2, tier byte, blob: a Dictionary whose series are the columns; 4 bytes
// number of blocks, 8 bytes XXH3-64 of all before; then each block: 4 bytes length and the block
// (common/codec/FORMAT.md). Numbers are little-endian. A cut or changed file is refused.
#pragma once

#include <string>
#include <string_view>
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
// the bits of a double; nan and inf are taken too. Fault::bad_input names the line. Blocks have
// `rows_per_block` rows. `name` is what errors call the file.
Result<SeriesFile> parse_csv(std::string_view text, const std::string& name,
                             std::size_t rows_per_block);
// Shortest decimals that read back to the same double; what is not finite as bits.
std::string to_csv(const SeriesFile& file);

// Fault::bad_input or corrupt for anything but a whole file.
Result<SeriesFile> parse_tdm(std::string_view bytes, const std::string& name);
// Encodes the blocks. Fault::full names the block that passes a bound of the codec.
Result<std::string> to_tdm(const SeriesFile& file);

}  // namespace tidemark::cli
