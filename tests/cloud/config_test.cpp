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
        WrongCase{"grouping", "[[view]]\nname=\"v\"\ngroup_by=[\"site\"]", "group_by"},
        WrongCase{"aggregate", "[[view]]\nname=\"v\"\naggregates=[\"p99\"]", "p99"},
        WrongCase{"window_type", "[[view]]\nname=\"v\"\nwindow={type=\"session\"}", "session"},
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
