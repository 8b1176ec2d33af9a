// tidemark-cloud: the cloud node.
#include <unistd.h>

#include <string>
#include <vector>

#include "cloud/cli/cloud_cli.h"
#include "cloud/cluster/order_topic.h"
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

using Folders = std::vector<std::pair<std::optional<int>, std::filesystem::path>>;

// Nodes take orders that lie in their stores every five seconds.
Result<std::vector<cloud_cli::Outcome>> give_to_stores(const Folders& folders,
                                                       const std::string& words,
                                                       const Clock& clock) {
  constexpr int kLooks = 60;
  std::vector<std::int64_t> orders;
  std::vector<cloud_cli::Outcome> outcomes;
  for (const auto& [partition, folder] : folders) {
    TIDE_ASSIGN(const auto order, store::give_order(folder, words, clock.wall()));
    orders.push_back(order);
    outcomes.push_back({partition, std::nullopt});
  }
  for (int i = 0; i < kLooks; ++i) {
    bool all = true;
    for (std::size_t n = 0; n < orders.size(); ++n) {
      if (outcomes[n].text) continue;
      TIDE_ASSIGN(outcomes[n].text, store::order_outcome(folders[n].second, orders[n]));
      all = all && outcomes[n].text;
    }
    if (all) break;
    ::usleep(200'000);
  }
  return outcomes;
}

std::vector<cloud_cli::Outcome> listed(const cluster::Outcomes& outcomes) {
  std::vector<cloud_cli::Outcome> all;
  for (const auto& [partition, text] : outcomes) all.push_back({partition, text});
  return all;
}

// What is about one partition's store is left there; a group has the others by its log.
Result<std::vector<cloud_cli::Outcome>> give_order(const cloud::CloudConfig& config,
                                                   const cloud_cli::Order& order,
                                                   const Clock& clock) {
  Folders folders;
  for (const auto p : order.partitions) {
    folders.emplace_back(p, store::part_folder(config.data_dir, p));
  }
  if (!folders.empty()) return give_to_stores(folders, order.words, clock);
  if (config.intake.serves_only()) {
    return Error(Fault::unsupported, "a node that serves answers takes no orders: they are for the "
                                     "nodes that make them");
  }
  const auto& kafka = config.intake.kafka;
  if (kafka.group.empty()) {
    return give_to_stores({{std::nullopt, config.data_dir}}, order.words, clock);
  }
  if (store::subject_of_order(order.words).kind == store::OrderSubject::Kind::store) {
    return Error(Fault::bad_input, "no partition that this node has is meant; what is about one "
                                   "partition is ordered on the node that has it: tidemark cloud "
                                   "status");
  }
  SystemRandom random;
  TIDE_ASSIGN(const auto outcomes,
              cluster::OrderTopic({kafka}).give(order.words, order.by, clock.wall(), random));
  return listed(outcomes);
}

Result<std::vector<cloud_cli::ListedOrder>> list_orders(const cloud::CloudConfig& config) {
  std::vector<cloud_cli::ListedOrder> all;
  if (!config.intake.kafka.group.empty()) {
    TIDE_ASSIGN(const auto orders, cluster::OrderTopic({config.intake.kafka}).all());
    for (const auto& o : orders) {
      all.push_back({o.order.words, o.order.by, o.order.at, listed(o.outcomes)});
    }
    return all;
  }
  if (serve::is_served(config.data_dir)) {
    return Error{Fault::unsupported, "this node serves what others answer and is given no orders; "
                                     "ask a node of the group"};
  }
  TIDE_ASSIGN(const auto orders, store::known_orders(config.data_dir));
  for (const auto& o : orders) {
    const auto outcome = o.outcome.empty() ? std::nullopt : std::optional(o.outcome);
    all.push_back({o.words, "", o.at, {{std::nullopt, outcome}}});
  }
  return all;
}

int run_commands(const std::vector<std::string>& words, cli::Output& output) {
  SystemClock clock;
  cloud::CloudConfig config;  // of the settings that were asked for last
  const cloud_cli::World world{
      [&](const std::string& file) -> Result<cloud_cli::Settings> {
        TIDE_ASSIGN(const auto found, config::file_of(file, "TIDEMARK_CLOUD_CONFIG", kConfigFile));
        const auto loaded = cloud::load_cloud(cloud::cloud_sources(found));
        if (!loaded.ok) return cloud::first_problem(loaded);
        config = loaded.config;
        return cloud_cli::Settings{config.data_dir, config.http.listen,
                                   !config.intake.kafka.group.empty()};
      },
      [](const std::filesystem::path& folder) {
        return serve::is_served(folder) ? serve::open_served(folder)
                                        : query::Reader::open(folder);
      },
      [&](const cloud_cli::Order& order) { return give_order(config, order, clock); },
      [&] { return list_orders(config); },
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
