#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "cloud/daemon/cloud_config.h"

namespace tidemark::cloud {
namespace {

TEST(CloudConfig, ExampleOfTheContractIsTaken) {
  const auto loaded = parse_cloud(R"toml(
data_dir = "/tmp/x"
[intake]
zmq = "ipc:///tmp/x/z"
[http]
listen = "127.0.0.1:8080"
[retention]
blocks = "90 days"
answers = { "1s" = "4 days", "1min" = "90 days", "15min" = "10 years", "1day" = "30 years" }
[[view]]
name = "power_1m"
select = "*/power_total"
group_by = ["site", "edge", "series"]
window = { type = "tumbling", size = "15min" }
aggregates = ["count", "min", "max", "avg"]
emit = { early = "5s", revision_interval = "5s" }
)toml", "cloud.toml");
  for (const auto& p : loaded.problems) ADD_FAILURE() << config::render(p);
  EXPECT_TRUE(loaded.ok);
  EXPECT_EQ(loaded.config.horizons().age[0], std::chrono::hours(96));
  ASSERT_EQ(loaded.config.views.size(), 1u);
  EXPECT_THAT(loaded.config.views[0].aggregates,
              testing::ElementsAre("count", "min", "max", "mean"));
}

TEST(CloudConfig, AllOfItHasDefaults) {
  const auto loaded = parse_cloud("", "cloud.toml");
  EXPECT_TRUE(loaded.ok);
  EXPECT_EQ(loaded.config.data_dir, "/var/lib/tidemark/cloud");
  EXPECT_EQ(loaded.config.intake.zmq, "ipc:///run/tidemark/cloud.zmq");
}

TEST(CloudConfig, NodesOfAGroupReadKafka) {
  const auto problem_of = [](const std::string& kafka, const std::string& more = "") {
    const auto loaded = parse_cloud("[intake]\nkafka = { " + kafka + " }\n" + more, "cloud.toml");
    return loaded.ok ? std::string() : first_problem(loaded).text();
  };
  const std::string brokers = R"(brokers = "k1:9092")";
  const std::string group = R"(, group = "cloud")";
  EXPECT_EQ(problem_of(brokers + group), "");
  EXPECT_EQ(problem_of(brokers + group + R"(, session = "6s")"), "");
  EXPECT_THAT(problem_of(R"(group = "cloud")"), testing::HasSubstr("no brokers"));
  EXPECT_THAT(problem_of(brokers + group + R"(, session = "5s")"), testing::HasSubstr("session"));
  EXPECT_EQ(problem_of(brokers + group, "[publish]\nanswers = true\n"), "");
  EXPECT_EQ(problem_of(brokers, "[publish]\nanswers = true\n"), "");
}

TEST(CloudConfig, ANodeThatServesAnswersOfOthersMakesNone) {
  const auto load = [](const std::string& kafka, const std::string& more = "") {
    return parse_cloud("[intake.kafka]\nserve = \"answers\"\n" + kafka + more, "cloud.toml");
  };
  const std::string brokers = "brokers = \"k1:9092\"\n";
  const auto good = load(brokers);
  for (const auto& p : good.problems) ADD_FAILURE() << config::render(p);
  EXPECT_TRUE(good.config.intake.serves_only());
  EXPECT_FALSE(parse_cloud("", "cloud.toml").config.intake.serves_only());
  const auto problem_of = [&](const std::string& kafka, const std::string& more = "") {
    const auto loaded = load(kafka, more);
    return loaded.ok ? std::string() : first_problem(loaded).text();
  };
  EXPECT_THAT(problem_of(""), testing::HasSubstr("there are no brokers"));
  EXPECT_THAT(problem_of(brokers + "group = \"g\"\n"), testing::HasSubstr("member of a group"));
  EXPECT_THAT(problem_of(brokers, "[publish]\nanswers = true\n"),
              testing::HasSubstr("makes none"));
  EXPECT_THAT(problem_of(brokers, "[intake.json]\ntopic = \"t\"\n"),
              testing::HasSubstr("makes none"));
  const auto views = load(brokers, "[[view]]\nname = \"v\"\n");
  EXPECT_TRUE(views.ok);
  ASSERT_EQ(views.problems.size(), 1u);
  EXPECT_TRUE(views.problems[0].warning);
}

TEST(CloudConfig, PlainJsonIsReadFromKafka) {
  const auto problem_of = [](const std::string& json,
                             const std::string& kafka = R"(brokers = "k1:9092")") {
    const auto intake = "[intake]\nkafka = { " + kafka + " }\njson = { " + json + " }\n";
    const auto loaded = parse_cloud(intake, "cloud.toml");
    return loaded.ok ? std::string() : first_problem(loaded).text();
  };
  const std::string topic = R"(topic = "plant.readings")";
  EXPECT_EQ(problem_of(topic), "");
  EXPECT_EQ(problem_of(topic + R"(, time = "ts", value = "v", time_format = "unix_ms")"), "");
  EXPECT_THAT(problem_of(topic, ""), testing::HasSubstr("there is no Kafka"));
  EXPECT_EQ(problem_of(topic, R"(brokers = "k1:9092", group = "cloud")"), "");
  EXPECT_THAT(problem_of(R"(topic = "tidemark.answers")"),
              testing::HasSubstr("tidemark.answers is a topic of ours"));
  EXPECT_THAT(problem_of(topic + R"(, edge = "a/b")"), testing::HasSubstr("'a/b' is no name"));
  EXPECT_THAT(problem_of(topic + R"(, value = "time")"),
              testing::HasSubstr("'time' is the key of time already"));
  EXPECT_THAT(problem_of(topic + R"(, device = "")"), testing::HasSubstr("it names no key"));
  EXPECT_THAT(problem_of(topic + R"(, time_format = "ms")"), testing::HasSubstr("time_format"));
  EXPECT_EQ(problem_of("lateness = \"1s\"", ""), "") << "without a topic nothing is read";
  EXPECT_EQ(parse_cloud("[intake]\njson = { time_format = \"unix_us\" }", "cloud.toml")
                .config.intake.json.time_unit(), TimeUnit::us);
}

TEST(CloudConfig, CalendarsHaveAZoneOrShifts) {
  const auto loaded = parse_cloud(R"toml(
[[view]]
name = "energy_day"
window = { type = "calendar", size = "1 day", tz = "Europe/Berlin" }
[[view]]
name = "by_shift"
window = { type = "calendar", shift = ["06:00", "14:00", "22:00"], tz = "Asia/Kolkata" }
)toml", "cloud.toml");
  for (const auto& p : loaded.problems) ADD_FAILURE() << config::render(p);
  ASSERT_EQ(loaded.config.views.size(), 2u);
  for (const auto& v : loaded.config.views) {
    const auto back = answers::View::from_definition(v.definition());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->definition(), v.definition());
    EXPECT_EQ(back->window.calendar.unit, v.name == "by_shift" ? "shift" : "day");
    EXPECT_EQ(back->kept_as(), reconcile::Tier::quarter);
  }
}

TEST(CloudConfig, ViewsSelectGroupAndCompute) {
  const auto loaded = parse_cloud(R"toml(
[[relabel]]
select = "press-08/**"
labels = { area = "" }
set = { area = "stamping" }
[[view]]
name = "power"
select = "*/power_total,!press-07/**"
labels = { unit = "W", area = "stamp*" }
group_by = ["site", "area"]
[[view]]
name = "all"
group_by = []
[[view]]
name = "per_piece"
group_by = ["edge"]
inputs = { kwh = "*/energy", pieces = "*/pieces{area=stamping}" }
joins = { each = "kwh / pieces at kwh within 5s" }
figures = { energy = "sum(kwh) / sum(pieces)", each = "mean(each)", alone = "unpaired(each)" }
)toml", "cloud.toml");
  for (const auto& p : loaded.problems) ADD_FAILURE() << config::render(p);
  ASSERT_EQ(loaded.config.views.size(), 3u);
  EXPECT_EQ(loaded.config.views[0].select.text(),
            "*/power_total,!press-07/**{area=stamp*,unit=W}");
  EXPECT_FALSE(loaded.config.views[1].by_series());
  ASSERT_EQ(loaded.config.relabels.size(), 1u);
  EXPECT_EQ(loaded.config.relabels[0].labels.at("area"), "stamping");
  for (const auto& v : loaded.config.views) {
    const auto back = answers::View::from_definition(v.definition());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->definition(), v.definition());
    EXPECT_EQ(back->select, v.select);
    EXPECT_EQ(back->inputs, v.inputs);
    EXPECT_EQ(back->figures, v.figures);
    EXPECT_EQ(back->joins, v.joins);
  }
}

