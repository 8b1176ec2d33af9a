#include "gateway/cli/gateway_files.h"

#include "common/base/disk.h"
#include "gateway/cli/gateway_command.h"
#include "gateway/identity/registry_topic.h"

namespace tidemark::gateway {

Result<Files> Files::find(const std::string& file) {
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

Result<> Files::make_authority() {
  TIDE_TRY(become_owner_of(config_.data_path()));
  TIDE_TRY(make_folder(config_.data_path()));
  return Authority::init(config_.data_path(), config_.name + "-ca", clock_);
}

Result<std::unique_ptr<Authority>> Files::authority() const {
  TIDE_TRY(become_owner_of(config_.data_path()));
  return Authority::open(config_.data_path(), clock_);
}

Result<std::unique_ptr<Registry>> Files::registry() const {
  TIDE_TRY(become_owner_of(config_.data_path()));
  return Registry::open(config_.registry(), clock_);
}

Result<std::unique_ptr<Registry>> Files::shared_registry() const {
  TIDE_ASSIGN(auto own, registry());
  if (!config_.cloud.by_kafka()) return own;
  const auto& settings = config_.cloud.kafka;
  TIDE_ASSIGN(const auto from, own->next());
  TIDE_ASSIGN(auto log, open_registry_topic(settings, from, kCommandPatience, clock_));
  own->share(std::move(log), from);
  if (auto caught_up = own->catch_up(kCommandPatience); !caught_up) {
    return std::move(caught_up).error().within("the registry of all gateways, " +
                                               settings.registry());
  }
  return own;
}

Result<std::unique_ptr<DeadLetters>> Files::dead_letters() const {
  TIDE_TRY(become_owner_of(config_.data_path()));
  return DeadLetters::open(config_.dead_letters(), {config_.quota.dead_letters}, clock_);
}

}  // namespace tidemark::gateway
