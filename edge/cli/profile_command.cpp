#include "edge/cli/profile_command.h"

#include <fmt/format.h>

#include <array>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/table.h"
#include "edge/cli/agent.h"
#include "edge/config/edge_config.h"
#include "edge/profile/csv.h"

namespace tidemark::edge {
namespace {

using cli::Align;
using cli::Output;
using cli::Table;
using json = nlohmann::ordered_json;
using profile::Library;
using profile::Profile;

class ProfileWords {
 public:
  ProfileWords(cli::Command& c, Output& out) : out_(out), probing_(add_probe(c, out)) {
    list(c.add("list", "All profiles of this machine."));
    show(c.add("show", "One profile, point by point."));
    check(c.add("check", "Problems and traps of profile files."));
    export_(c.add("export", "A profile's points as a table (CSV)."));
    import_(c.add("import", "A profile from a table (CSV)."));
    schema(c.add("schema", "The JSON Schema of profile files, for editors."));
  }

 private:
  void common(cli::Command& c) {
    c.flag("--json", json_, "One JSON object instead of text.");
    c.option("--profiles", folders_, "A folder to look into first.", "FOLDER");
    c.option("--config", config_, "The agent's configuration, for its profile_path.", "FILE");
  }
  [[nodiscard]] Library library() const { return library_of(folders_, agent_); }

  void act(cli::Command& c, std::function<int()> action) {
    c.action(with_agent(config_, agent_, out_, std::move(action)));
  }

  void list(cli::Command& c) {
    common(c);
    act(c, [this] {
      Table table({{"profile"}, {"device"}, {"protocol"}, {"points", Align::right}, {"verified"}});
      json all = json::array();
      const auto profiles = library();
      for (const auto& name : profiles.names()) {
        const auto protocol = profiles.protocol(name);
        if (protocol.ok() && profile::is_mqtt(*protocol)) {
          list_mqtt(profiles, name, *protocol, table, all);
          continue;
        }
        const auto loaded = profiles.load(name);
        json one = {{"id", name}, {"protocol", protocol.ok() ? *protocol : ""}};
        std::string device, points, verified;
        if (loaded) {
          device = loaded->vendor + " " + loaded->model;
          points = std::to_string(loaded->points.size());
          verified = loaded->verified;
          one.update({{"vendor", loaded->vendor}, {"model", loaded->model},
                      {"points", loaded->points.size()}, {"verified", loaded->verified}});
        } else if (protocol.ok() && *protocol == "modbus") {
          verified = "has problems: tidemark profile check " + name;
          one["error"] = loaded.error().text();
        }
        table.row({name, device, protocol.ok() ? *protocol : "?", points, verified});
        all.push_back(std::move(one));
      }
      out_.out(json_ ? json{{"v", 1}, {"profiles", all}}.dump() + "\n"
                     : table.text(out_.terminal()));
      return static_cast<int>(kExitOk);
    });
  }

  static void list_mqtt(const Library& profiles, const std::string& name,
                        const std::string& protocol, Table& table, json& all) {
    const auto p = profiles.load_mqtt(name);
    json one = {{"id", name}, {"protocol", protocol}};
    if (!p) {
      one["error"] = p.error().text();
      table.row({name, "", protocol, "", "has problems: tidemark profile check " + name});
    } else {
      one.update({{"vendor", p->vendor}, {"model", p->model}, {"points", p->points.size()},
                  {"verified", p->verified}});
      table.row({name, p->vendor + " " + p->model, protocol, std::to_string(p->points.size()),
                 p->verified});
    }
    all.push_back(std::move(one));
  }

