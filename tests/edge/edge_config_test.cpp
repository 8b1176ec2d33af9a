#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/disk.h"
#include "common/model/series.h"
#include "edge/config/bus_url.h"
#include "edge/config/edge_config.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> problems(const Loaded& loaded) {
  std::vector<std::string> out;
  for (const auto& p : loaded.problems) out.push_back(render(p));
  return out;
}

// The example of the reference, with what is built.
constexpr std::string_view kComplete = R"(
edge = "press-07"
profile_path = [")" TIDEMARK_PROFILES R"("]
site = "plant7"
labels = { area = "stamping", line = "line1" }

[ring]
size = "2 GiB"
sync_interval = "500ms"

[uplink]
gateway = ["gw1.example:7443", "gw2.example:7443"]
budget = "50 MiB/day"
tier = "auto"
cpu_share = 0.05
backlog_share = 0.2
skew = "2s"

[[source.mqtt]]
name = "floor"
url = "mqtt://127.0.0.1:1883"
topics = ["plant/+/vib", "sensors/#"]
profile = "generic-json"
device = "topic[1]"
lateness = "5s"
durable = false

[[source.mqtt]]
name = "climate"
url = "mqtt://127.0.0.1"
topics = ["climate"]
format = "json"
time = "$.ts"
[[source.mqtt.series]]
path = "$.temperature"
unit = "Cel"
[[source.mqtt.series]]
path = "$.humidity"
type = "decimal"
resolution = 0.01

[[source.modbus]]
name = "line1"
url = "tcp://127.0.0.1:1502"
unit = 1
profile = "eastron-sdm630"
poll = { fast = "1s", normal = "10s", slow = "1min" }
labels = { line = "line2" }

[[rule]]
select = "line1/power_*"
window = { type = "tumbling", size = "1s" }
aggregates = ["count", "min", "max", "mean", "stddev", "last"]
detectors = [{ type = "spike" }, { type = "limit", hi = 6200, deadband = 50, on_delay = "5s" }]
thin = { deadband = 0.5 }
forward = "both"
)";

TEST(EdgeConfig, ReadsTheCompleteExample) {
  const auto loaded = parse_edge(kComplete, "edge.toml");
  EXPECT_THAT(problems(loaded), IsEmpty());
  ASSERT_TRUE(loaded.ok);
  const auto& c = loaded.config;
  EXPECT_EQ(c.edge, "press-07");
  EXPECT_EQ(c.data_dir, "/var/lib/tidemark/edge");
  EXPECT_EQ(c.control_socket(), "/run/tidemark/edge.sock");
  EXPECT_EQ(c.ring.size, Bytes{2ull << 30});
  EXPECT_EQ(c.uplink.gateway.size(), 2u);
  EXPECT_EQ(c.uplink.skew, 2s);
  EXPECT_EQ(c.uplink.budget, Bytes{50 << 20});
  EXPECT_EQ(c.uplink.tier, "auto");
  EXPECT_EQ(c.uplink.cpu_share, 0.05);
  EXPECT_EQ(c.journal.capacity, Bytes{4 << 20});
  ASSERT_EQ(c.mqtt.size(), 2u);
  EXPECT_EQ(c.mqtt[0].format, "auto");
  EXPECT_EQ(c.mqtt[0].client_id, "tidemark-press-07-floor");
  EXPECT_EQ(c.mqtt[0].labels.at("area"), "stamping");
  EXPECT_EQ(c.mqtt[1].series.at(0).type, "auto");
  EXPECT_EQ(c.mqtt[1].series.at(1).path, "$.humidity");
  EXPECT_EQ(c.mqtt[1].series.at(1).type, "decimal");
  EXPECT_EQ(c.mqtt[1].series.at(1).exponent, -2);
  ASSERT_EQ(c.modbus.size(), 1u);
  EXPECT_EQ(c.modbus[0].poll.slow, 1min);
  EXPECT_EQ(c.modbus[0].labels.at("line"), "line2");
  ASSERT_EQ(c.rules.size(), 1u);
  EXPECT_EQ(c.rules[0].window->size, 1s);
  EXPECT_EQ(c.rules[0].window->hop, 1s);
  EXPECT_TRUE(c.rules[0].filter.spike.has_value());
  ASSERT_EQ(c.rules[0].filter.limits.size(), 1u);
  EXPECT_EQ(c.rules[0].filter.limits[0].hi, 6200);
  EXPECT_EQ(c.rules[0].filter.thin.deadband, 0.5);
}

