// Which series a reading is of, by the names that it came with.
#include "cloud/plain/sent_names.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemark::plain {
namespace {

PlainReading named(std::string_view device, std::string_view metric,
                   ValueType type = ValueType::f64) {
  PlainReading r;
  r.device = device;
  r.metric = metric;
  r.type = type;
  return r;
}

TEST(SentNames, TellsDeviceMetricAndTypeApart) {
  SentNames names;
  EXPECT_EQ(names.find(named("a", "b")), SentNames::kNone);
  const std::vector<PlainReading> all{named("a", "b"), named("ab", ""), named("", "ab"),
                                      named("b", "a"), named("a", "b", ValueType::text),
                                      named(std::string_view("a\0b", 3), "c"),
                                      named("a", std::string_view("b\0c", 3))};
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(names.find(all[i]), SentNames::kNone) << i;
    names.add(all[i], 100 + i);
  }
  for (std::uint32_t i = 0; i < all.size(); ++i) EXPECT_EQ(names.find(all[i]), 100 + i);
  EXPECT_EQ(names.size(), all.size());
}

TEST(SentNames, GrowsWithWhatItKnows) {
  SentNames names;
  const auto device = [](std::uint32_t i) {
    return fmt::format("{}{}", std::string(i % 300, 'x'), i);
  };
  for (std::uint32_t i = 0; i < 5000; ++i) names.add(named(device(i), "v"), i);
  for (std::uint32_t i = 0; i < 5000; ++i) ASSERT_EQ(names.find(named(device(i), "v")), i);
  EXPECT_EQ(names.find(named("5000", "v")), SentNames::kNone);
}

}  // namespace
}  // namespace tidemark::plain
