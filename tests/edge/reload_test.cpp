#include "edge/daemon/reload.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "common/base/disk.h"
#include "edge/config/edge_config.h"

namespace tidemark::edge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kFloor = R"(
[[source.mqtt]]
name = "floor"
url = "mqtt://127.0.0.1:1883"
topics = ["plant/#"]
)";
constexpr const char* kHall = R"(
[[source.mqtt]]
name = "hall"
url = "mqtt://127.0.0.1:1884"
topics = ["hall/#"]
)";
std::string meter(const std::string& name, int port, int unit) {
  return "[[source.modbus]]\nname = \"" + name + "\"\nurl = \"tcp://127.0.0.1:" +
         std::to_string(port) + "\"\nunit = " + std::to_string(unit) +
         "\nprofile = \"eastron-sdm630\"\n";
}

std::vector<config::Setting> settings(const std::string& text) {
  const auto loaded = config::parse_edge(
      "edge = \"press-07\"\nprofile_path = [\"" TIDEMARK_PROFILES "\"]\n" + text, "edge.toml");
  EXPECT_TRUE(loaded.ok) << config::text_of(loaded.settings);
  return loaded.settings;
}

TEST(ReloadPlan, UnchangedSourcesAreKeptWhereverTheyStand) {
  const auto plan = plan_reload(settings(std::string(kFloor) + kHall),
                                settings("# a comment\n" + std::string(kHall) + kFloor));
  EXPECT_THAT(plan.kept, ElementsAre("hall", "floor"));
  EXPECT_TRUE(plan.idle());
  EXPECT_THAT(plan.restart, IsEmpty());
}

TEST(ReloadPlan, SourcesComeGoAndChange) {
  const auto now = settings(std::string(kFloor) + kHall);
  auto other = std::string(kFloor) + "lateness = \"7s\"\n" + meter("line1", 1502, 1);
  const auto plan = plan_reload(now, settings(other));
  EXPECT_THAT(plan.changed, ElementsAre("floor"));
  EXPECT_THAT(plan.added, ElementsAre("line1"));
  EXPECT_THAT(plan.removed, ElementsAre("hall"));
  EXPECT_THAT(plan.kept, IsEmpty());
}

TEST(ReloadPlan, DevicesOnOneBusGoTogether) {
  const auto now = settings(meter("a", 1502, 1) + meter("b", 1502, 2) + meter("c", 1503, 1));
  const auto next = settings(meter("a", 1502, 1) + meter("b", 1502, 3) + meter("c", 1503, 1));
  const auto plan = plan_reload(now, next);
  EXPECT_THAT(plan.changed, ElementsAre("a", "b"));
  EXPECT_THAT(plan.kept, ElementsAre("c"));
  const auto without = plan_reload(now, settings(meter("a", 1502, 1) + meter("c", 1503, 1)));
  EXPECT_THAT(without.changed, ElementsAre("a")) << "its bus has one device less";
}

TEST(ReloadPlan, WhatIsNoSourceWaitsForARestart) {
  const auto now = settings(kFloor);
  const auto next = settings("[ring]\nsize = \"32 MiB\"\n" + std::string(kFloor));
  const auto plan = plan_reload(now, next);
  EXPECT_THAT(plan.restart, ElementsAre("ring.size"));
  EXPECT_THAT(plan_reload(after_reload(now, next), next).restart, ElementsAre("ring.size"))
      << "until it is restarted";
}

// Their settings are the same to the letter; what the files hold is not.
class ReloadContents : public testing::Test {
 protected:
  ReloadContents() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-reload-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    write("parent", "", "volts");
    write("meter", "extends = \"parent\"\n", "watts");
    EXPECT_TRUE(write_file(folder_ / "password", "one", 0600));
    EXPECT_TRUE(write_file(folder_ / "ca.pem", "one"));
    text_ = "edge = \"e\"\nprofile_path = [\"" + folder_.string() + "\"]\n" + kHall +
            "username = \"u\"\npassword_file = \"" + (folder_ / "password").string() +
            "\"\nca_file = \"" + (folder_ / "ca.pem").string() + "\"\n" + kFloor +
            "[[source.modbus]]\nname = \"line1\"\nurl = \"tcp://127.0.0.1:1502\"\n"
            "profile = \"meter\"\n";
    was_ = now();
  }
  ~ReloadContents() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& id, const std::string& more, const std::string& point) const {
    const auto text = fmt::format(
        "schema = 1\n[profile]\nid = \"{}\"\nvendor = \"v\"\nmodel = \"m\"\n"
        "protocol = \"modbus\"\nsource = \"a test\"\nverified = \"no\"\n{}[[point]]\n"
        "name = \"{}\"\naddress = 0\ntype = \"u16\"\nmin = 0\nmax = 100\n", id, more, point);
    EXPECT_TRUE(write_file(folder_ / (id + ".toml"), text));
  }
  [[nodiscard]] std::vector<config::Setting> now() const {
    const auto loaded = config::parse_edge(text_, "edge.toml");
    EXPECT_TRUE(loaded.ok) << config::text_of(loaded.settings);
    return with_contents(loaded.settings, profile::Library({folder_}));
  }
  std::filesystem::path folder_;
  std::string text_;
  std::vector<config::Setting> was_;
};

TEST_F(ReloadContents, AreAsTheyWere) {
  EXPECT_TRUE(plan_reload(was_, now()).idle());
  EXPECT_THAT(plan_reload(was_, now()).kept, ElementsAre("hall", "floor", "line1"));
}

TEST_F(ReloadContents, AProfileOrItsParentMakesItsDevicesAnew) {
  write("meter", "extends = \"parent\"\n", "amps");
  EXPECT_THAT(plan_reload(was_, now()).changed, ElementsAre("line1"));
  was_ = now();
  write("parent", "", "hertz");
  EXPECT_THAT(plan_reload(was_, now()).changed, ElementsAre("line1"));
}

TEST_F(ReloadContents, APasswordOrACertificateMakesItsSourceAnew) {
  ASSERT_TRUE(write_file(folder_ / "password", "two", 0600));
  EXPECT_THAT(plan_reload(was_, now()).changed, ElementsAre("hall"));
  was_ = now();
  ASSERT_TRUE(write_file(folder_ / "ca.pem", "two"));
  EXPECT_THAT(plan_reload(was_, now()).changed, ElementsAre("hall"));
  std::filesystem::remove(folder_ / "ca.pem");
  EXPECT_THAT(plan_reload(was_, now()).changed, ElementsAre("hall"));
}

}  // namespace
}  // namespace tidemark::edge
