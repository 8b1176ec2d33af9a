// tidemark-cloud: the cloud node.
#include <unistd.h>

#include <string>
#include <vector>

#include "cloud/cli/cloud_cli.h"
#include "cloud/daemon/cloud_config.h"
#include "cloud/daemon/node.h"
#include "cloud/serve/served_reader.h"
#include "cloud/store/orders.h"
#include "cloud/store/part_folder.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/cli/daemon.h"
#include "common/config/file.h"

namespace {

using namespace tidemark;

constexpr const char* kConfigFile = "/etc/tidemark/cloud.toml";

int run_cloud(const cloud::CloudConfig& config, const std::string& file) {
  StopSignal stop;  // first: it blocks the signals for every thread to come
  SystemClock clock;
  SystemRandom random;
  const auto read_views = [file]() -> Result<answers::Definitions> {
    const auto now = cloud::load_cloud(cloud::cloud_sources(file));
    if (!now.ok) return cloud::first_problem(now);
    TIDE_ASSIGN(auto views, answers::views_in_force(now.config.views));
    return answers::Definitions{std::move(views), now.config.relabels};
  };
  const auto outcome = cloud::run_node(config, read_views, clock, random, stop);
  if (outcome.ok()) return kExitOk;
  log::error("tidemark-cloud stops", "error={}", outcome.error().text());
  return kExitFault;
}

// Nodes take orders every five seconds. What is about one partition alone is for its store.
Result<std::optional<std::string>> give_order(const std::filesystem::path& data_dir,
                                              std::optional<int> partition,
                                              const std::string& words, const Clock& clock) {
  constexpr int kLooks = 60;
  const auto folder = partition ? store::part_folder(data_dir, *partition) : data_dir;
  std::error_code ignored;
  if (std::filesystem::is_directory(store::parts_folder(folder), ignored)) {
    return Error(Fault::unsupported, "nodes of a group take no orders yet: what is ordered would "
                                     "not go with a partition that moves");
  }
  if (serve::is_served(folder)) {
    return Error(Fault::unsupported, "a node that serves answers takes no orders: they are for the "
                                     "nodes that make them");
  }
  TIDE_ASSIGN(const auto order, store::give_order(folder, words, clock.wall()));
  for (int i = 0; i < kLooks; ++i) {
    TIDE_ASSIGN(auto outcome, store::order_outcome(folder, order));
    if (outcome) return outcome;
    ::usleep(200'000);
  }
  return std::optional<std::string>{};
}

int run_commands(const std::vector<std::string>& words, cli::Output& output) {
  SystemClock clock;
  const cloud_cli::World world{
      [&](const std::string& file) -> Result<cloud_cli::Settings> {
        TIDE_ASSIGN(const auto found, config::file_of(file, "TIDEMARK_CLOUD_CONFIG", kConfigFile));
        const auto loaded = cloud::load_cloud(cloud::cloud_sources(found));
        const auto& c = loaded.config;
        if (loaded.ok) return cloud_cli::Settings{c.data_dir, c.http.listen};
        return cloud::first_problem(loaded);
      },
      [](const std::filesystem::path& folder) {
        return serve::is_served(folder) ? serve::open_served(folder)
                                        : query::Reader::open(folder);
      },
      [&](const std::filesystem::path& folder, std::optional<int> partition,
          const std::string& order) { return give_order(folder, partition, order, clock); },
      [](const std::string& file, const std::filesystem::path& view, bool install) -> Result<> {
        TIDE_ASSIGN(const auto found, config::file_of(file, "TIDEMARK_CLOUD_CONFIG", kConfigFile));
        return cloud::take_view_file(found, view, install);
      },
      clock};
  return cloud_cli::run(words, world, output);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  cli::StandardOutput output;
  if (!words.empty() && words[0] == "cli") {
    return run_commands({words.begin() + 1, words.end()}, output);
  }
  cloud::Loaded loaded;
  return cli::run_daemon(
      {.part = "cloud",
       .summary = "The cloud node: reconciles, answers, serves.",
       .config_help = "The configuration; views.d in its folder is read too.",
       .variable = "TIDEMARK_CLOUD_CONFIG",
       .usual = kConfigFile,
       .keys = config::reference<cloud::CloudConfig>,
       .load =
           [&](const std::string& file) {
             loaded = cloud::load_cloud(cloud::cloud_sources(file));
             return cli::Daemon::Loaded{loaded.problems, loaded.settings, loaded.ok};
           },
       .run = [&](const std::string& file) { return run_cloud(loaded.config, file); }},
      words, output);
}
