#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/disk.h"
#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/config/tree_section.h"

namespace tidemark::config {
namespace {

constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::size_t kFilesMax = 1000;

std::vector<std::filesystem::path> drop_ins_in(const std::filesystem::path& folder,
                                               std::vector<Problem>& problems) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (folder.empty() || !std::filesystem::exists(folder, error)) return files;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == ".toml") files.push_back(it->path());
  }
  if (error) {
    problems.push_back({.file = folder.string(),
                        .text = "cannot list the folder: " + error.message()});
  }
  std::sort(files.begin(), files.end());
  if (files.size() > kFilesMax) {
    problems.push_back({.file = folder.string(),
                        .text = fmt::format("{} files, at most {} are read", files.size(),
                                            kFilesMax)});
    files.resize(kFilesMax);
  }
  return files;
}

// What a text that is not valid TOML says on its other lines.
Node readable_lines(TextFile file) {
  constexpr int kBrokenLinesMax = 16;
  for (int i = 0; i < kBrokenLinesMax; ++i) {
    std::vector<Problem> problems;
    auto tree = parse_toml(std::make_shared<TextFile>(file), problems);
    if (problems.empty()) return tree;
    auto lines = split(file.content, '\n');
    // What is not closed is found at the end, and stands above it.
    auto broken = std::min(lines.size(), static_cast<std::size_t>(problems.front().line));
    while (broken > 1 && trim(lines[broken - 1]).empty()) --broken;
    if (broken == 0) break;
    lines[broken - 1] = "";
    file.content = fmt::format("{}", fmt::join(lines, "\n"));
  }
  return {};
}

}  // namespace

std::uint64_t content_of(const Sources& sources) {
  std::vector<Problem> problems;
  auto files = drop_ins_in(sources.drop_ins, problems);
  files.insert(files.begin(), sources.file);
  std::uint64_t hash = 0;
  for (const auto& file : files) {
    hash = content_of(file, xxh3(as_bytes(file.string()), hash));
  }
  return hash;
}

std::uint64_t content_of(const std::filesystem::path& file, std::uint64_t seed) {
  const auto text = read_file(file, kFileBytesMax);
  return xxh3(text ? as_bytes(*text) : ByteSpan(), seed);
}

struct Document::State {
  Node root;
  std::filesystem::path folder;  // of the main file, absolute; empty: a text alone
  std::vector<Problem> problems;
  std::vector<Setting> settings;
  Keep keep = Keep::settings;
  std::vector<std::string> file_order;  // problems are told in it
  std::unique_ptr<TreeSection> section;
  bool unreadable = false;        // a file is missing from the tree
  std::size_t while_reading = 0;  // problems found before describe() asked for anything

  void add_file(const std::filesystem::path& path) {
    file_order.push_back(path.string());
    auto content = read_file(path, kFileBytesMax);
    if (!content) {
      problems.push_back({.file = path.string(), .text = content.error().text()});
      unreadable = true;
      return;
    }
    add_text(path.string(), std::move(*content), true);
  }
  void add_text(std::string name, std::string content, bool with_variables) {
    auto file = std::make_shared<TextFile>(TextFile{std::move(name), std::move(content)});
    const auto before = problems.size();
    auto tree = parse_toml(file, problems);
    if (problems.size() > before) merge(tree, readable_lines(*file));
    if (with_variables) expand_variables(tree, problems);
    if (problems.size() > before) unreadable = true;
    if (!root.value.file) root.key = root.value = tree.value;
    merge(root, std::move(tree));
  }
  void add_environment(const std::string& prefix) {
    std::vector<std::string_view> found;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
      if (std::string_view(*at).starts_with(prefix)) found.emplace_back(*at);
    }
    std::sort(found.begin(), found.end());
    for (const auto variable : found) {
      const auto cut = variable.find('=');
      const auto name = variable.substr(0, cut);
      auto origin = std::make_shared<TextFile>(TextFile{
          fmt::format("environment {}", name), std::string(variable.substr(cut + 1))});
      file_order.push_back(origin->name);
      set_override(root, name.substr(prefix.size()), origin, problems);
    }
  }
  void sort_problems() {
    const auto rank = [&](const Problem& p) {
      return std::find(file_order.begin(), file_order.end(), p.file) - file_order.begin();
    };
    std::stable_sort(problems.begin(), problems.end(), [&](const Problem& a, const Problem& b) {
      return std::tuple(rank(a), a.line, a.column) < std::tuple(rank(b), b.line, b.column);
    });
  }
};

Document::Document(std::unique_ptr<State> state) : state_(std::move(state)) {}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;

Document Document::read(const Sources& sources) {
  auto state = std::make_unique<State>();
  // What no file sets is told at the main file, whether it is there or not.
  auto main_file = std::make_shared<TextFile>(TextFile{sources.file.string(), ""});
  state->root.key = state->root.value = Mark{main_file};
  std::error_code error;
  if (!sources.file.empty()) {
    state->folder = std::filesystem::absolute(sources.file, error).parent_path();
  }
  if (!sources.file.empty() && std::filesystem::exists(sources.file, error)) {
    state->add_file(sources.file);
  }
  for (const auto& path : drop_ins_in(sources.drop_ins, state->problems)) state->add_file(path);
  if (!sources.environment_prefix.empty()) state->add_environment(sources.environment_prefix);
  return Document(std::move(state));
}

Document Document::parse(std::string_view toml, std::string name, Keep keep) {
  auto state = std::make_unique<State>();
  state->keep = keep;
  state->file_order.push_back(name);
  state->add_text(std::move(name), std::string(toml), false);
  return Document(std::move(state));
}

Section& Document::section() {
  state_->settings.clear();
  state_->while_reading = state_->problems.size();
  state_->section =
      std::make_unique<TreeSection>(state_->root, state_->problems,
                                    state_->keep == Keep::settings ? &state_->settings : nullptr,
                                    state_->folder);
  return *state_->section;
}

void Document::finish() {
  state_->section->report_unknown();
  state_->section.reset();
  // Half a configuration has follow-up problems ("edge is missing") that are not there.
  if (state_->unreadable) {
    state_->problems.erase(
        state_->problems.begin() + static_cast<std::ptrdiff_t>(state_->while_reading),
        state_->problems.end());
  }
  state_->sort_problems();
}

const std::vector<Problem>& Document::problems() const { return state_->problems; }

bool Document::ok() const {
  return std::all_of(state_->problems.begin(), state_->problems.end(),
                     [](const Problem& p) { return p.warning; });
}

bool Document::whole() const { return !state_->unreadable; }

const std::vector<Setting>& Document::settings() const { return state_->settings; }

std::string text_of(const std::vector<Setting>& settings) {
  std::string out;
  for (const auto& s : settings) {
    out += fmt::format("{:<36} {:<28} # {}\n", s.key + " =", s.value, s.origin);
  }
  return out;
}

std::string json_of(const std::vector<Setting>& settings) {
  std::string out = "[";
  for (const auto& s : settings) {
    out += fmt::format(R"({}{{"key":{},"value":{},"origin":{}}})", out.size() > 1 ? "," : "",
                       json_quote(s.key), json_quote(s.value), json_quote(s.origin));
  }
  return out + "]";
}

}  // namespace tidemark::config
