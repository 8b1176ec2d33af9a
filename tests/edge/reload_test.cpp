#include "edge/daemon/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tidemark::edge