  int show_mqtt(const profile::MqttProfile& p) {
    if (json_) {
      json points = json::array();
      for (const auto& point : p.points) {
        points.push_back({{"name", point.metric}, {"path", point.path}, {"unit", point.unit}});
      }
      out_.out(json{{"v", 1}, {"id", p.id}, {"vendor", p.vendor}, {"model", p.model},
                    {"source", p.source}, {"verified", p.verified}, {"topics", p.topics},
                    {"device", p.device}, {"time", p.time}, {"points", points}}.dump() + "\n");
      return kExitOk;
    }
    std::string topics;
    for (const auto& t : p.topics) topics += (topics.empty() ? "" : ", ") + t;
    out_.out(fmt::format("{} {}   {}\n source    {}\n verified  {}\n topics    {}\n device    {}\n"
                         " time      {}\n", p.vendor, p.model, p.id, p.source, p.verified, topics,
                         p.device, p.time.empty() ? "the usual names" : p.time));
    Table table({{"point"}, {"where"}, {"unit"}});
    for (const auto& point : p.points) table.row({point.metric, point.path, point.unit});
    out_.out(table.text(out_.terminal()));
    return kExitOk;
  }

  void show(cli::Command& c) {
    common(c);
    c.argument("ID", id_, "Which one.");
    act(c, [this] {
      const auto profiles = library();
      const auto protocol = profiles.protocol(id_);
      if (protocol.ok() && profile::is_mqtt(*protocol)) {
        const auto loaded = profiles.load_mqtt(id_);
        if (!loaded) return out_.fail(loaded.error(), "tidemark profile check " + id_);
        return show_mqtt(*loaded);
      }
      const auto loaded = profiles.load(id_);
      if (!loaded) return out_.fail(loaded.error(), "tidemark profile list");
      if (json_) return show_json(*loaded);
      const auto& p = *loaded;
      out_.out(fmt::format("{} {}   {}\n source    {}\n verified  {}\n", p.vendor, p.model, p.id,
                           p.source, p.verified));
      Table table({{"point"}, {"where"}, {"type"}, {"unit"}, {"plausible"}, {"class"}});
      for (const auto& point : p.points) {
        table.row({point.name, place_of(point), type_of(point), point.unit, range_of(point),
                   point.poll_class});
      }
      out_.out(table.text(out_.terminal()));
      return static_cast<int>(kExitOk);
    });
  }

  int show_json(const Profile& p) {
    json points = json::array();
    for (const auto& point : p.points) {
      points.push_back({{"name", point.name}, {"function", point.function},
                        {"address", point.address}, {"models", point.models},
                        {"registers", point.registers}, {"type", type_of(point)},
                        {"unit", point.unit}, {"class", point.poll_class},
                        {"min", point.min ? json(*point.min) : json(nullptr)},
                        {"max", point.max ? json(*point.max) : json(nullptr)}});
    }
    out_.out(json{{"v", 1}, {"id", p.id}, {"vendor", p.vendor}, {"model", p.model},
                  {"source", p.source}, {"verified", p.verified}, {"points", points}}
                 .dump() + "\n");
    return kExitOk;
  }

  static std::string place_of(const profile::Point& p) {
    if (p.models.empty()) return fmt::format("FC{} {:#06x}", p.function, p.address);
    return fmt::format("model {} +{}", p.models.front(), p.address);
  }
  static std::string type_of(const profile::Point& p) {
    constexpr std::array kNames = {"u16", "i16", "u32", "i32", "u64",
                                   "i64", "f32", "f64", "bits", "string"};
    std::string text = kNames[static_cast<std::size_t>(p.type)];
    if (p.registers > 1 && p.is_number()) text += " " + std::string(to_string(p.byte_order));
    return text;
  }
  static std::string range_of(const profile::Point& p) {
    if (!p.min && !p.max) return "";
    return fmt::format("{}…{}", p.min ? json_number(*p.min) : "", p.max ? json_number(*p.max) : "");
  }

  void check(cli::Command& c) {
    common(c);
    c.arguments("FILE", files_, "Files, or ids of installed profiles; all of them when left out.");
    act(c, [this] { return run_check(); });
  }

