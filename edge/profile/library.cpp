#include "edge/profile/library.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/disk.h"
#include "common/base/text.h"
#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamesMax = 10'000;
constexpr auto kKeep = config::Document::Keep::problems;
constexpr const char* kModbus = "modbus";

Library::Checked failed(const fs::path& file, std::string text) {
  Library::Checked out;
  config::Problem problem;
  problem.file = file.string();
  problem.text = std::move(text);
  out.problems.push_back(std::move(problem));
  return out;
}

}  // namespace

std::vector<fs::path> search_folders(const std::vector<std::string>& first) {
  std::vector<fs::path> folders(first.begin(), first.end());
  folders.emplace_back("/etc/tidemark/profiles");
  folders.emplace_back("/usr/share/tidemark/profiles");
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto bin = program.parent_path();
    folders.push_back((bin / "../share/tidemark/profiles").lexically_normal());
    folders.push_back((bin / "../../../firmware-profiles").lexically_normal());
  }
  return folders;
}

std::vector<std::string> Library::names() const {
  std::vector<std::string> out;
  for (const auto& folder : folders_) {
    std::error_code error;
    fs::directory_iterator it(folder, error);
    for (; !error && it != fs::directory_iterator() && out.size() < kNamesMax;
         it.increment(error)) {
      if (it->path().extension() == ".toml") out.push_back(it->path().stem().string());
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<fs::path> Library::find(const std::string& name) const {
  std::error_code error;
  // A name is not a path: nothing outside the folders is read for it.
  if (name.find('/') == std::string::npos && name != ".." && !name.empty()) {
    for (const auto& folder : folders_) {
      auto file = folder / (name + ".toml");
      if (fs::is_regular_file(file, error)) return file;
    }
  }
  const auto known = names();
  const auto near = nearest(name, known);
  std::string hint;
  if (!near.empty()) {
    hint = fmt::format("did you mean '{}'?", near);
  } else if (known.empty()) {
    hint = "there are none in";
    for (const auto& folder : folders_) hint += " " + folder.string();
  } else {
    hint = fmt::format("known are {}", fmt::join(known, ", "));
  }
  return Error{Fault::bad_input, fmt::format("unknown profile '{}'; {}", name, hint)};
}

Result<std::string> Library::protocol(const std::string& name) const {
  TIDE_ASSIGN(const auto file, find(name));
  TIDE_ASSIGN(const auto text, read_file(file, kFileBytesMax));
  auto document = config::Document::parse(text, file.string(), kKeep);
  ProfileHead head;
  document.fill(head);
  if (head.protocol.empty()) {
    return Error{Fault::bad_input, fmt::format("{}: [profile] has no protocol", file.string())};
  }
  return head.protocol;
}

Result<Library::Checked> Library::load_of(const std::string& name, bool mqtt) const {
  TIDE_ASSIGN(const auto protocol_name, protocol(name));
  if (is_mqtt(protocol_name) != mqtt) {
    return Error{Fault::bad_input,
                 fmt::format("profile '{}' is for {}, not for {}; use it in a source of that "
                             "protocol", name, protocol_name, mqtt ? "MQTT" : kModbus)};
  }
  TIDE_ASSIGN(const auto file, find(name));
  auto checked = check(file);
  if (checked.ok) return checked;
  std::string text;
  for (const auto& p : checked.problems) {
    text += (text.empty() ? "" : "\n") + config::render(p);
  }
  return Error{Fault::bad_input, std::move(text)};
}

Result<Profile> Library::load(const std::string& name) const {
  TIDE_ASSIGN(auto checked, load_of(name, false));
  return std::move(checked.profile);
}

Result<MqttProfile> Library::load_mqtt(const std::string& name) const {
  TIDE_ASSIGN(auto checked, load_of(name, true));
  return std::move(checked.mqtt);
}

std::vector<fs::path> Library::files(const std::string& name) const {
  std::vector<fs::path> out;
  auto next = name;
  while (!next.empty() && out.size() <= static_cast<std::size_t>(kExtendsMax)) {
    const auto file = find(next);
    const auto text = file ? read_file(*file, kFileBytesMax) : Result<std::string>(file.error());
    if (!text) break;
    ProfileHead head;
    auto document = config::Document::parse(*text, file->string(), kKeep);
    document.fill(head);
    out.push_back(*file);
    next = head.extends;
  }
  return out;
}

Library::Checked Library::check(const fs::path& file) const { return check(file, {}); }

Library::Checked Library::check(const fs::path& file, std::vector<std::string> children) const {
  auto text = read_file(file, kFileBytesMax);
  if (!text) return failed(file, text.error().text());
  return check_text(*text, file, std::move(children));
}

Library::Checked Library::check_text(const std::string& text, const fs::path& file) const {
  return check_text(text, file, {});
}

Library::Checked Library::check_text(const std::string& text, const fs::path& file,
                                     std::vector<std::string> children) const {
  const auto name = file.stem().string();
  children.push_back(name);
  ProfileHead head;
  {
    auto document = config::Document::parse(text, file.string(), kKeep);
    document.fill(head);
  }
  if (is_mqtt(head.protocol)) {
    MqttProfileFile content;
    content.expected_id = name;
    auto document = config::Document::parse(text, file.string(), kKeep);
    document.fill(content);
    Checked out;
    out.mqtt = std::move(content.profile);
    out.problems = document.problems();
    out.ok = document.ok();
    return out;
  }
  Checked parent;
  if (!head.extends.empty()) {
    if (std::find(children.begin(), children.end(), head.extends) != children.end()) {
      return failed(file, fmt::format("profile.extends goes round in a circle: {} -> {}",
                                      fmt::join(children, " -> "), head.extends));
    }
    if (children.size() > static_cast<std::size_t>(kExtendsMax)) {
      return failed(file, fmt::format("profile.extends is deeper than {}: {}", kExtendsMax,
                                      fmt::join(children, " -> ")));
    }
    auto parent_file = find(head.extends);
    if (!parent_file) return failed(file, "profile.extends: " + parent_file.error().text());
    parent = check(*parent_file, children);
    if (!parent.ok) return parent;
  }
  ProfileFile content;
  content.expected_id = name;
  if (!head.extends.empty()) content.parent = &parent.profile;
  auto document = config::Document::parse(text, file.string(), kKeep);
  document.fill(content);
  Checked out;
  out.profile = std::move(content.profile);
  out.problems = document.problems();
  out.ok = document.ok();
  return out;
}

}  // namespace tidemark::profile
