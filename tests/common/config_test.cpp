#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/config/section.h"

namespace tidemark::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Detector {
  std::string type;
  std::optional<double> hi;
};
void describe(Section& s, Detector& d) {
  s.choice("type", d.type, {"spike", "limit"}, {.required = true, .help = "What it looks for."});
  s.number("hi", d.hi, {});
}

struct Source {
  std::string name;
  bool durable = false;
  std::vector<std::string> topics;
  std::vector<Detector> detectors;
};
void describe(Section& s, Source& c) {
  s.text("name", c.name, {.required = true, .help = "Its name.", .example = "\"floor\""});
  s.flag("durable", c.durable, {});
  s.texts("topics", c.topics, {.preset = "a, b"});
  s.tables("detectors", c.detectors);
}

struct Ring {
  Bytes size{};
  Nanoseconds sync_interval{};
};
void describe(Section& s, Ring& c) {
  s.bytes("size", c.size, {.preset = "2 GiB", .min = "1 MiB", .help = "Space for the ring."});
  s.duration("sync_interval", c.sync_interval,
             {.preset = "500ms", .min = "1ms", .max = "1min"});
}

struct Config {
  std::string edge;
  std::int64_t count = 0;
  double share = 0;
  std::map<std::string, std::string> labels;
  std::vector<double> widths;
  Ring ring;
  std::vector<Source> mqtt;
  std::vector<Source> modbus;
};
void describe(Section& s, Config& c) {
  s.text("edge", c.edge, {.required = true, .help = "The name of this edge.", .example = "\"e\""});
  s.integer("count", c.count, {.preset = "3", .min = "1", .max = "9"});
  s.number("share", c.share, {.preset = "0.5"});
  s.pairs("labels", c.labels, {});
  s.numbers("widths", c.widths, {});
  s.table("ring", c.ring);
  s.tables("source.mqtt", c.mqtt);
  s.tables("source.modbus", c.modbus, "", Applies::at_reload);
}

struct Read {
  Config config;
  std::vector<std::string> problems;
  std::string effective;
};
Read read(Document document) {
  Read r;
  document.fill(r.config);
  for (const auto& p : document.problems()) r.problems.push_back(render(p));
  r.effective = text_of(document.settings());
  EXPECT_EQ(document.ok(), r.problems.empty());
  return r;
}
Read parse(std::string_view toml) { return read(Document::parse(toml, "edge.toml")); }