TEST(EdgeConfig, LevelsThatNameASeriesAreTakenAsTheyAre) {
  for (const char* words : {"device = \"topic[1]\"",                       // and the last level
                            "metric_prefix = \"topic[-2]\"\ndevice = \"x\"", ""}) {
    const auto loaded = parse_edge(fmt::format("edge = \"e\"\n[[source.mqtt]]\nname = \"m\"\n"
                                               "url = \"mqtt://h\"\ntopics = [\"a/+/+\"]\n{}\n",
                                               words),
                                   "edge.toml");
    EXPECT_THAT(problems(loaded), IsEmpty()) << words;
  }
}

constexpr std::string_view kHead = "edge = \"e\"\nprofile_path = [\"" TIDEMARK_PROFILES "\"]\n";

struct Mistake {
  const char* name;
  const char* toml;  // from line 3 on
  const char* text;
};
void PrintTo(const Mistake& m, std::ostream* out) { *out << m.name; }
// The cloud refuses what passes the bounds, with all that is in the same dictionary.
TEST(EdgeConfig, LabelsBeyondTheBoundsAreToldWhereTheyAre) {
  std::string many = "labels = {";
  for (std::size_t i = 0; i < Dictionary::kLabelsMax; ++i) many += fmt::format(" l{} = \"x\",", i);
  many.back() = '}';
  const auto source = [](const std::string& labels) {
    return "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"\ntopics = [\"t\"]\n" + labels + "\n";
  };
  const auto told = [](const std::string& toml) {
    return problems(parse_edge("edge = \"e\"\n" + toml, "edge.toml"));
  };
  EXPECT_THAT(told(source(many)), IsEmpty());
  const auto with_the_edge = told("labels = { area = \"x\" }\n" + source(many));
  ASSERT_EQ(with_the_edge.size(), 1u);
  EXPECT_THAT(with_the_edge[0], HasSubstr("warning: source.mqtt.labels: 33 labels with those of "
                                          "the edge, of which series have 32"));
  const auto longer = fmt::format("labels = {{ note = \"{}\" }}", std::string(257, 'x'));
  const auto of_a_source = told(source(longer));
  ASSERT_EQ(of_a_source.size(), 1u);
  EXPECT_THAT(of_a_source[0], HasSubstr("'note…' has 257 B, at most 256 fit"));
  EXPECT_THAT(told(longer + "\n").at(0), HasSubstr("labels: 'note…' has 257 B"));
  const auto name = fmt::format("labels = {{ {} = \"x\" }}\n", std::string(257, 'x'));
  EXPECT_THAT(told(name).at(0), HasSubstr("xxx…' has 257 B, at most 256 fit"));
  const auto meter = "[[source.modbus]]\nname = \"m\"\nurl = \"tcp://h\"\n" + longer + "\n";
  EXPECT_THAT(told(meter), testing::Contains(HasSubstr("source.modbus.labels: 'note…' has 257")));
}

class EdgeConfigMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(EdgeConfigMistake, IsToldInItsPlace) {
  const auto told = problems(parse_edge(std::string(kHead) + GetParam().toml, "edge.toml"));
  ASSERT_EQ(told.size(), 1u) << ::testing::PrintToString(told);
  EXPECT_THAT(told[0], HasSubstr(GetParam().text));
}

#define MQTT "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"\ntopics = [\"t\"]\n"
#define MODBUS "[[source.modbus]]\nname = \"m\"\nurl = \"tcp://h\"\nprofile = \"banner-qm30vt2\"\n"

INSTANTIATE_TEST_SUITE_P(
    Table, EdgeConfigMistake,
    ::testing::Values(
        Mistake{"two sources of one name", MQTT MODBUS,
                "edge.toml:8:8: error: source.modbus.name: 'm' is already the name of the source "
                "at edge.toml:4:1"},
        Mistake{"name with a slash", "[[source.mqtt]]\nname = \"a/b\"\nurl = \"mqtt://h\"\n"
                                     "topics = [\"t\"]",
                "source.mqtt.name: 'a/b' cannot be a level of a series name"},
        Mistake{"unknown scheme", "[[source.mqtt]]\nname = \"a\"\nurl = \"http://h\"\n"
                                  "topics = [\"t\"]",
                "edge.toml:5:7: error: source.mqtt.url: 'http' is not a known scheme"},
        Mistake{"no broker", "[[source.mqtt]]\nname = \"a\"\ntopics = [\"t\"]",
                "source.mqtt.url: the broker is missing"},
        Mistake{"a url beside the plug-in", MQTT "plugin = true",
                "source.mqtt.url: the broker's plug-in is no client"},
        Mistake{"wills without a broker",
                "[[source.mqtt]]\nname = \"a\"\nplugin = true\ntopics = [\"t\"]\nwills = [\"w\"]",
                "source.mqtt.url: the broker is missing: wills are subscribed to there"},
        Mistake{"wills without the plug-in", MQTT "wills = [\"w\"]",
                "source.mqtt.wills: a client hears wills like any message"},
        Mistake{"a will that is no topic", MQTT "plugin = true\nwills = [\"a/#/b\"]",
                "source.mqtt.wills: topic filter 'a/#/b': '#' must be its last level"},
        Mistake{"durable beside the plug-in",
                "[[source.mqtt]]\nname = \"a\"\nplugin = true\ntopics = [\"t\"]\ndurable = true",
                "say plugin_opt_durable true in mosquitto.conf"},
        Mistake{"two plug-ins",
                "[[source.mqtt]]\nname = \"a\"\nplugin = true\ntopics = [\"t\"]\n"
                "[[source.mqtt]]\nname = \"b\"\nplugin = true\ntopics = [\"u\"]",
                "source 'b' is the second with plugin = true"},
        Mistake{"no scheme", "[[source.mqtt]]\nname = \"a\"\nurl = \"h:1883\"\ntopics = [\"t\"]",
                "'h:1883' has no scheme; expected scheme://host:port"},
        Mistake{"bad topic", "[[source.mqtt]]\nname = \"a\"\nurl = \"mqtt://h\"\n"
                             "topics = [\"a/#/b\"]",
                "source.mqtt.topics: topic filter 'a/#/b': '#' must be its last level"},
        Mistake{"a share of nothing", "[[source.mqtt]]\nname = \"a\"\nurl = \"mqtt://h\"\n"
                                      "topics = [\"$share/grp\"]",
                "topic filter '$share/grp': expected $share/GROUP/FILTER"},
        Mistake{"a share of the plug-in's",
                "[[source.mqtt]]\nname = \"a\"\nplugin = true\ntopics = [\"$share/g/t\"]",
                "source.mqtt.topics: '$share/g/t': only clients share; the broker's plug-in sees "
                "every message: write 't'"},
        Mistake{"a share of Sparkplug",
                "[[source.mqtt]]\nname = \"a\"\nurl = \"mqtt://h\"\nformat = \"sparkplug\"\n"
                "topics = [\"$share/g/spBv1.0/#\"]",
                "one client has to hear all of a node's births and data"},
        Mistake{"path without a dollar", MQTT "time = \"ts\"", "write \"$.ts\""},
        Mistake{"paths in what is no JSON",
                MQTT "format = \"number\"\n[[source.mqtt.series]]\npath = \"$.a\"",
                "messages of format \"number\" have no paths"},
        Mistake{"a resolution that is no power of ten",
                MQTT "[[source.mqtt.series]]\npath = \"$.a\"\ntype = \"decimal\"\n"
                     "resolution = 0.5",
                "not a power of ten"},
        Mistake{"a resolution of what has none",
                MQTT "[[source.mqtt.series]]\npath = \"$.a\"\nresolution = 0.1",
                "only type = \"decimal\" has one"},
        Mistake{"device time that is ignored", MQTT "stamp = \"edge\"\ntime = \"$.ts\"",
                "ignores the device's time"},
        Mistake{"an interval that is neither path nor length", MQTT "interval = \"often\"",
                "'often' is neither a path"},
        Mistake{"an interval of nothing", MQTT "interval = \"0s\"", "nor a length of time above 0"},
        Mistake{"a unit of an interval that has its own",
                MQTT "interval = \"1ms\"\ninterval_unit = \"us\"", "there is no path in interval"},
        Mistake{"samples of what has none", MQTT "format = \"csv\"\ninterval = \"1ms\"",
                "only JSON has arrays of samples"},
        Mistake{"samples that the edge cannot stamp",
                MQTT "stamp = \"edge\"\n[[source.mqtt.series]]\npath = \"$.v\"\n"
                     "interval = \"1ms\"",
                "samples begin at the device's time"},
        Mistake{"a start without a dollar",
                MQTT "[[source.mqtt.series]]\npath = \"$.v\"\nstart = \"t0\"",
                "'t0' is not a path into the message"},
        Mistake{"a share of presence",
                MQTT "[[source.mqtt.presence]]\ntopic = \"$share/g/p/online\"",
                "each client has to hear who leaves; write 'p/online'"},
        Mistake{"presence that is no topic", MQTT "[[source.mqtt.presence]]\ntopic = \"a/#/b\"",
                "'#' must be its last level"},
        Mistake{"presence of a level that is none",
                MQTT "[[source.mqtt.presence]]\ntopic = \"a\"\ndevice = \"topic[1\"",
                "'topic[1': expected topic[N] or a name"},
        Mistake{"presence of Sparkplug",
                MQTT "format = \"sparkplug\"\n[[source.mqtt.presence]]\ntopic = \"a\"",
                "Sparkplug says it itself"},
        Mistake{"presence of a profile for Sparkplug",
                MQTT "profile = \"sparkplug-b\"\n[[source.mqtt.presence]]\ntopic = \"a\"",
                "presence: Sparkplug says it itself"},
        Mistake{"presence that the plug-in does not hear",
                "[[source.mqtt]]\nname = \"m\"\nplugin = true\ntopics = [\"t\"]\n"
                "[[source.mqtt.presence]]\ntopic = \"p/online\"",
                "'p/online' says who is there, and a broker shows its plug-in no last will"},
        Mistake{"presence of a profile that the plug-in does not hear",
                "[[source.mqtt]]\nname = \"m\"\nplugin = true\nprofile = \"tasmota\"",
                "'tele/+/LWT' says who is there, and a broker shows its plug-in no last will"},
        Mistake{"profile and format", MQTT "format = \"number\"\nprofile = \"generic-json\"",
                "edge.toml:8:11: error: source.mqtt.profile: the profile has its own format"},
        Mistake{"profile and series",
                MQTT "device = \"x\"\nprofile = \"tasmota\"\n"
                     "[[source.mqtt.series]]\npath = \"$.a\"",
                "source.mqtt.series: the profile has its own"},
        Mistake{"neither topics nor profile",
                "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"",
                "source.mqtt.topics: it is missing; say what to subscribe to"},
        Mistake{"a time zone that is none", MQTT "time_zone = \"Mars/Phobos\"",
                "source.mqtt.time_zone: time zone 'Mars/Phobos': it is not in the machine's"},
        Mistake{"password without user", MQTT "password_file = \"x\"", "there is no username"},
        Mistake{"serial line by number",
                "[[source.modbus]]\nname = \"m\"\nurl = \"rtu:///dev/ttyUSB0\"\n"
                "profile = \"banner-qm30vt2\"",
                "warning: source.modbus.url: /dev/ttyUSB0 may be another adapter after the next"},
        Mistake{"serial option",
                "[[source.modbus]]\nname = \"m\"\nurl = \"rtu:///dev/a?party=even\"\n"
                "profile = \"banner-qm30vt2\"",
                "unknown option 'party', did you mean 'parity'?"},
        Mistake{"serial speed",
                "[[source.modbus]]\nname = \"m\"\nurl = \"rtu:///dev/a?baud=9601\"\n"
                "profile = \"banner-qm30vt2\"",
                "baud=9601 is not one of 1200, 2400"},
        Mistake{"serial without a port",
                "[[source.modbus]]\nname = \"m\"\nurl = \"rtu://ttyUSB0\"\n"
                "profile = \"banner-qm30vt2\"",
                "does not name a port; expected rtu:///dev/serial/by-id/NAME"},
        Mistake{"two speeds of one line",
                "[[source.modbus]]\nname = \"m\"\nurl = \"rtu:///dev/a\"\n"
                "profile = \"banner-qm30vt2\"\n[[source.modbus]]\nname = \"n\"\n"
                "url = \"rtu:///dev/a?baud=9600\"\nprofile = \"banner-qm30vt2\"",
                "source 'm' has the same bus as rtu:///dev/a?baud=19200&parity=even&stop=1"},
        Mistake{"too small requests", MODBUS "max_registers = 0", "0 is below the minimum of 1"},
        Mistake{"modbus port", "[[source.modbus]]\nname = \"m\"\nurl = \"tcp://h:0\"\n"
                               "profile = \"banner-qm30vt2\"",
                "has a port that is not a number from 1 to 65535"},
        Mistake{"unknown profile",
                "[[source.modbus]]\nname = \"m\"\nurl = \"tcp://h\"\n"
                "profile = \"banner-qm30vt\"",
                "edge.toml:6:11: error: source.modbus.profile: unknown profile 'banner-qm30vt'; "
                "did you mean 'banner-qm30vt2'?"},
        Mistake{"unit out of range", MODBUS "unit = 300", "300 is above the maximum of 255"},
        Mistake{"unknown poll class", MODBUS "poll = { fats = \"1s\" }",
                "unknown key 'fats' in [source.modbus.poll], did you mean 'fast'?"},
        Mistake{"a budget of no time", "[uplink]\nbudget = \"50 MiB\"",
                "edge.toml:4:10: error: uplink.budget: '50 MiB' is neither \"unlimited\" nor bytes "
                "a day, such as \"50 MiB/day\""},
        Mistake{"a budget below a block", "[uplink]\nbudget = \"2047 KiB/day\"",
                "'2047 KiB/day' is less than 2 MiB/day: a large block would never be sent"},
        Mistake{"gateway without a port", "[uplink]\ngateway = [\"gw1\"]",
                "'gw1' is not host:port"},
        Mistake{"proxy without a port", "[uplink]\nproxy = \"http://proxy\"",
                "is not http://host:port, such as http://proxy:3128"},
        Mistake{"login for no proxy", "[uplink]\nproxy_login_file = \"x\"",
                "there is no proxy with it"},
        Mistake{"key of a later version", "[uplink]\ncompass = \"north\"",
                "unknown key 'compass' in [uplink]"},
        Mistake{"value of a later version", "[ring]\nwrite = \"never\"", "'never'"},
        Mistake{"window that is not aligned",
                "[[rule]]\nselect = \"*\"\nforward = \"both\"\nwindow = { size = \"7s\" }",
                "edge.toml:6:19: error: rule.window.size: 7s is not aligned with the seconds, "
                "minutes, quarters of an hour and days that the cloud keeps; near it are 6s or "
                "10s"},
        Mistake{"hop above size",
                "[[rule]]\nselect = \"*\"\nforward = \"both\"\n"
                "window = { type = \"hopping\", size = \"1s\", hop = \"2s\" }",
                "rule.window.hop: 2s is more than the size of 1s"},
        Mistake{"windows without a window", "[[rule]]\nselect = \"*\"\nforward = \"windows\"",
                "\"windows\" needs a window"},
        Mistake{"unknown aggregate",
                "[[rule]]\nselect = \"*\"\nforward = \"both\"\nwindow = { size = \"1s\" }\n"
                "aggregates = [\"p101\"]",
                "'p101' is not an aggregate"},
        Mistake{"order of a group",
                "[[rule]]\nselect = \"*\"\nwindow = { size = \"1s\", group = \"device\" }\n"
                "aggregates = [\"twa\"]",
                "'twa' depends on the order of one series"},
        Mistake{"session without a gap",
                "[[rule]]\nselect = \"*\"\nwindow = { type = \"session\" }",
                "session windows need a gap"},
        Mistake{"size of a session",
                "[[rule]]\nselect = \"*\"\nwindow = { type = \"session\", gap = \"1s\", "
                "size = \"1s\" }",
                "session windows have no size"},
        Mistake{"sessions that are to be sent",
                "[[rule]]\nselect = \"*\"\nforward = \"both\"\n"
                "window = { type = \"session\", gap = \"1s\" }",
                "session windows stay at the edge"},
        Mistake{"carrier that is not aligned",
                "[[rule]]\nselect = \"*\"\nforward = \"windows\"\n"
                "window = { type = \"count\", count = 10, carrier = \"7s\" }",
                "rule.window.carrier: 7s is not aligned"},
        Mistake{"context without detectors",
                "[[rule]]\nselect = \"*\"\nforward = \"windows+context\"\n"
                "window = { size = \"1s\" }",
                "rule.forward: context needs detectors"},
        Mistake{"context of no anomaly",
                "[[rule]]\nselect = \"*\"\nforward = \"nothing\"\ncontext = { before = \"1s\" }",
                "rule.context: context needs detectors"},
        Mistake{"context of what is sent anyway",
                "[[rule]]\nselect = \"*\"\ncontext = { before = \"1s\" }\n"
                "detectors = [{ type = \"spike\" }]",
                "forward = \"raw\" sends every reading anyway"},
        Mistake{"context beside windows alone",
                "[[rule]]\nselect = \"*\"\nforward = \"windows\"\nwindow = { size = \"1s\" }\n"
                "context = { before = \"1s\" }\ndetectors = [{ type = \"spike\" }]",
                "set it to \"windows+context\""},
        Mistake{"topic with wildcards",
                "[[rule]]\nselect = \"*\"\nwindow = { size = \"1s\" }\npublish = \"a/#\"",
                "'a/#' is no topic to publish to"},
        Mistake{"a placeholder that is none",
                "[[rule]]\nselect = \"*\"\nwindow = { size = \"1s\" }\npublish = \"t/{serie}\"",
                "edge.toml:6:11: error: rule.publish: '{serie}' is no placeholder, did you mean "
                "{series}? There are {series}, {edge}, {device}, {metric}"},
        Mistake{"a placeholder without an end",
                "[[rule]]\nselect = \"*\"\nwindow = { size = \"1s\" }\npublish = \"t/{series\"",
                "error: rule.publish: '{series' is no placeholder"},
        Mistake{"a level that no topic has", MQTT "device = \"topic[9]\"",
                "edge.toml:7:10: error: source.mqtt.device: topics of 't' have no topic[9]: levels "
                "count from 0, theirs are topic[0] to topic[0]"},
        Mistake{"a level before the first", MQTT "metric_prefix = \"topic[-2]\"",
                "error: source.mqtt.metric_prefix: topics of 't' have no topic[-2]"},
        Mistake{"a level that is no number", MQTT "device = \"topic[one]\"",
                "error: source.mqtt.device: 'topic[one]': expected topic[N] or a name"},
        Mistake{"a level that a topic of presence has not",
                MQTT "device = \"topic[0]\"\n[[source.mqtt.presence]]\ntopic = \"a/+\"\n"
                     "device = \"topic[2]\"",
                "edge.toml:10:10: error: source.mqtt.presence.device: topics of 'a/+' have no "
                "topic[2]"},
        Mistake{"a level that topics of the profile have not",
                "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"\nprofile = \"tasmota\"\n"
                "device = \"topic[3]\"",
                "edge.toml:7:10: error: source.mqtt.device: topics of 'tele/+/SENSOR' have no "
                "topic[3]"},
        Mistake{"topics without the level of the profile's device",
                MQTT "profile = \"tasmota\"",
                "edge.toml:6:10: error: source.mqtt.topics: topics of 't' have no topic[1]"},
        Mistake{"a rule behind one that takes all",
                "[[rule]]\nselect = \"**\"\n"
                "[[rule]]\nselect = \"line1/*\"\nforward = \"nothing\"",
                "edge.toml:6:10: warning: rule.select: this rule is never reached: the one at "
                "edge.toml:4:1, select = \"**\", comes first"},
        Mistake{"a level in no name",
                "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"\n"
                "topics = [\"+/+/+/t\", \"a/+/+\", \"b/#\"]\ndevice = \"topic[1]\"\n"
                "metric_prefix = \"topic[2]\"",
                "edge.toml:6:10: warning: source.mqtt.topics: '+/+/+/t': what stands at topic[0] "
                "is in no series name"},
        Mistake{"a last level in no name",
                "[[source.mqtt]]\nname = \"m\"\nurl = \"mqtt://h\"\n"
                "topics = [\"a/+/+\"]\ndevice = \"topic[1]\"\n"
                "[[source.mqtt.series]]\npath = \"$.t\"",
                "warning: source.mqtt.topics: 'a/+/+': what stands at topic[2] is in no series "
                "name"},
        Mistake{"nothing to publish", "[[rule]]\nselect = \"*\"\npublish = \"a/{series}\"",
                "there is no window and no detector"},
        Mistake{"a topic that comes back",
                "[[source.mqtt]]\nname = \"f\"\nurl = \"mqtt://127.0.0.1:1883\"\n"
                "topics = [\"a/#\"]\n"
                "[[rule]]\nselect = \"*\"\nwindow = { size = \"1s\" }\npublish = \"a/{series}\"",
                "source f subscribes to a/# at the same broker"},
        Mistake{"history that is too small", "[history]\nsize = \"10 KiB\"",
                "it is below the 1 MiB minimum"},
        Mistake{"key of another detector",
                "[[rule]]\nselect = \"*\"\ndetectors = [{ type = \"spike\", hi = 5 }]",
                "edge.toml:5:37: error: rule.detectors.hi: a spike detector does not have it; it "
                "has samples, sigmas, floor"},
        Mistake{"two of one detector",
                "[[rule]]\nselect = \"*\"\n"
                "detectors = [{ type = \"spike\" }, { type = \"spike\" }]",
                "edge.toml:5:43: error: rule.detectors.type: there is a spike detector in this "
                "rule already"},
        Mistake{"limit without a level",
                "[[rule]]\nselect = \"*\"\ndetectors = [{ type = \"limit\" }]",
                "it needs one of hihi, hi, lo, lolo"},
        Mistake{"rule without a selection", "[[rule]]\nforward = \"raw\"",
                "rule.select is missing"}));

TEST(EdgeConfig, DropInsAreFoundBesideTheFile) {
  const auto sources = edge_sources("/etc/tidemark/edge.toml");
  EXPECT_EQ(sources.drop_ins, "/etc/tidemark/edge.d");
  EXPECT_EQ(sources.environment_prefix, "TIDEMARK_EDGE__");
}

TEST(EdgeConfig, LoadTellsAllProblemsAtOnce) {
  const auto result = load("/nonexistent/edge.toml");
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().text(), HasSubstr("/nonexistent/edge.toml: error: edge is missing"));
}

