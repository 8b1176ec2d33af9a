#include "common/cli/front.h"

#include <fmt/format.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/base/version.h"
#include "common/cli/codec_command.h"
#include "common/cli/command.h"
#include "common/cli/doctor.h"
#include "common/cli/table.h"

namespace tidemark::cli {
namespace {

constexpr int kPatienceSeconds = 20;  // doctor asks peers, each with a time limit of its own
constexpr int kQuickSeconds = 5;
constexpr double kClockOffsetWarnMs = 50;
constexpr std::string_view kDataFolder = "/var/lib/tidemark";
constexpr std::string_view kSummary =
    "Tidemark carries sensor readings from machines to dashboards and proves what it carried.";

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

// A configuration that somebody named is meant, whether it is there or not.
bool is_named(std::string_view part) {
  std::string variable = fmt::format("TIDEMARK_{}_CONFIG", part);
  std::ranges::transform(variable, variable.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return std::getenv(variable.c_str()) != nullptr;
}

std::string missing_text(std::string_view part) {
  return fmt::format("error: tidemark-{} is neither beside this program nor in PATH\n"
                     "  try: apt install tidemark-{}\n", part, part);
}

Check check_clock() {
  timex t{};
  const int state = adjtimex(&t);
  if (state < 0) {
    return {CheckState::warn, "clock", "the kernel does not tell", "timedatectl"};
  }
  const double offset_ms =
      static_cast<double>(t.offset) / ((t.status & STA_NANO) != 0 ? 1e6 : 1e3);
  if (state == TIME_ERROR || (t.status & STA_UNSYNC) != 0) {
    return {CheckState::warn, "clock", "not synchronised; readings carry this clock's time",
            "timedatectl timesync-status"};
  }
  const bool far = offset_ms > kClockOffsetWarnMs || offset_ms < -kClockOffsetWarnMs;
  return {far ? CheckState::warn : CheckState::ok, "clock",
          fmt::format("synchronised, offset {:+.1f} ms (limit {:.0f} ms)", offset_ms,
                      kClockOffsetWarnMs),
          far ? "chronyc tracking" : ""};
}

}  // namespace

int Front::run(const std::vector<std::string>& words) {
  if (words.empty()) return summary(false);
  if (words.size() == 1 && words.front() == "--json") return summary(true);
  if (words.front() == "--version") return show_version(false);
  if (words.front() == "demo") return demo({words.begin() + 1, words.end()});
  if (words.size() > 1 && words[0] == "series" && words[1] == "swap-meter") {
    return hand_over(*part_of("cloud"), words);  // the cloud makes increases
  }
  if (words.front() == "series" && !programs_.find("edge") && programs_.find("cloud")) {
    return hand_over(*part_of("cloud"), words);  // the edge's help names those of the cloud, too
  }
  if (const auto* part = part_of(words.front())) return hand_over(*part, words);
  return own_command(words);
}

int Front::missing_part(std::string_view part) {
  output_.err(missing_text(part));
  return kExitUnreachable;
}

int Front::hand_over(const Part& part, const std::vector<std::string>& words) {
  const auto program = programs_.find(part.name);
  if (!program) return missing_part(part.name);
  auto all = words;
  all.insert(all.begin(), "cli");
  return output_.fail(become_program(*program, all));
}

int Front::own_command(const std::vector<std::string>& words) {
  bool json = false;
  std::string whose;
  std::string shell;
  std::vector<std::string> topic;
  std::vector<std::string> files;
  Command root("tidemark", std::string(kSummary));
  // Named here for help and for the nearest word; run() has handed them over before.
  for (const auto& part : parts()) {
    for (const auto& command : part.commands) {
      root.add(std::string(command.name), std::string(command.help));
    }
  }
  root.flag("--json", json, "One JSON object.");
  add_codec(root, output_);
  root.add("demo", "Plant, edge, gateway, cloud and page in one folder.");
  auto& config = root.add("config", "Configuration.");
  const std::string which = "A configuration, drop-in (edge.d/x.toml) or folder of them; none: "
                            "those installed.";
  const std::string part_help = "Whose they are, where neither name nor keys tell.";
  config.add("check", "Says all that is wrong, of each file. Exit 78; 66: one is not there.")
      .arguments("FILE", files, which)
      .choice("--part", whose, {"edge", "gateway", "cloud"}, part_help)
      .flag("--json", json, "One JSON object.")
      .action([&] { return config_check(files, whose, json); });
  config.add("show", "Every setting, its value in force and where that comes from.")
      .arguments("FILE", files, which)
      .choice("--part", whose, {"edge", "gateway", "cloud"}, part_help)
      .flag("--json", json, "One JSON object.")
      .action([&] { return config_show(files, whose, json); });
  config.add("keys", "All that a configuration can say, with limits and meaning (Markdown).")
      .argument("PART", whose, "edge, gateway or cloud.")
      .action([&] { return config_keys(whose); });
  root.add("doctor", "Checks every part, and the clock and disk under them.")
      .option("--config", files, "Of the parts of these files only; may be repeated.", "FILE")
      .flag("--json", json, "One JSON object.")
      .action([&] { return doctor(files, json); });
  root.add("version", "Of this program and of the parts.")
      .flag("--json", json, "One JSON object.")
      .action([&] { return show_version(json); });
  root.add("completion", "A script for your shell.")
      .argument("SHELL", shell, "bash, zsh or fish.")
      .action([&] { return completion(shell, root.tree()); });
  root.add("help", "This text, or that of a command.")
      .arguments("COMMAND", topic, "Which.")
      .action([&] {
        topic.emplace_back("--help");
        return topic.size() == 1 ? root.run(topic, output_) : run(topic);
      });
  root.action([&] { return summary(json); });
  return root.run(words, output_);
}

int Front::summary(bool json) {
  Table table({{"", Align::left}, {"", Align::left}});
  std::string objects;
  std::string next = "tidemark help";
  for (const auto& part : parts()) {
    const auto program = programs_.find(part.name);
    std::error_code code;
    const bool running =
        std::filesystem::exists(fmt::format("/run/tidemark/{}.sock", part.name), code);
    const std::string_view state = !program ? "not installed" : running ? "running" : "installed";
    table.row({fmt::format(" {}", part.name), std::string(state)});
    objects += fmt::format(R"({}{{"name":"{}","state":"{}"}})", objects.empty() ? "" : ",",
                           part.name, state);
    if (program && running) next = fmt::format("tidemark {} status", part.name);
  }
  if (json) {
    output_.out(fmt::format("{{\"v\":1,\"version\":\"{}\",\"parts\":[{}]}}\n", version(), objects));
    return kExitOk;
  }
  output_.out(fmt::format("tidemark {}\n{}\nNext:\n  {}\n  tidemark doctor\n  tidemark demo\n",
                          version(), table.text(output_.terminal()), next));
  return kExitOk;
}

int Front::show_version(bool json) {
  std::string text = fmt::format("tidemark {}\n", version());
  std::string objects;
  for (const auto& part : parts()) {
    const auto program = programs_.find(part.name);
    if (!program) continue;
    const auto ran = run_program(*program, {"--version"}, kQuickSeconds);
    const auto said = ran ? first_line(ran->out) : ran.error().text();
    text += fmt::format("{}  ({})\n", said, program->string());
    objects += fmt::format(R"({}{{"name":"{}","version":{},"path":{}}})",
                           objects.empty() ? "" : ",", part.name, json_quote(said),
                           json_quote(program->string()));
  }
  output_.out(json ? fmt::format("{{\"v\":1,\"version\":\"{}\",\"parts\":[{}]}}\n", version(),
                                 objects)
                   : text);
  return kExitOk;
}

int Front::completion(const std::string& shell, std::string tree) {
  if (shell != "bash" && shell != "zsh" && shell != "fish") {
    return output_.usage(fmt::format("no completion for '{}', there are bash, zsh, fish", shell),
                         "tidemark completion bash");
  }
  for (const char* words : {"config keys edge", "config keys gateway", "config keys cloud",
                            "completion bash", "completion zsh", "completion fish"}) {
    tree += fmt::format("{}\t--help\t\n", words);
  }
  for (const auto& part : parts()) {
    for (const auto& c : part.commands) {
      tree += fmt::format("{}\t--json --help\t{}\n", c.name, c.help);
    }
    if (const auto program = programs_.find(part.name)) {
      const auto ran = run_program(*program, {"cli", "__tree"}, kQuickSeconds);
      if (ran && ran->exit_code == kExitOk) tree += ran->out;
    }
  }
  output_.out(completion_script(shell, tree));
  return kExitOk;
}

std::vector<Front::Job> Front::jobs_of(const std::vector<std::string>& files,
                                       const std::string& part) {
  std::vector<Job> jobs;
  for (const auto& named : files) {
    auto found = config_files(named, part, programs_);
    if (!found) {
      const bool absent = found.error().fault() == Fault::unavailable;
      jobs.push_back({.config = {part, named},
                      .exit = absent ? kExitNoInput : kExitUsage,
                      .why = "error: " + found.error().text() + "\n"});
      continue;
    }
    for (auto& one : *found) jobs.push_back({.config = std::move(one)});
  }
  if (files.empty()) {
    for (const auto& p : parts()) {
      const bool meant = part.empty() ? programs_.find(p.name).has_value() : p.name == part;
      if (meant) jobs.push_back({.config = {std::string(p.name), ""}});
    }
    if (jobs.empty()) jobs.push_back({.config = {"edge", ""}});
  }
  for (auto& job : jobs) {
    if (job.exit != kExitOk || programs_.find(job.config.part)) continue;
    job.exit = kExitUnreachable;
    job.why = missing_text(job.config.part);
  }
  return jobs;
}

Ran Front::ask(const Job& job, std::vector<std::string> words) {
  if (job.exit != kExitOk) return {job.exit, "", job.why};
  const auto& c = job.config;
  if (!c.file.empty()) words.insert(words.end(), {"--config", c.file});
  const auto ran = run_program(*programs_.find(c.part), words, kPatienceSeconds);
  if (!ran) return {exit_code(ran.error().fault()), "", "error: " + ran.error().text() + "\n"};
  if (c.drop_in.empty() || ran->exit_code != kExitOk || words.front() != "--check") return *ran;
  return {kExitOk, fmt::format("{}: ok, with {}\n", c.drop_in, c.file), ran->errors};
}

int Front::config_show(const std::vector<std::string>& files, const std::string& part, bool json) {
  const auto jobs = jobs_of(files, part);
  int worst = kExitOk;
  std::string objects;
  for (const auto& job : jobs) {
    const auto ran = ask(job, json ? std::vector<std::string>{"--show", "--json"}
                                   : std::vector<std::string>{"--show"});
    output_.err(ran.errors);
    worst = std::max(worst, ran.exit_code);
    if (ran.exit_code != kExitOk) continue;
    if (json) {
      objects += (objects.empty() ? "" : ",") + first_line(ran.out);
    } else {
      output_.out((jobs.size() > 1 ? "# " + job.config.part + "\n" : "") + ran.out);
    }
  }
  if (json) output_.out(fmt::format("{{\"v\":1,\"parts\":[{}]}}\n", objects));
  return worst;
}

int Front::config_keys(const std::string& part) {
  const auto* known = part_of(part);
  if (known == nullptr || known->name != part) {
    return output_.usage(fmt::format("there is no part '{}', there are edge, gateway, cloud", part),
                         "tidemark config keys edge");
  }
  if (!programs_.find(part)) return missing_part(part);
  const auto ran = ask({.config = {part, ""}}, {"--keys"});
  output_.out(ran.out);
  output_.err(ran.errors);
  return ran.exit_code;
}

int Front::config_check(const std::vector<std::string>& files, const std::string& part,
                        bool json) {
  int worst = kExitOk;      // of all but those of which nobody spoke
  bool any = false;         // a configuration was there
  std::string objects, absent;
  for (const auto& job : jobs_of(files, part)) {
    const auto ran = ask(job, {"--check"});
    const auto& file = job.config.file;
    const bool ok = ran.exit_code == kExitOk;
    const bool unspoken = file.empty() && part.empty() && ran.exit_code == kExitNoInput &&
                          !is_named(job.config.part);
    any = any || !unspoken;
    objects += fmt::format(R"({}{{"part":"{}","file":{},"ok":{},"exit":{},"text":{}}})",
                           objects.empty() ? "" : ",", job.config.part,
                           file.empty() ? "null" : json_quote(file), ok, ran.exit_code,
                           json_quote(ran.out + ran.errors));
    if (unspoken) {
      absent += ran.errors;
      continue;
    }
    worst = std::max(worst, ran.exit_code);
    if (json) continue;
    output_.out(ran.out);
    output_.err(ran.errors);
    if (ok && ran.out.empty()) {
      output_.out(fmt::format("{}: ok\n", file.empty() ? job.config.part : file));
    }
  }
  if (json) {
    output_.out(fmt::format("{{\"v\":1,\"ok\":{},\"parts\":[{}]}}\n", worst == kExitOk, objects));
  }
  if (any) return worst;
  output_.err(absent);  // installed parts without a configuration, and nothing else
  return kExitNoInput;
}

bool Front::is_used(std::string_view part, const std::filesystem::path& program) const {
  std::error_code code;
  if (is_named(part)) return true;
  if (std::filesystem::exists(fmt::format("/run/tidemark/{}.sock", part), code)) return true;
  const auto ran = run_program(program, {"--check"}, kQuickSeconds);
  return !ran || ran->exit_code != kExitNoInput;
}

void Front::ask_doctor(const Job& job, std::vector<Check>& checks) {
  const auto& part = job.config.part;
  const std::string command = fmt::format("tidemark-{} cli doctor", part);
  const auto ran = ask(job, {"cli", "doctor", "--json"});
  auto found = parse_checks(ran.out);
  if (!found) {
    const auto said = first_line(ran.errors.empty() ? ran.out : ran.errors);
    checks.push_back({CheckState::fail, part.empty() ? job.config.file : part,
                      job.exit != kExitOk ? said
                                          : fmt::format("its doctor ended with {}: {}",
                                                        ran.exit_code, said),
                      job.exit != kExitOk ? "tidemark config check" : command});
    return;
  }
  for (auto& c : *found) {
    c.name = fmt::format("{}: {}", part, c.name);
    checks.push_back(std::move(c));
  }
}

int Front::doctor(const std::vector<std::string>& files, bool json) {
  std::vector<Check> checks = {check_clock()};
  std::error_code code;
  if (files.empty() && std::filesystem::exists(kDataFolder, code)) {
    for (auto& c : check_folder("data", kDataFolder)) {
      // The parts write below it as users of their own; they check that themselves.
      if (c.name.ends_with("disk")) checks.push_back(std::move(c));
    }
  }
  if (!files.empty()) {
    for (const auto& job : jobs_of(files, "")) ask_doctor(job, checks);
    return print_checks(output_, checks, json);
  }
  std::string unused;
  bool any = false;
  for (const auto& part : parts()) {
    const auto program = programs_.find(part.name);
    if (!program) continue;
    if (!is_used(part.name, *program)) {
      unused += fmt::format("{}{}", unused.empty() ? "" : ", ", part.name);
      continue;
    }
    any = true;
    ask_doctor({.config = {std::string(part.name), ""}}, checks);
  }
  if (!any && unused.empty()) {
    checks.push_back({CheckState::fail, "parts", "no tidemark-edge, -gateway or -cloud found",
                      "apt install tidemark-edge"});
  } else if (!any) {
    checks.push_back({CheckState::fail, "parts", "installed and without a configuration: " + unused,
                      "an edge.toml in /etc/tidemark, or where TIDEMARK_EDGE_CONFIG says"});
  } else if (!unused.empty()) {
    checks.push_back({CheckState::ok, "parts", "installed and not configured here: " + unused, ""});
  }
  return print_checks(output_, checks, json);
}

int Front::demo(const std::vector<std::string>& words) {
  const auto& bin = programs_.folder();
  // Beside this program, as installed, and from a build tree (build/PRESET/bin).
  for (const auto& script : {bin / "tidemark-demo", bin / "../share/tidemark/demo/demo",
                             bin / "../../../packaging/demo"}) {
    std::error_code code;
    if (!std::filesystem::is_regular_file(script, code) || access(script.c_str(), X_OK) != 0) {
      continue;
    }
    setenv("TIDEMARK_BIN", bin.c_str(), 1);  // the programs that it shall start
    return output_.fail(become_program(script.lexically_normal(), words));
  }
  output_.err("error: the demo is not installed here\n  try: apt install tidemark-demo\n");
  return kExitUnreachable;
}

}  // namespace tidemark::cli
