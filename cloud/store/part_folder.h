// Where a node keeps a store for each partition: that of one of them is data_dir/p/007.
#pragma once

#include <filesystem>

namespace tidemark::store {

std::filesystem::path parts_folder(const std::filesystem::path& data_dir);
std::filesystem::path part_folder(const std::filesystem::path& data_dir, int partition);

}  // namespace tidemark::store
