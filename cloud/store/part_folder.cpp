#include "cloud/store/part_folder.h"

#include <fmt/format.h>

namespace tidemark::store {

std::filesystem::path parts_folder(const std::filesystem::path& data_dir) {
  return data_dir / "p";
}
std::filesystem::path part_folder(const std::filesystem::path& data_dir, int partition) {
  return parts_folder(data_dir) / fmt::format("{:03}", partition);
}

}  // namespace tidemark::store