TEST(EdgeConfig, ADeviceThatAnswersUnderAnyUnitHasABusOfItsOwn) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_file(
      folder / "odd.toml",
      "schema = 1\n[profile]\nid = \"odd\"\nvendor = \"v\"\nmodel = \"m\"\n"
      "protocol = \"modbus\"\nsource = \"a test\"\nverified = \"no\"\n"
      "[quirks]\nany_unit = true\n"
      "[[point]]\nname = \"a\"\naddress = 0\ntype = \"u16\"\nmin = 0\nmax = 100\n"));
  const auto sources = [&](int port) {
    return parse_edge(fmt::format("edge = \"e\"\nprofile_path = [\"{}\"]\n"
                                  "[[source.modbus]]\nname = \"m\"\nurl = \"tcp://h:502\"\n"
                                  "profile = \"odd\"\n"
                                  "[[source.modbus]]\nname = \"n\"\nurl = \"tcp://h:{}\"\n"
                                  "unit = 2\nprofile = \"odd\"\n",
                                  folder.path().string(), port),
                      "edge.toml");
  };
  EXPECT_TRUE(sources(503).ok);
  const auto shared = sources(502);
  EXPECT_FALSE(shared.ok);
  ASSERT_EQ(shared.problems.size(), 2u);
  EXPECT_THAT(shared.problems[0].text, HasSubstr("give it a bus of its own"));
}

