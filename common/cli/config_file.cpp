#include "common/cli/config_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

namespace tidemark::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kQuickSeconds = 5;

// The part of whose drop-ins the folder is.
std::string_view part_of_folder(const fs::path& folder) {
  const auto name = folder.filename().string();
  if (name == "views.d") return "cloud";
  for (const auto& part : parts()) {
    if (name == std::string(part.name) + ".d") return part.name;
  }
  return "";
}

std::string_view part_of_name(const fs::path& file) {
  for (const auto& part : parts()) {
    if (file.filename().string().starts_with(part.name)) return part.name;
  }
  return "";
}

std::size_t count_of(std::string_view words, std::string_view text) {
  std::size_t n = 0;
  for (auto at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) ++n;
  return n;
}

// The one that does not know the fewest keys of it; empty when two are as good.
std::string_view part_of_keys(const std::string& file, const Programs& programs) {
  std::string_view best;
  auto fewest = std::numeric_limits<std::size_t>::max();
  for (const auto& part : parts()) {
    const auto program = programs.find(part.name);
    if (!program) continue;
    const auto ran = run_program(*program, {"--check", "--config", file}, kQuickSeconds);
    if (!ran) continue;
    const auto unknown = count_of("unknown key", ran->errors);
    if (unknown == fewest) best = "";
    if (unknown >= fewest) continue;
    fewest = unknown;
    best = part.name;
  }
  return best;
}

Result<ConfigFile> drop_in(const fs::path& named, std::string_view part) {
  if (named.extension() != ".toml") {
    return Error{Fault::bad_input, named.string() + ": of " + named.parent_path().string() +
                                       " only files that end in .toml are read"};
  }
  const auto main_file =
      named.parent_path().parent_path() / (std::string(part) + ".toml");
  std::error_code code;
  if (!fs::exists(main_file, code)) return ConfigFile{std::string(part), named.string()};
  return ConfigFile{std::string(part), main_file.string(), named.string()};
}

}  // namespace

Result<std::vector<ConfigFile>> config_files(const std::string& named, std::string_view part,
                                             const Programs& programs) {
  std::error_code code;
  if (access(named.c_str(), R_OK) != 0) {
    return Error{Fault::unavailable, named + (fs::exists(named, code) ? ": not ours to read"
                                                                      : ": no such file")};
  }
  if (fs::is_directory(named, code)) {
    std::vector<ConfigFile> all;
    for (const auto& p : parts()) {
      const auto file = fs::path(named) / (std::string(p.name) + ".toml");
      if (!part.empty() && p.name != part) continue;
      if (fs::exists(file, code)) all.push_back({std::string(p.name), file.string()});
    }
    if (!all.empty()) return all;
    return Error{Fault::unavailable, named + ": a folder without edge.toml, gateway.toml and "
                                             "cloud.toml"};
  }
  const auto folder = fs::absolute(named, code).parent_path();
  const auto owner = part_of_folder(folder);
  if (!owner.empty() && (part.empty() || part == owner)) {
    TIDE_ASSIGN(auto one, drop_in(folder / fs::path(named).filename(), owner));
    return std::vector{std::move(one)};
  }
  if (part.empty()) part = part_of_name(named);
  if (part.empty()) part = part_of_keys(named, programs);
  if (!part.empty()) return std::vector{ConfigFile{std::string(part), named}};
  return Error{Fault::bad_input,
               named + ": whose configuration is it? neither its name (edge.toml, gateway.toml, "
                       "cloud.toml, edge.d/x.toml, views.d/x.toml) nor its keys tell; say --part "
                       "edge, gateway or cloud"};
}

}  // namespace tidemark::cli