TEST(Config, ReadsEveryKindAndFillsInPresets) {
  const auto r = parse(R"(
edge = "press-07"
labels = { area = "stamping" }
widths = [1, 2.5]
[ring]
size = "64 MiB"
[[source.mqtt]]
name = "floor"
durable = true
detectors = [{ type = "spike" }, { type = "limit", hi = 6200 }]
[[source.mqtt]]
name = "roof"
topics = ["x"]
)");
  EXPECT_THAT(r.problems, ::testing::IsEmpty());
  EXPECT_EQ(r.config.edge, "press-07");
  EXPECT_EQ(r.config.count, 3);
  EXPECT_EQ(r.config.share, 0.5);
  EXPECT_EQ(r.config.labels.at("area"), "stamping");
  EXPECT_EQ(r.config.widths, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(r.config.ring.size, Bytes{64 << 20});
  EXPECT_EQ(r.config.ring.sync_interval, 500ms);
  ASSERT_EQ(r.config.mqtt.size(), 2u);
  EXPECT_TRUE(r.config.mqtt[0].durable);
  EXPECT_EQ(r.config.mqtt[0].topics, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(r.config.mqtt[0].detectors.size(), 2u);
  EXPECT_EQ(r.config.mqtt[0].detectors[0].hi, std::nullopt);
  EXPECT_EQ(r.config.mqtt[0].detectors[1].hi, 6200);
  EXPECT_TRUE(r.config.modbus.empty());
}

struct Mistake {
  const char* name;
  const char* toml;  // after 'edge = "e"' on line 1
  const char* text;
};
void PrintTo(const Mistake& m, std::ostream* out) { *out << m.name; }
class ConfigMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, IsToldInItsPlace) {
  const auto r = parse(std::string("edge = \"e\"\n") + GetParam().toml);
  ASSERT_EQ(r.problems.size(), 1u) << ::testing::PrintToString(r.problems);
  EXPECT_THAT(r.problems[0], HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigMistake,
    ::testing::Values(
        Mistake{"unknown", "[ring]\n  sise = \"1 GiB\"",
                "edge.toml:3:3: error: unknown key 'sise' in [ring], did you mean 'size'?\n"
                "  3 |   sise = \"1 GiB\"\n    |   ^^^^"},
        Mistake{"unknown in an array of tables", "[[source.mqtt]]\nname = \"a\"\nnme = 1",
                "edge.toml:4:1: error: unknown key 'nme' in [source.mqtt], did you mean 'name'?"},
        Mistake{"unknown inside an inline table",
                "[[source.mqtt]]\nname = \"a\"\ndetectors = [{ type = \"spike\", hy = 5 }]",
                "edge.toml:4:32: error: unknown key 'hy' in [source.mqtt.detectors], did you mean "
                "'hi'?"},
        Mistake{"unknown table", "[rng]\nsize = \"1 GiB\"",
                "edge.toml:2:2: error: unknown key 'rng', did you mean 'ring'?"},
        Mistake{"unknown protocol", "[[source.mqqt]]\nname = \"a\"",
                "unknown key 'mqqt' in [source], did you mean 'mqtt'?"},
        Mistake{"key below the wrong table", "[ring]\nlabels = { a = \"b\" }",
                "unknown key 'labels' in [ring]; it belongs before the first [table]"},
        Mistake{"unit missing", "[ring]\nsync_interval = 500",
                "edge.toml:3:17: error: ring.sync_interval: expected a duration with its unit, "
                "such as \"500ms\", \"5s\" or \"1min\", found the number 500\n"
                "  3 | sync_interval = 500\n    |                 ^^^"},
        Mistake{"unit wrong", "[ring]\nsize = \"2 gigs\"", "'2 gigs' is not a size"},
        Mistake{"too small", "[ring]\nsize = \"512 B\"",
                "ring.size: 512 B is below the minimum of 1 MiB"},
        Mistake{"too large", "[ring]\nsync_interval = \"2min\"",
                "ring.sync_interval: 2min is above the maximum of 1min"},
        Mistake{"negative", "[ring]\nsync_interval = \"-1s\"", "-1s is negative"},
        Mistake{"not whole", "count = 2.5", "count: expected a whole number"},
        Mistake{"out of bounds", "count = 10", "count: 10 is above the maximum of 9"},
        Mistake{"quoted flag", "[[source.mqtt]]\nname = \"a\"\ndurable = \"yes\"",
                "edge.toml:4:11: error: source.mqtt.durable: expected true or false (without "
                "quotes), found the text \"yes\""},
        Mistake{"text for a list", "[[source.mqtt]]\nname = \"a\"\ntopics = \"x/#\"",
                "source.mqtt.topics: expected a list in brackets, found the text \"x/#\"; write "
                "[\"x/#\"]"},
        Mistake{"number in a list of texts", "[[source.mqtt]]\nname = \"a\"\ntopics = [\"x\", 5]",
                "edge.toml:4:16: error: source.mqtt.topics: in the list: expected a text"},
        Mistake{"label that is no text", "labels = { a = 5 }",
                "edge.toml:2:16: error: labels.a: expected a text in quotes, found the number 5"},
        Mistake{"choice",
                "[[source.mqtt]]\nname = \"a\"\ndetectors = [{ type = \"spyke\" }]",
                "'spyke' is not one of spike, limit; did you mean 'spike'?"},
        Mistake{"required in an entry", "[[source.mqtt]]\ndurable = true",
                "edge.toml:2:1: error: source.mqtt.name is missing: Its name. For example name = "
                "\"floor\""},
        Mistake{"one table where several may be", "[source.mqtt]\nname = \"a\"",
                "write [[source.mqtt]] instead of [source.mqtt]"},
        Mistake{"several tables where one may be", "[[ring]]\nsize = \"1 GiB\"",
                "[[ring]] can be there once only: write [ring]"},
        Mistake{"value for a table", "ring = 5", "ring: expected a table, found the number 5"},
        Mistake{"not finite", "share = nan", "expected a finite number"}));

TEST(Config, TellsEveryProblemAtOnceInOrder) {
  const auto r = parse("count = 10\nedgy = 1\n[ring]\nsize = true");
  ASSERT_EQ(r.problems.size(), 4u);
  EXPECT_THAT(r.problems[0], HasSubstr("edge.toml: error: edge is missing: The name of this edge. "
                                       "For example edge = \"e\""));
  EXPECT_THAT(r.problems[1], HasSubstr("edge.toml:1:9"));
  EXPECT_THAT(r.problems[2], HasSubstr("edge.toml:2:1: error: unknown key 'edgy', did you mean"));
  EXPECT_THAT(r.problems[3], HasSubstr("edge.toml:4:8"));
}

TEST(Config, ALineThatIsShownKeepsItsSecrets) {
  const auto told = [](const std::string& text) {
    std::string all;
    for (const auto& problem : parse(text).problems) all += problem + "\n";
    return all;
  };
  EXPECT_THAT(told("password = \"hunter2=\"\n"),
              testing::AllOf(HasSubstr("password = \"********\""), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(told("wrong = { user = \"a\", \"sasl.password\" = 'hunter2', x = \"b\" }\n"),
              testing::AllOf(HasSubstr("user = \"a\""), HasSubstr("= '*******', x = \"b\"")));
  EXPECT_THAT(told("password = \"hunter2\n"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(told("passwords_file = \"/etc/p\"\n"), HasSubstr("\"/etc/p\""));
}

TEST(Config, SyntaxErrorsHaveLineAndColumn) {
  const auto r = parse("edge = \"e\"\ncount = = 5\n");
  ASSERT_EQ(r.problems.size(), 1u);  // and not that keys are missing
  EXPECT_THAT(r.problems[0], HasSubstr("edge.toml:2:9: error: not valid TOML: "));
}

class ConfigFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "config_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::create_directory(folder_ / "edge.d");
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    for (const auto& v : variables_) ::unsetenv(v.c_str());
  }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name) << content;
  }
  void set(const std::string& variable, const std::string& value) {
    variables_.push_back(variable);
    ::setenv(variable.c_str(), value.c_str(), 1);
  }
  [[nodiscard]] Read load() const {
    return read(Document::read({folder_ / "edge.toml", folder_ / "edge.d", "TM_CONFIG_TEST__"}));
  }
  std::filesystem::path folder_;
  std::vector<std::string> variables_;
};

TEST_F(ConfigFiles, DropInsWinKeyByKeyAndTablesAppend) {
  write("edge.toml", "edge = \"e\"\n[ring]\nsize = \"2 MiB\"\nsync_interval = \"1s\"\n"
                     "[[source.mqtt]]\nname = \"a\"\n");
  write("edge.d/20.toml", "[ring]\nsize = \"4 MiB\"\n[[source.mqtt]]\nname = \"c\"\n");
  write("edge.d/10.toml", "[ring]\nsize = \"3 MiB\"\n[[source.mqtt]]\nname = \"b\"\n");
  write("edge.d/notes.txt", "not read");
  const auto r = load();
  EXPECT_THAT(r.problems, ::testing::IsEmpty());
  EXPECT_EQ(r.config.ring.size, Bytes{4 << 20});
  EXPECT_EQ(r.config.ring.sync_interval, 1s);
  ASSERT_EQ(r.config.mqtt.size(), 3u);
  EXPECT_EQ(r.config.mqtt[1].name, "b");
  EXPECT_EQ(r.config.mqtt[2].name, "c");
  EXPECT_THAT(r.effective, HasSubstr("edge.d/20.toml:2\n"));
  EXPECT_THAT(r.effective, HasSubstr("source.mqtt[1].name"));
}

TEST_F(ConfigFiles, EnvironmentOverridesFiles) {
  write("edge.toml", "edge = \"e\"\ncount = 2\n[[source.mqtt]]\nname = \"a\"\n");
  set("TM_CONFIG_TEST__RING__SIZE", "1GiB");
  set("TM_CONFIG_TEST__COUNT", "7");
  set("TM_CONFIG_TEST__LABELS__AREA", "north");
  set("TM_CONFIG_TEST__WIDTHS", "1, 2");
  set("TM_CONFIG_TEST__SOURCE__MQTT__0__TOPICS", "x/#,y");
  set("TM_CONFIG_TEST__SOURCE__MODBUS__0__NAME", "line1");
  const auto r = load();
  EXPECT_THAT(r.problems, ::testing::IsEmpty());
  EXPECT_EQ(r.config.modbus.at(0).name, "line1");
  EXPECT_EQ(r.config.ring.size, Bytes{1 << 30});
  EXPECT_EQ(r.config.count, 7);
  EXPECT_EQ(r.config.labels.at("area"), "north");
  EXPECT_EQ(r.config.widths, (std::vector<double>{1, 2}));
  EXPECT_EQ(r.config.mqtt.at(0).topics, (std::vector<std::string>{"x/#", "y"}));
  EXPECT_THAT(r.effective, HasSubstr("# environment TM_CONFIG_TEST__RING__SIZE\n"));
  EXPECT_EQ(json_of({{"a", "\"b\"", "x.toml:1"}, {"c", "1", "default"}}),
            R"([{"key":"a","value":"\"b\"","origin":"x.toml:1"},)"
            R"({"key":"c","value":"1","origin":"default"}])");
}

