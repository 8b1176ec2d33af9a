// A folder of its own for a test, removed with everything in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tidemark::test {

class TemporaryFolder {
 public:
  // On tmpfs where there is one: these tests write more than they need to keep.
  TemporaryFolder() {
    std::filesystem::path parent = "/dev/shm";
    std::error_code failed;
    if (!std::filesystem::is_directory(parent, failed)) {
      parent = std::filesystem::temp_directory_path();
    }
    auto name = (parent / "tidemark-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) != nullptr ? name : "";
  }
  ~TemporaryFolder() {
    std::error_code failed;
    if (!path_.empty()) std::filesystem::remove_all(path_, failed);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace tidemark::test
