#include "gateway/cli/gateway_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/disk.h"
#include "gateway/cli/gateway_command.h"

namespace tidemark::gateway {

Result<Files> Files::find(const std::string& config_file) {
  const char* named = std::getenv("TIDEMARK_GATEWAY_CONFIG");
  const std::string file = !config_file.empty() ? config_file
                           : named != nullptr   ? named
                                                : kConfigFile;
  const auto loaded = load_gateway(file);
  if (!loaded.ok) {
    std::string text = "the configuration has problems";
    for (const auto& p : loaded.problems) text += "\n" + config::render(p);
    return Error{Fault::bad_input, text};
  }
  Files files;
  files.config_ = loaded.config;
  return files;
}

Result<> Files::become_owner() const {
  if (geteuid() != 0) return {};
  struct stat st {};
  if (stat(config_.data_dir.c_str(), &st) != 0) return {};  // made below, and root's then
  if (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0) {
    return system_error("become the owner of " + config_.data_dir, errno);
  }
  return {};
}

Result<> Files::make_authority() {
  TIDE_TRY(become_owner());
  TIDE_TRY(make_folder(config_.data_path()));
  return Authority::init(config_.data_path(), config_.name + "-ca", clock_);
}

Result<std::unique_ptr<Authority>> Files::authority() const {
  TIDE_TRY(become_owner());
  return Authority::open(config_.data_path(), clock_);
}

Result<std::unique_ptr<Registry>> Files::registry() const {
  TIDE_TRY(become_owner());
  return Registry::open(config_.registry(), clock_);
}

Result<std::unique_ptr<DeadLetters>> Files::dead_letters() const {
  TIDE_TRY(become_owner());
  return DeadLetters::open(config_.dead_letters(), {config_.quota.dead_letters}, clock_);
}

}  // namespace tidemark::gateway
