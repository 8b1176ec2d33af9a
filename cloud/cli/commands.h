// The commands of `tidemark cloud …`. Private to this folder: those about dead letters are in
// letter_commands.cpp, the others in cloud_cli.cpp.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/cli/cloud_cli.h"
#include "cloud/cli/print.h"
#include "cloud/cli/source.h"
#include "common/cli/command.h"

namespace tidemark::cloud_cli {

// What all commands share, and what the single ones add.
struct Words {
  bool json = false;
  bool sealed = false;
  std::string config, url;
  std::string expression, glob = "**";
  std::string view, view_version, from, to, by, tz, as_of, newest, limit;
  std::string edge, incarnation;
  std::string at, old_end, new_start;
  std::string source, until, reason, by_whom;
  std::string file;
  std::string letter, why, state, raw;
  std::string cause;
};

class CloudCommands {
 public:
  CloudCommands(const World& world, cli::Output& output) : world_(world), output_(output) {
    add_commands();
  }
  int run(const std::vector<std::string>& words) { return root_.run(words, output_); }

 private:
  void add_commands();
  void common(cli::Command& command) {
    command.flag("--json", words_.json, "One JSON object.")
        .option("--config", words_.config, "cloud.toml to take the address from.", "FILE")
        .option("--url", words_.url, "Another node: http://host:port.", "URL");
  }
  void range(cli::Command& command) {
    command.option("--from", words_.from, "Start: RFC 3339, a date, now, -10m.", "T")
        .option("--to", words_.to, "End, likewise.", "T")
        .option("--limit", words_.limit, "At most so many answers (10000, up to 100000).", "N");
  }
  // The node itself: that it does not answer is told by the exit code, too.
  enum class Wants : std::uint8_t { what_is_known, the_node };
  // Prints the body, and who it is of; its exit code.
  using Print = std::function<int(const Json&, const std::string&)>;
  int show(const std::string& path, const Parameters& parameters, const Print& print,
           const std::string& select = "**", Wants wants = Wants::what_is_known);
  // `partitions`: of this node, whose stores alone it is for.
  int order(const std::string& words, const std::vector<int>& partitions = {});
  int list_orders();
  int order_views();
  int bring_back(const std::string& verb, const std::string& name);
  void add_view_commands(cli::Command& cloud);
  void add_meter_commands();
  void add_source_commands(cli::Command& cloud);
  void add_letter_commands(cli::Command& cloud);
  int show_letter();
  int write_letter(const Parameters& which);
  // That there is no such letter, and which there are; nothing when there is, or nobody knows.
  std::optional<int> letter_missing(const Parameters& which);
  int settle_letters(bool drop);
  int waive(bool retire);
  int end_waiver();
  std::string who() const;
  int swap_meter(bool revoke);
  int take_view(bool apply);
  int no_such_series(Source& source, const std::string& select);
  void note_other_parts(Source& source);
  int status_code(int code, const Source& source);
  int doctor();

  const World& world_;
  cli::Output& output_;
  Words words_;
  cli::Command root_{"tidemark", "The cloud node's commands."};
};

}  // namespace tidemark::cloud_cli