TEST_F(ConfigFiles, EnvironmentMistakesNameTheVariable) {
  write("edge.toml", "edge = \"e\"\n");
  set("TM_CONFIG_TEST__CUONT", "7");
  set("TM_CONFIG_TEST__COUNT", "many");
  set("TM_CONFIG_TEST__EDGE__X", "7");
  const auto r = load();
  ASSERT_EQ(r.problems.size(), 3u);
  EXPECT_EQ(r.problems[0],
            "environment TM_CONFIG_TEST__COUNT: error: count: 'many' is not a number");
  EXPECT_THAT(r.problems[1], HasSubstr("unknown key 'cuont', did you mean 'count'?"));
  EXPECT_THAT(r.problems[2], HasSubstr("lies below a value"));
}

TEST_F(ConfigFiles, TextsTakeVariablesOfTheEnvironment) {
  set("TM_NAME", "press\"\n[ring]");  // no TOML: it adds no key
  set("TM_AREA", "${TM_NAME}");        // and is not expanded again
  set("TM_EMPTY", "");
  write("edge.toml", "edge = \"x-${TM_NAME}-${TM_EMPTY:-07}\"\n"
                     "labels = { area = \"${TM_AREA}\", cost = \"5 $${ and $\" }\n");
  const auto r = load();
  EXPECT_THAT(r.problems, ::testing::IsEmpty());
  EXPECT_EQ(r.config.edge, "x-press\"\n[ring]-07");
  EXPECT_EQ(r.config.labels.at("area"), "${TM_NAME}");
  EXPECT_EQ(r.config.labels.at("cost"), "5 ${ and $");
}