// The agent and its commands are started in different folders.
TEST(EdgeConfig, RelativePathsCountFromTheFilesFolder) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "secret", "s", 0600));
  ASSERT_TRUE(std::filesystem::create_directory(folder / "profiles"));
  ASSERT_TRUE(write_file(folder / "edge.toml",
                         "edge = \"e\"\ndata_dir = \"./data\"\nrun_dir = \"/run/x\"\n"
                         "profile_path = [\"profiles\"]\n"
                         "[[source.mqtt]]\nname = \"f\"\nurl = \"mqtt://h\"\ntopics = [\"a\"]\n"
                         "username = \"u\"\npassword_file = \"secret\"\n"));
  const auto loaded = load_edge(edge_sources(folder / "edge.toml"));
  EXPECT_THAT(problems(loaded), IsEmpty());
  EXPECT_EQ(loaded.config.data_dir, folder / "data");
  EXPECT_EQ(loaded.config.run_dir, "/run/x");
  EXPECT_EQ(loaded.config.profile_path.at(0), folder / "profiles");
  EXPECT_EQ(loaded.config.mqtt.at(0).password_file, folder / "secret");
  EXPECT_EQ(loaded.config.mqtt.at(0).ca_file, "");
}

// What `config check` says of a machine on which something is missing.
TEST(EdgeConfig, AbsentPartsAreToldInTheirPlace) {
  const test::TemporaryFolder folder;
  const auto at = [&](const char* name) { return (folder / name).string(); };
  ASSERT_TRUE(write_file(folder / "open", "secret", 0644));
  ASSERT_TRUE(write_file(folder / "closed", "secret", 0600));
  ASSERT_TRUE(write_file(
      folder / "edge.toml",
      "edge = \"e\"\nprofile_path = [\"" TIDEMARK_PROFILES "\", \"none\"]\n"
      "[[source.mqtt]]\nname = \"f\"\nurl = \"mqtts://h\"\ntopics = [\"a\"]\n"
      "ca_file = \"" + at("ca.pem") + "\"\ncert_file = \"" + at("closed") + "\"\n"
      "key_file = \"" + at("key.pem") + "\"\nusername = \"u\"\npassword_file = \"" + at("open") +
      "\"\n[[source.mqtt]]\nname = \"g\"\nurl = \"mqtt://h\"\nprofile = \"tasmoto\"\n"
      "username = \"u\"\npassword_file = \"" + at("none") + "\"\n"
      "[[source.modbus]]\nname = \"m\"\nurl = \"rtu:///dev/serial/by-id/not-there\"\n"
      "profile = \"eastron-sdm63\"\n[[source.modbus]]\nname = \"n\"\nurl = \"rtu://" +
      at("closed") + "\"\nprofile = \"eastron-sdm630\"\n"
      "[publish]\nurl = \"mqtt://h\"\nusername = \"u\"\npassword_file = \"" + at("closed") +
      "\"\n"));
  const auto loaded = load_edge(edge_sources(folder / "edge.toml"));
  EXPECT_FALSE(loaded.ok);
  std::vector<std::string> said;
  for (const auto& p : loaded.problems) {
    said.push_back(fmt::format("{} {} {}", p.line, p.warning ? "warning" : "error", p.text));
  }
  EXPECT_THAT(said, ::testing::UnorderedElementsAre(
      HasSubstr("2 warning profile_path: " + at("none") + ": there is no such folder"),
      HasSubstr("7 warning source.mqtt.ca_file: " + at("ca.pem") + ": there is no such file; the "
                "agent does not start without it"),
      HasSubstr("9 warning source.mqtt.key_file: " + at("key.pem") + ": there is no such file"),
      HasSubstr("11 error source.mqtt.password_file: " + at("open") + ": mode 0644 lets others "
                "read a secret; chmod 600"),
      HasSubstr("15 error source.mqtt.profile: unknown profile 'tasmoto'; did you mean 'tasmota'?"),
      HasSubstr("17 warning source.mqtt.password_file: " + at("none") + ": there is no such file; "
                "the agent does not start without it"),
      HasSubstr("20 warning source.modbus.url: /dev/serial/by-id/not-there is not there now; is "
                "the adapter plugged in?"),
      HasSubstr("21 error source.modbus.profile: unknown profile 'eastron-sdm63'; did you mean "
                "'eastron-sdm630'?"),
      HasSubstr("24 warning source.modbus.url: " + at("closed") + " is no serial port")));
}

