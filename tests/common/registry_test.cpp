#include "common/metrics/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

namespace tidemark::metrics {
namespace {

TEST(Registry, SameNameAndLabelsAreTheSameCounter) {
  Registry registry;
  registry.counter("tidemark_blocks_total", "Blocks.", {{"lane", "live"}}).add(2);
  registry.counter("tidemark_blocks_total", "Blocks.", {{"lane", "live"}}).add();
  registry.counter("tidemark_blocks_total", "Blocks.", {{"lane", "alarm"}}).add(7);
  EXPECT_EQ(registry.text(Format::prometheus),
            "# HELP tidemark_blocks_total Blocks.\n"
            "# TYPE tidemark_blocks_total counter\n"
            "tidemark_blocks_total{lane=\"alarm\"} 7\n"
            "tidemark_blocks_total{lane=\"live\"} 3\n");
}

TEST(Registry, OpenMetricsNamesTheFamilyWithoutTotalAndEnds) {
  Registry registry;
  registry.counter("tidemark_blocks_total", "Blocks.").add(1);
  registry.gauge("tidemark_ring_bytes", "In use.").set(1.5);
  EXPECT_EQ(registry.text(Format::openmetrics),
            "# HELP tidemark_blocks Blocks.\n"
            "# TYPE tidemark_blocks counter\n"
            "tidemark_blocks_total 1\n"
            "# HELP tidemark_ring_bytes In use.\n"
            "# TYPE tidemark_ring_bytes gauge\n"
            "tidemark_ring_bytes 1.5\n"
            "# EOF\n");
}

TEST(Registry, LabelValuesAreEscapedAndOddNumbersHaveNames) {
  Registry registry;
  registry.gauge("tidemark_a", "x", {{"edge", "a\"b\\c\nd"}}).set(std::nan(""));
  registry.gauge("tidemark_b", "x").set(-INFINITY);
  const auto text = registry.text(Format::prometheus);
  EXPECT_NE(text.find("tidemark_a{edge=\"a\\\"b\\\\c\\nd\"} NaN\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tidemark_b -Inf\n"), std::string::npos) << text;
}

TEST(Registry, AskedValuesAreReadAtTheScrapeAndCanBeForgotten) {
  Registry registry;
  double level = 1;
  registry.gauge_of("tidemark_level", "x", {}, [&] { return level; });
  level = 4;
  EXPECT_NE(registry.text(Format::prometheus).find("tidemark_level 4\n"), std::string::npos);
  registry.forget("tidemark_level", {});
  EXPECT_EQ(registry.text(Format::prometheus).find("tidemark_level 4"), std::string::npos);
}

TEST(Registry, TooManyLabelSetsShareOther) {
  Registry registry;
  for (std::size_t i = 0; i < Registry::kLabelSetsMax + 10; ++i) {
    registry.counter("tidemark_x_total", "x", {{"edge", std::to_string(i)}}).add();
  }
  EXPECT_NE(registry.text(Format::prometheus).find("{edge=\"other\"} 10\n"), std::string::npos);
}

TEST(Registry, CountsFromManyThreadsAddUp) {
  Registry registry;
  auto& counter = registry.counter("tidemark_x_total", "x");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) counter.add();
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(counter.value(), 4000u);
}

TEST(Registry, FormatFollowsAccept) {
  EXPECT_EQ(format_for("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            Format::openmetrics);
  EXPECT_EQ(format_for("*/*"), Format::prometheus);
}

}  // namespace
}  // namespace tidemark::metrics