TEST_F(ConfigFiles, AMissingVariableIsToldWhereItStands) {
  set("TM_EMPTY", "");
  write("edge.toml", "edge = \"${TM_NOWHERE}\"\n[labels]\n"
                     "a = \"${TM_EMPTY:?write it to tidemark.env}\"\n"
                     "b = \"${x y}\"\nc = \"${TM\"\n");
  EXPECT_THAT(load().problems,
              ::testing::ElementsAre(
                  HasSubstr("edge.toml:1:8: error: the environment has no TM_NOWHERE; set it, or "
                            "write ${TM_NOWHERE:-otherwise}"),
                  HasSubstr("the environment has no TM_EMPTY: write it to tidemark.env"),
                  HasSubstr("'${x y}' is no variable; expected ${NAME}"),
                  HasSubstr("edge.toml:5:5: error: '${' has no '}'")));
}

struct Places {
  std::string data;
  std::string socket;
  std::vector<std::string> folders;
  std::map<std::string, std::string> files;
  std::string word;
};
void describe(Section& s, Places& c) {
  s.text("data", c.data, {.preset = "/var/data", .path = true});
  s.text("socket", c.socket, {.path = true});
  s.texts("folders", c.folders, {.path = true});
  s.pairs("files", c.files, {.path = true});
  s.text("word", c.word, {});
}