  int run_check() {
    const auto profiles = library();
    auto files = files_;
    if (files.empty()) files = profiles.names();
    json all = json::array();
    std::size_t errors = 0, warnings = 0, checked = 0;
    for (const auto& word : files) {
      std::filesystem::path file = word;
      if (word.find('/') == std::string::npos && !word.ends_with(".toml")) {
        const auto found = profiles.find(word);
        if (!found) return out_.fail(found.error(), "tidemark profile list");
        file = *found;
      }
      std::error_code missing;
      if (!std::filesystem::exists(file, missing)) {
        out_.err("error: " + file.string() + ": no such file\n");
        return kExitNoInput;
      }
      ++checked;
      for (const auto& p : profiles.check(file).problems) {
        ++(p.warning ? warnings : errors);
        all.push_back({{"file", p.file}, {"line", p.line}, {"column", p.column},
                       {"warning", p.warning}, {"text", p.text}});
        if (!json_) out_.err(config::render(p) + "\n");
      }
    }
    if (json_) {
      out_.out(json{{"v", 1}, {"checked", checked}, {"errors", errors}, {"warnings", warnings},
                    {"problems", all}}.dump() + "\n");
    } else {
      out_.out(fmt::format("{} profiles: {} errors, {} warnings\n", checked, errors, warnings));
    }
    return errors > 0 ? kExitProblems : kExitOk;
  }

  void export_(cli::Command& c) {
    common(c);
    c.argument("ID", id_, "Which one.");
    c.option("--csv", file_, "Write it to a file instead of here.", "FILE");
    act(c, [this] {
      const auto loaded = library().load(id_);
      if (!loaded) return out_.fail(loaded.error(), "tidemark profile list");
      return put(profile::to_csv(*loaded));
    });
  }

  void schema(cli::Command& c) {
    c.option("--output", file_, "Write it to a file instead of here.", "FILE");
    c.action([this] { return put(profile::json_schema()); });
  }

  void import_(cli::Command& c) {
    common(c);
    c.argument("FILE", csv_, "A table with a header: name, address, type and more.");
    c.option("--id", meta_.id, "The new profile's name.", "ID");
    c.option("--vendor", meta_.vendor, "");
    c.option("--model", meta_.model, "");
    c.option("--from", meta_.source, "Where the addresses are from.");
    c.option("--verified", meta_.verified, "\"one source\" when left out.");
    c.option("--output", file_, "Write it to a file instead of here.", "FILE");
    act(c, [this] { return run_import(); });
  }

  int run_import() {
    const auto csv = read_file(csv_, Library::kFileBytesMax);
    if (!csv) return out_.fail(csv.error());
    if (meta_.id.empty()) meta_.id = std::filesystem::path(csv_).stem().string();
    if (meta_.source.empty()) meta_.source = csv_;
    if (meta_.verified.empty()) meta_.verified = "one source";
    const auto made = profile::from_csv(*csv, csv_, meta_);
    if (!made) {
      out_.fail(made.error());
      return kExitBadData;
    }
    const auto checked = library().check_text(made->toml, meta_.id + ".toml");
    for (auto problem : checked.problems) {
      const auto line = static_cast<std::size_t>(problem.line);
      if (line < made->row.size() && made->row[line] > 0) {
        problem.file = csv_;
        problem.line = static_cast<int>(made->row[line]);
        problem.column = 1;
      }
      out_.err(config::render(problem) + "\n");
    }
    return checked.ok ? put(made->toml) : static_cast<int>(kExitBadData);
  }

  int put(const std::string& text) {
    if (file_.empty()) {
      out_.out(text);
      return kExitOk;
    }
    const auto done = write_file(file_, text, 0644);
    if (!done) {
      out_.fail(done.error());
      return kExitCannotCreate;
    }
    out_.err(file_ + " is written\n");
    return kExitOk;
  }

  Output& out_;
  Agent agent_;
  std::shared_ptr<void> probing_;
  bool json_ = false;
  std::string config_, id_, file_, csv_;
  std::vector<std::string> folders_, files_;
  profile::CsvMeta meta_;
};

}  // namespace

profile::Library library_of(std::vector<std::string> folders, const Agent& agent) {
  folders.insert(folders.end(), agent.profile_path.begin(), agent.profile_path.end());
  return profile::Library(profile::search_folders(folders));
}

std::shared_ptr<void> add_profile(cli::Command& root, Output& output) {
  auto& c = root.add("profile", "What devices have: register maps with plausible ranges.");
  return std::make_shared<ProfileWords>(c, output);
}

}  // namespace tidemark::edge
