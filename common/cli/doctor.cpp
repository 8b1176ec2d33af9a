#include "common/cli/doctor.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/table.h"

namespace tidemark::cli {
namespace {

constexpr std::uint64_t kFreePercentWarn = 10;
constexpr std::uint64_t kFreePercentFail = 2;

std::string_view word(CheckState state) {
  switch (state) {
    case CheckState::ok: return "ok";
    case CheckState::warn: return "WARN";
    case CheckState::fail: return "FAIL";
  }
  return "";
}

Tone tone(CheckState state) {
  switch (state) {
    case CheckState::ok: return Tone::good;
    case CheckState::warn: return Tone::warning;
    case CheckState::fail: return Tone::bad;
  }
  return Tone::plain;
}

}  // namespace

int print_checks(Output& output, const std::vector<Check>& checks, bool json) {
  int failed = 0;
  int warnings = 0;
  Table table({{"", Align::left}, {"", Align::left}, {"", Align::left}});
  std::string objects;
  for (const auto& c : checks) {
    failed += c.state == CheckState::fail ? 1 : 0;
    warnings += c.state == CheckState::warn ? 1 : 0;
    table.row({output.paint(tone(c.state), word(c.state)), c.name,
               c.text + (c.next.empty() ? "" : "  try: " + c.next)});
    static constexpr std::string_view kWords[] = {"ok", "warn", "fail"};
    objects += fmt::format(R"({}{{"state":"{}","name":{},"text":{},"next":{}}})",
                           objects.empty() ? "" : ",", kWords[static_cast<int>(c.state)],
                           json_quote(c.name), json_quote(c.text),
                           c.next.empty() ? "null" : json_quote(c.next));
  }
  if (json) {
    output.out(fmt::format("{{\"v\":1,\"checks\":[{}]}}\n", objects));
  } else {
    Terminal all = output.terminal();
    all.width = 0;  // what to try next is at the end of the line, never cut
    output.out(table.text(all));
    output.out(failed + warnings == 0
                   ? fmt::format("{} checks, all well.\n", checks.size())
                   : fmt::format("{} failed, {} warning{}.\n", failed, warnings,
                                 warnings == 1 ? "" : "s"));
  }
  return failed > 0 ? kExitProblems : kExitOk;
}

Result<std::vector<Check>> parse_checks(std::string_view json) {
  const auto parsed = nlohmann::ordered_json::parse(json, nullptr, false);
  const auto bad = Error(Fault::bad_input, R"(not the JSON of doctor, expected {"v":1,"checks":…)");
  if (parsed.is_discarded() || !parsed.is_object()) return bad;
  const auto list = parsed.find("checks");
  if (list == parsed.end() || !list->is_array()) return bad;
  std::vector<Check> checks;
  const auto text_of = [](const nlohmann::ordered_json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  for (const auto& object : *list) {
    if (!object.is_object()) return bad;
    const auto state = text_of(object, "state");
    checks.push_back({state == "ok"     ? CheckState::ok
                      : state == "warn" ? CheckState::warn
                                        : CheckState::fail,
                      text_of(object, "name"), text_of(object, "text"), text_of(object, "next")});
    if (checks.back().name.empty()) return bad;  // of other keys: better said than half shown
  }
  return checks;
}

std::vector<Check> check_folder(const std::string& name, const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::path there = folder;
  while (!std::filesystem::exists(there, code) && there.has_parent_path() &&
         there != there.parent_path()) {
    there = there.parent_path();
  }
  std::vector<Check> checks;
  struct statvfs disk {};
  if (statvfs(there.c_str(), &disk) == 0 && disk.f_blocks > 0) {
    const std::uint64_t percent = std::uint64_t{100} * disk.f_bavail / disk.f_blocks;
    const auto state = percent < kFreePercentFail   ? CheckState::fail
                       : percent < kFreePercentWarn ? CheckState::warn
                                                    : CheckState::ok;
    checks.push_back({state, name + " disk",
                      fmt::format("{} {} % free, {}", there.string(), percent,
                                  format_bytes(Bytes{disk.f_bavail * disk.f_frsize})),
                      state == CheckState::ok ? "" : "df -h " + there.string()});
  }
  if (access(there.c_str(), W_OK) != 0) {
    checks.push_back({CheckState::fail, name + " folder",
                      fmt::format("{} is not ours to write", there.string()),
                      "ls -ld " + there.string()});
  } else {
    checks.push_back({CheckState::ok, name + " folder",
                      fmt::format("{}{}", folder.string(),
                                  there == folder ? "" : " will be made at the first start"),
                      ""});
  }
  return checks;
}

}  // namespace tidemark::cli
