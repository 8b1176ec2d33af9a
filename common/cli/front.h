// The `tidemark` program: hands commands to the part that has them, and answers those that are
// about all parts at once.
#pragma once

#include <string>
#include <vector>

#include "common/cli/config_file.h"
#include "common/cli/doctor.h"
#include "common/cli/parts.h"
#include "common/cli/terminal.h"

namespace tidemark::cli {

class Front {
 public:
  Front(Programs programs, Output& output) : programs_(std::move(programs)), output_(output) {}
  // Returns the exit code, or does not return when another program takes the words over.
  int run(const std::vector<std::string>& words);

 private:
  int hand_over(const Part& part, const std::vector<std::string>& words);
  int own_command(const std::vector<std::string>& words);
  int summary(bool json);
  int show_version(bool json);
  int completion(const std::string& shell, std::string tree);
  struct Job {  // about one configuration
    ConfigFile config;
    int exit = 0;          // other than 0: nobody can be asked about it,
    std::string why = {};  // since; a text for stderr
  };
  // Those files, or of all parts that are installed; of `part` only, unless empty. At least one.
  std::vector<Job> jobs_of(const std::vector<std::string>& files, const std::string& part);
  Ran ask(const Job& job, std::vector<std::string> words);
  int config_check(const std::vector<std::string>& files, const std::string& part, bool json);
  int config_show(const std::vector<std::string>& files, const std::string& part, bool json);
  int config_keys(const std::string& part);
  int doctor(const std::vector<std::string>& files, bool json);
  // Findings of a part, each under its name.
  void ask_doctor(const Job& job, std::vector<Check>& checks);
  int demo(const std::vector<std::string>& words);
  int missing_part(std::string_view part);
  // A part that is installed is of this machine when it has a configuration or runs without one.
  [[nodiscard]] bool is_used(std::string_view part, const std::filesystem::path& program) const;

  Programs programs_;
  Output& output_;
};

// A script for bash, zsh or fish from the trees of all commands (Command::tree), joined.
std::string completion_script(const std::string& shell, const std::string& tree);

}  // namespace tidemark::cli