struct BadView {
  const char* toml;
  const char* says;
};
void PrintTo(const BadView& v, std::ostream* out) { *out << v.toml; }
class BadViews : public testing::TestWithParam<BadView> {};
TEST_P(BadViews, AreRefusedInTheirPlace) {
  const auto loaded = parse_cloud(GetParam().toml, "cloud.toml");
  EXPECT_FALSE(loaded.ok);
  std::string all;
  for (const auto& p : loaded.problems) all += config::render(p);
  EXPECT_THAT(all, testing::HasSubstr(GetParam().says));
}
constexpr BadView kBadViews[] = {
    {"[[view]]\nname='v'\nselect='a b'", "view.select: 'a b'"},
    {"[[view]]\nname='v'\nselect=''", "no pattern"},
    {"[[view]]\nname='v'\nlabels={'a b'='x'}", "'a b' is no name of a label"},
    {"[[view]]\nname='v'\ngroup_by=['site','site']", "'site' is named twice"},
    {"[[view]]\nname='v'\ngroup_by=['']", "'' is no name of a label"},
    {"[[view]]\nname='v'\ngroup_by=['edge']\nfigures={a='sum(b)'}", "inputs, which are not there"},
    {"[[view]]\nname='v'\ngroup_by=['edge']\ninputs={a='*/x'}", "no figures say"},
    {"[[view]]\nname='v'\ninputs={a='*/x'}\nfigures={f='sum(a)'}", "figures are of groups"},
    {"[[view]]\nname='v'\ngroup_by=['edge']\ninputs={a='x y'}\nfigures={f='sum(a)'}", "a: 'x y'"},
    {"[[view]]\nname='v'\ngroup_by=['edge']\ninputs={a='x'}\nfigures={f='sum(b)'}",
     "no input 'b'"},
    {"[[view]]\nname='v'\ngroup_by=['edge']\ninputs={a='x'}\nfigures={f='g',g='f'}",
     "in a circle: f, g"},
    {"[[view]]\nname='v'\nwindow={type='sliding',size='90s',every='60s'}", "whole number of steps"},
    {"[[view]]\nname='v'\nwindow={type='hopping',size='1h',every='1s'}\nemit={subscribed=true}",
     "more than 120 windows hold one time"},
    {"[[view]]\nname='v'\njoins={j='a / b at a within 1s'}", "figures say what is computed"},
    {"[[view]]\nname='v'\ngroup_by=[]\ninputs={a='x',b='y'}\njoins={j='a / b at a'}\n"
     "figures={f='mean(j)'}", "expected FORMULA at INPUT within DURATION"},
    {"[[view]]\nname='v'\ngroup_by=[]\ninputs={a='x',b='y'}\njoins={a='a / b at a within 1s'}\n"
     "figures={f='mean(a)'}", "'a' is an input already"},
    {"[[view]]\nname='v'\ngroup_by=[]\ninputs={a='x',b='y'}\njoins={j='a / b at a within 1s'}\n"
     "figures={f='twa(j)'}", "the values of a join hold for no time"},
    {"[[view]]\nname='v'\ngroup_by=[]\ninputs={a='x',b='y'}\njoins={j='a / b at a within 1s'}\n"
     "figures={f='unpaired(a)'}", "of joins only"},
    {"[[view]]\nname='v'\ngroup_by=[]\ninputs={a='x',b='y'}\njoins={j='a / b at a within 1s'}\n"
     "figures={f='mean(j)'}\nwindow={type='hopping',size='2min',every='1min'}",
     "not of hopping or sliding ones"},
    {"[[relabel]]\nset={edge='x'}", "'edge' is what a series is"},
    {"[[relabel]]\nselect='*/x'", "set"},
};
INSTANTIATE_TEST_SUITE_P(Rows, BadViews, testing::ValuesIn(kBadViews));