// A daemon and its commands are started in different folders.
TEST_F(ConfigFiles, PathsCountFromTheFolderOfTheFile) {
  write("edge.toml", "socket = \"ipc://run/x.zmq\"\nfolders = [\"../a\", \"/b\"]\nword = \"w\"\n"
                     "files = { key = \"./key\" }\n");
  set("TM_CONFIG_TEST__DATA", "data");
  const auto places = [&](const std::filesystem::path& file) {
    Places p;
    auto document = Document::read({file, folder_ / "edge.d", "TM_CONFIG_TEST__"});
    document.fill(p);
    EXPECT_TRUE(document.ok());
    EXPECT_EQ(document.settings().at(0).value, '"' + (folder_ / "data").string() + '"');
    return p;
  };
  const auto near = std::filesystem::relative(folder_) / "edge.toml";  // from the working folder
  for (const auto& file : {folder_ / "edge.toml", near}) {
    const auto p = places(file);
    EXPECT_EQ(p.data, (folder_ / "data").string());
    EXPECT_EQ(p.socket, "ipc://" + (folder_ / "run/x.zmq").string());
    EXPECT_THAT(p.folders, ::testing::ElementsAre((folder_.parent_path() / "a").string(), "/b"));
    EXPECT_EQ(p.files.at("key"), (folder_ / "key").string());
    EXPECT_EQ(p.word, "w");
  }
}

TEST_F(ConfigFiles, WhatIsNoPathOfAFileStaysAsItIs) {
  for (const char* socket : {"tcp://127.0.0.1:5", "ipc://@name", "ipc:///run/x", "/run//x", ""}) {
    write("edge.toml", std::string("socket = \"") + socket + "\"\n");
    Places p;
    Document::read({folder_ / "edge.toml", {}, ""}).fill(p);
    EXPECT_EQ(p.socket, socket);
  }
  Places text;
  Document::parse("data = \"data\"\n", "a text").fill(text);
  EXPECT_EQ(text.data, "data");
}

TEST(Config, AProfileTakesNoVariables) {
  EXPECT_EQ(parse("edge = \"${HOME}\"\n").config.edge, "${HOME}");
}

TEST_F(ConfigFiles, MissingFileMeansPresetsAndATooLargeOneIsRefused) {
  EXPECT_THAT(load().problems, ::testing::ElementsAre(HasSubstr("edge is missing")));
  write("edge.toml", std::string(2 << 20, '#'));
  EXPECT_THAT(load().problems, ::testing::SizeIs(1));
}

TEST(Config, ReferencePageTellsEveryKey) {
  const auto page = reference<Config>();
  EXPECT_THAT(page, HasSubstr("## `[ring]`"));
  EXPECT_THAT(page, HasSubstr("| `size` | size | 2 GiB | from 1 MiB | Space for the ring. |"));
  EXPECT_THAT(page, HasSubstr("| 500ms | from 1ms to 1min |  | restart |"));
  EXPECT_THAT(page, HasSubstr("## `[[source.mqtt]]`"));
  const auto reloaded = page.substr(page.find("## `[[source.modbus]]`"));
  EXPECT_THAT(reloaded, Not(HasSubstr("| restart |"))) << "nor those of tables in it";
  EXPECT_THAT(page, HasSubstr("## `[[source.mqtt.detectors]]`"));
  EXPECT_THAT(page, HasSubstr("| `edge` | text | required |"));
}

}  // namespace
}  // namespace tidemark::config
