// Configuration: declared once, read from TOML, with every problem told at once and in its place.
//
// A part of the program declares its settings in one function over its own struct:
//
//   void describe(config::Section& s, RingConfig& c) {
//     s.bytes("size", c.size, {.preset = "2 GiB", .min = "1 MiB", .help = "Space for the ring."});
//     s.duration("sync_interval", c.sync_interval, {.preset = "500ms", .help = "…"});
//   }
//   void describe(config::Section& s, EdgeConfig& c) {
//     s.text("edge", c.edge, {.required = true, .help = "…"});
//     s.table("ring", c.ring);
//     s.tables("source.mqtt", c.mqtt);     // std::vector<MqttConfig>, from [[source.mqtt]]
//   }
//
// The same function parses a file, writes the reference page and prints what is in force with its
// origin (`tidemark config show`). Values that are missing get `preset`, an unknown key
// is an error with the nearest known one, and a wrong value names what was expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"

namespace tidemark::config {

struct Problem {
  std::string file;  // empty when it is about no file
  int line = 0;
  int column = 0;
  bool warning = false;
  std::string text;         // what, why and what to do next
  std::string source = {};  // the line of the file, for the mark under it; may be empty
  int length = 1;           // of what is marked, in characters
};
// "edge.toml:4:3: error: unknown key 'byte_ordr' in [modbus], did you mean 'byte_order'?", then the
// line itself with a mark under the column.
std::string render(const Problem& problem);

// How a setting is declared. Texts are as a user would write them, units included.
struct Rule {
  std::string_view preset = "";  // the default; for lists "a, b"
  std::string_view min = "";
  std::string_view max = "";
  bool required = false;
  bool path = false;  // texts that name files or folders: located() is done to what is written
  std::string_view help = "";
  std::string_view example = "";
};
// When a new value counts: of a table, with all that is in it.
enum class Applies : std::uint8_t { at_restart, at_reload };

// One setting with its value in force and where that comes from: "edge.toml:4",
// "environment TIDEMARK_EDGE__RING__SIZE" or "default".
struct Setting {
  std::string key;  // "ring.size", "source.mqtt[0].name"
  std::string value;
  std::string origin;
};
// "ring.size = 2 GiB # edge.toml:4", a line each.
std::string text_of(const std::vector<Setting>& settings);
// [{"key":"ring.size","value":"2 GiB","origin":"edge.toml:4"},…]
std::string json_of(const std::vector<Setting>& settings);

class Section {
 public:
  virtual ~Section() = default;
  virtual void text(std::string_view key, std::string& value, const Rule& rule) = 0;
  virtual void flag(std::string_view key, bool& value, const Rule& rule) = 0;
  virtual void integer(std::string_view key, std::int64_t& value, const Rule& rule) = 0;
  virtual void number(std::string_view key, double& value, const Rule& rule) = 0;
  // Stays empty when the key is missing and the rule has no preset.
  virtual void number(std::string_view key, std::optional<double>& value, const Rule& rule) = 0;
  virtual void duration(std::string_view key, Nanoseconds& value, const Rule& rule) = 0;
  virtual void bytes(std::string_view key, Bytes& value, const Rule& rule) = 0;
  virtual void choice(std::string_view key, std::string& value,
                      const std::vector<std::string>& allowed, const Rule& rule) = 0;
  virtual void texts(std::string_view key, std::vector<std::string>& value, const Rule& rule) = 0;
  virtual void pairs(std::string_view key, std::map<std::string, std::string>& value,
                     const Rule& rule) = 0;  // { area = "stamping" }
  // A list of numbers (window widths of a filter, register lists).
  virtual void numbers(std::string_view key, std::vector<double>& value, const Rule& rule) = 0;

  // [name] and [[name]]; the name may have dots.
  template <typename T>
  void table(std::string_view name, T& value, std::string_view help = "") {
    enter(name, help);
    describe(*this, value);
    leave();
  }
  template <typename T>
  void tables(std::string_view name, std::vector<T>& values, std::string_view help = "",
              Applies applies = Applies::at_restart) {
    const auto n = enter_all(name, help, applies);
    values.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      enter_item(i);
      describe(*this, values[i]);
      leave();
    }
    leave_all();
  }
  // Whether this section has the key or table at all: for tables that may be left out.
  [[nodiscard]] virtual bool has(std::string_view key) const = 0;
  // A problem about a key of this section, found by the caller's own rule. The key may lead into
  // tables and lists below: "source.mqtt[1].name".
  virtual void complain(std::string_view key, std::string text) = 0;
  virtual void warn(std::string_view key, std::string text) = 0;
  // The path of a file or folder, or ipc://PATH, as it is written in a configuration, counted from
  // the folder of its main file wherever a program is started: absolute. Without a file (a text
  // alone), and for what is no path (tcp://…), as it is.
  [[nodiscard]] virtual std::string located(std::string written) const { return written; }
  // Where a key of this section stands: "edge.toml:4:3"; for errors found later.
  [[nodiscard]] virtual std::string place(std::string_view key) const = 0;

 protected:
  virtual void enter(std::string_view name, std::string_view help) = 0;
  virtual void leave() = 0;
  virtual std::size_t enter_all(std::string_view name, std::string_view help, Applies applies) = 0;
  virtual void enter_item(std::size_t index) = 0;
  virtual void leave_all() = 0;
};

struct Sources {
  std::filesystem::path file;      // /etc/tidemark/edge.toml; may be missing: all presets
  std::filesystem::path drop_ins;  // /etc/tidemark/edge.d: *.toml in name order; may be missing
  std::string environment_prefix;  // "TIDEMARK_EDGE__": TIDEMARK_EDGE__RING__SIZE=1GiB
};

// What the files hold now; another number as soon as one of them says something else. What cannot
// be read is as if it were empty.
std::uint64_t content_of(const Sources& sources);
// The same of one file that a configuration names, on top of others' `seed`.
std::uint64_t content_of(const std::filesystem::path& file, std::uint64_t seed);

// Reads the files, puts variables of the environment into their texts (${NAME}, ${NAME:-otherwise},
// ${NAME:?why}; $${ for ${ itself), merges drop-ins (later wins key by key, arrays of tables
// append), overrides from the environment, and hands out a Section over the result. Files above
// 1 MiB are refused.
class Document {
 public:
  static Document read(const Sources& sources);
  // One text, for tests and profiles. `name` stands for the file in problems. Without settings():
  // a register map of a thousand points has 20,000 of them.
  enum class Keep : std::uint8_t { settings, problems };
  static Document parse(std::string_view toml, std::string name, Keep keep = Keep::settings);
  ~Document();
  Document(Document&&) noexcept;

  // Fills `value`; what is wrong is in problems() afterwards, with unknown keys.
  template <typename T>
  void fill(T& value) {
    describe(section(), value);
    finish();
  }
  [[nodiscard]] const std::vector<Problem>& problems() const;
  [[nodiscard]] bool ok() const;  // no problem but warnings
  // Every file could be read; else fill() filled in what their readable lines say, and presets.
  [[nodiscard]] bool whole() const;
  [[nodiscard]] const std::vector<Setting>& settings() const;

 private:
  struct State;
  explicit Document(std::unique_ptr<State> state);
  Section& section();
  void finish();
  std::unique_ptr<State> state_;
};

// The reference page (Markdown) of everything that T's describe() declares.
std::unique_ptr<Section> reference_section(std::string& out);
template <typename T>
std::string reference() {
  std::string out;
  T value{};
  describe(*reference_section(out), value);
  return out;
}

}  // namespace tidemark::config