// What its definition in cloud.db could not hold is not taken.
TEST(CloudConfig, MoreLabelsOrAggregatesThanFitAreRefused) {
  const auto told = [](const std::string& toml) {
    const auto loaded = parse_cloud(toml, "cloud.toml");
    std::string all;
    for (const auto& p : loaded.problems) all += config::render(p);
    EXPECT_EQ(loaded.ok, all.empty()) << all;
    return all;
  };
  const auto numbered = [](int n, const auto& one) {
    std::string all;
    for (int i = 0; i < n; ++i) all += (i > 0 ? "," : "") + one(std::to_string(i));
    return all;
  };
  const auto relabel = [&](int n) {
    return "[[relabel]]\nset={" +
           numbered(n, [](const std::string& i) { return "l" + i + "='x'"; }) + "}";
  };
  const auto aggregates = [&](int n) {
    return "[[view]]\nname='v'\naggregates=[" +
           numbered(n, [](const std::string& i) { return "'p" + i + "'"; }) + "]";
  };
  EXPECT_EQ(told(relabel(32)), "");
  EXPECT_THAT(told(relabel(33)), testing::HasSubstr("more than 32 labels"));
  EXPECT_EQ(told(aggregates(64)), "");
  EXPECT_THAT(told(aggregates(65)), testing::HasSubstr("more than 64"));
}

