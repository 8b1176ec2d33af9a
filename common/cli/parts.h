// The programs that make up Tidemark on this machine, and how the front program runs them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tidemark::cli {

struct Part {
  struct Command {  // a first word that it answers
    std::string_view name;
    std::string_view help;
  };
  std::string_view name;  // "edge": the program is tidemark-edge
  std::vector<Command> commands;
};
const std::vector<Part>& parts();
const Part* part_of(std::string_view command);  // null: no part has it

class Programs {
 public:
  // `folder` is looked into before `path` (as in $PATH).
  Programs(std::filesystem::path folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}
  static Programs beside_this_one();

  [[nodiscard]] std::optional<std::filesystem::path> find(std::string_view part) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::string path_;
};

struct Ran {
  int exit_code = 0;   // 128 + n when signal n ended it
  std::string out;     // what it wrote to stdout, at most kOutputBytesMax
  std::string errors;  // and to stderr
};
inline constexpr std::size_t kOutputBytesMax = 4 * 1024 * 1024;

// Runs to its end, at most `seconds_max`, after which it is killed and Fault::unavailable.
Result<Ran> run_program(const std::filesystem::path& program, const std::vector<std::string>& words,
                        int seconds_max);
// Becomes the program; returns only when that failed.
Error become_program(const std::filesystem::path& program, const std::vector<std::string>& words);

}  // namespace tidemark::cli