TEST(EdgeConfig, UrlsWithAndWithoutPort) {
  EXPECT_EQ(parse_url("tcp://[::1]:1502", 502)->host, "::1");
  EXPECT_EQ(parse_url("tcp://[::1]:1502", 502)->port, 1502);
  EXPECT_EQ(parse_url("tcp://h", 502)->port, 502);
  EXPECT_FALSE(parse_url("tcp://::1", 502).ok());
  EXPECT_FALSE(parse_url("tcp://h:", 502).ok());
  EXPECT_FALSE(parse_url("tcp://h:70000", 502).ok());
  EXPECT_FALSE(parse_url("tcp://user@h", 502).ok());
}

TEST(EdgeConfig, BusUrlsOfEveryKind) {
  EXPECT_EQ(parse_bus_url("tcp://h")->place(), "h:502");
  EXPECT_EQ(parse_bus_url("rtu+tcp://[::1]:4001")->text(), "rtu+tcp://[::1]:4001");
  const auto line = parse_bus_url("rtu:///dev/serial/by-id/x?baud=9600&parity=odd&stop=2");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->place(), "/dev/serial/by-id/x");
  EXPECT_EQ(line->baud, 9600);
  EXPECT_EQ(line->parity, BusUrl::Parity::odd);
  EXPECT_EQ(*parse_bus_url(line->text()), *line);
  EXPECT_FALSE(parse_bus_url("mqtt://h").ok());
  EXPECT_FALSE(parse_bus_url("rtu:///dev/x?baud").ok());
}

TEST(EdgeConfig, ReferenceNamesEveryTable) {
  const auto page = reference<EdgeConfig>();
  for (const auto* title : {"`[ring]`", "`[uplink]`", "`[journal]`", "`[[source.mqtt]]`",
                            "`[[source.mqtt.series]]`", "`[[source.modbus]]`", "`[[rule]]`",
                            "`[rule.window]`", "`[[rule.detectors]]`"}) {
    EXPECT_THAT(page, HasSubstr(title));
  }
}

}  // namespace
}  // namespace tidemark::config