// The node and its commands are started in different folders; librdkafka knows of neither.
TEST(CloudConfig, PathsCountFromTheFilesFolder) {
  namespace fs = std::filesystem;
  auto name = (fs::temp_directory_path() / "tidemark-config-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const fs::path root(name);
  std::string warned;
  const auto read = [&](const char* text) {
    std::ofstream(root / "cloud.toml") << text;
    auto loaded = load_cloud(cloud_sources(root / "cloud.toml"));
    warned.clear();
    for (const auto& p : loaded.problems) warned += p.text + "\n";
    return loaded.config;
  };
  const auto c = read(R"toml(data_dir = "data"
[intake]
zmq = "ipc://run/cloud.zmq"
[intake.kafka]
brokers = "k1:9092"
client = { "ssl.ca.location" = "tls/ca.pem", "ssl.crl.location" = "/etc/crl", "client.id" = "a" }
secret_files = { "sasl.password" = "password" }
)toml");
  EXPECT_EQ(c.data_dir, root / "data");
  EXPECT_EQ(c.intake.zmq, "ipc://" + (root / "run/cloud.zmq").string());
  EXPECT_EQ(c.intake.kafka.client.at("ssl.ca.location"), root / "tls/ca.pem");
  EXPECT_EQ(c.intake.kafka.client.at("ssl.crl.location"), "/etc/crl");
  EXPECT_EQ(c.intake.kafka.client.at("client.id"), "a");
  EXPECT_EQ(c.intake.kafka.secret_files.at("sasl.password"), root / "password");
  EXPECT_THAT(warned, testing::HasSubstr("ssl.ca.location: " + (root / "tls/ca.pem").string() +
                                         ": there is no such file"));
  const auto probed = read("intake.kafka.client = { \"ssl.ca.location\" = \"probe\" }\n");
  EXPECT_EQ(probed.intake.kafka.client.at("ssl.ca.location"), "probe");
  fs::remove_all(root);
}

TEST(CloudConfig, AViewFileIsTakenOnlyIfAllOfItIsRight) {
  namespace fs = std::filesystem;
  auto folder = (fs::temp_directory_path() / "tidemark-config-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const fs::path root(folder);
  const auto write = [&](const char* name, const char* text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
    return root / name;
  };
  const auto config = write("cloud.toml", "data_dir = \"x\"\n");
  write("views.d/power.toml", "[[view]]\nname = \"power\"\n");
  const auto twice = write("twice.toml", "[[view]]\nname = \"power\"\n");
  const auto wrong = write("wrong.toml", "[[view]]\nname = \"w\"\nsize = 3\n");
  const auto energy = write("energy.toml", "[[view]]\nname = \"energy\"\n");
  const auto of_text = [&](const fs::path& view, bool install) {
    const auto taken = take_view_file(config, view, install);
    return taken ? std::string("taken") : taken.error().text();
  };
  EXPECT_THAT(of_text(twice, true), testing::HasSubstr("declared twice"));
  EXPECT_THAT(of_text(wrong, true), testing::HasSubstr("size"));
  EXPECT_THAT(of_text(root / "none.toml", true), testing::HasSubstr("no such file"));
  EXPECT_EQ(of_text(energy, false), "taken");
  EXPECT_FALSE(fs::exists(root / "views.d/energy.toml"));
  EXPECT_EQ(of_text(energy, true), "taken");
  EXPECT_EQ(of_text(energy, true), "taken") << "once more, in place of itself";
  EXPECT_EQ(load_cloud(cloud_sources(config)).config.views.size(), 2u);
  EXPECT_EQ(of_text(root / "views.d/power.toml", true), "taken");
  fs::remove_all(root);
}

struct WrongCase {
  const char* name;
  const char* toml;
  const char* told;
};
class CloudConfigRefuses : public testing::TestWithParam<WrongCase> {};

TEST_P(CloudConfigRefuses, NamesIt) {
  const auto loaded = parse_cloud(GetParam().toml, "cloud.toml");
  EXPECT_FALSE(loaded.ok);
  std::string all;
  for (const auto& p : loaded.problems) all += config::render(p);
  EXPECT_THAT(all, testing::HasSubstr(GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, CloudConfigRefuses,
    testing::Values(
        WrongCase{"unknown_key", "data_dirr = \"x\"", "data_dir"},
        WrongCase{"grouping", "[[view]]\nname=\"v\"\ngroup_by=[\"si te\"]", "group_by"},
        WrongCase{"aggregate", "[[view]]\nname=\"v\"\naggregates=[\"p101\"]", "p101"},
        WrongCase{"window_type", "[[view]]\nname=\"v\"\nwindow={type=\"count\"}", "count"},
        WrongCase{"sub_second", "[[view]]\nname=\"v\"\nwindow={size=\"1500ms\"}", "whole number"},
        WrongCase{"hopping", "[[view]]\nname=\"v\"\nwindow={type=\"hopping\"}", "hopping"},
        WrongCase{"share_of_seconds",
                  "[[view]]\nname=\"v\"\nwindow={size=\"10s\"}\nemit={complete=0.9}", "minutes"},
        WrongCase{"no_zone", "[[view]]\nname=\"v\"\nwindow={type=\"calendar\",tz=\"Mars/Base\"}",
                  "Mars/Base"},
        WrongCase{"no_calendar", "[[view]]\nname=\"v\"\nwindow={type=\"calendar\",size=\"5h\"}",
                  "1 month"},
        WrongCase{"no_shift", "[[view]]\nname=\"v\"\nwindow={type=\"calendar\",shift=[\"6\"]}",
                  "06:00"},
        WrongCase{"twice", "[[view]]\nname=\"v\"\n[[view]]\nname=\"v\"", "declared twice"},
        WrongCase{"horizons", "[retention]\nanswers={\"1min\"=\"1 day\"}", "horizons rise"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace tidemark::cloud
