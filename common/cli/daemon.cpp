#include "common/cli/daemon.h"

#include <fmt/format.h>

#include "common/base/exit_code.h"
#include "common/base/version.h"
#include "common/config/file.h"

namespace tidemark::cli {
namespace {

struct Words {
  std::string file;
  bool check = false;
  bool show = false;
  bool keys = false;
  bool json = false;
  bool version = false;
};

int do_as_told(const Daemon& daemon, const Words& words, Output& output) {
  if (words.version) {
    output.out(fmt::format("tidemark-{} {}\n", daemon.part, version()));
    return kExitOk;
  }
  if (words.keys) {
    output.out(daemon.keys());
    return kExitOk;
  }
  const auto found = config::file_of(words.file, daemon.variable, daemon.usual, words.check);
  if (!found) {
    output.fail(found.error());
    return kExitNoInput;
  }
  const auto file = found->string();
  const auto loaded = daemon.load(file);
  for (const auto& problem : loaded.problems) output.err(config::render(problem) + "\n");
  const bool starts = !words.check && !words.show;
  if (!loaded.ok && !(starts && loaded.runs)) return kExitConfig;
  if (words.check) {
    output.out(file + ": ok\n");
  } else if (words.show && words.json) {
    output.out(fmt::format("{{\"v\":1,\"part\":\"{}\",\"settings\":{}}}\n", daemon.part,
                           config::json_of(loaded.settings)));
  } else if (words.show) {
    output.out(config::text_of(loaded.settings));
  } else {
    return daemon.run(file);
  }
  return kExitOk;
}

}  // namespace

int run_daemon(const Daemon& daemon, const std::vector<std::string>& words, Output& output) {
  Words w;
  Command root("tidemark-" + daemon.part, daemon.summary);
  root.option("--config", w.file, daemon.config_help, "FILE");
  root.flag("--check", w.check, "Check the configuration and leave.");
  root.flag("--show", w.show, "Print every setting, its value and where that comes from.");
  root.flag("--json", w.json, "With --show: one JSON object.");
  root.flag("--keys", w.keys, "Print what a configuration can say (Markdown), and leave.");
  root.flag("--version", w.version, "Print the version and leave.");
  root.action([&] { return do_as_told(daemon, w, output); });
  return root.run(words, output);
}

}  // namespace tidemark::cli
