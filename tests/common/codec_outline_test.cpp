#include "common/codec/outline.h"

#include <gtest/gtest.h>

namespace tidemark::codec {
namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

Group rows(std::uint32_t series, std::int64_t from, std::size_t n) {
  Group g;
  Column c;
  c.series = series;
  for (std::size_t i = 0; i < n; ++i) {
    g.times.push_back(from + static_cast<std::int64_t>(i) * 1'000'000);
    c.f64.push_back(0.5 * static_cast<double>(i % 7));
  }
  g.columns = {c};
  return g;
}
Outline of(const Block& block) { return outline(encode(block, Tier::standard).value()).value(); }
const std::vector<bool> kFirst{true, false}, kSecond{false, true}, kNone{false, false};

TEST(Outline, SaysWhatALongColumnBlockDoesNotHold) {
  Block block;
  block.groups = {rows(0, kStart, 200), rows(1, kStart + 1'000'000'000, 200)};
  const auto o = of(block);
  EXPECT_TRUE(o.complete);
  const auto last = kStart + 199'000'000;
  EXPECT_TRUE(o.may_hold(kFirst, last, last + 500'000'000));
  EXPECT_FALSE(o.may_hold(kFirst, last + 1, last + 900'000'000));
  EXPECT_TRUE(o.may_hold(kSecond, kStart + 1'000'000'000, kStart + 1'000'000'000));
  EXPECT_FALSE(o.may_hold(kSecond, kStart, kStart + 999'999'999));
  EXPECT_FALSE(o.may_hold(kNone, kStart, kStart + 2'000'000'000));
}

// One short, judged or windowed thing more, and nobody knows without decoding.
TEST(Outline, WhatItDoesNotTellMayBeAnything) {
  Block block;
  block.groups = {rows(0, kStart, 200), rows(1, kStart + 1'000'000'000, 127)};
  EXPECT_FALSE(of(block).complete);
  EXPECT_TRUE(of(block).may_hold(kSecond, kStart, kStart));
  EXPECT_FALSE(of(block).may_hold(kSecond, 0, kStart - 1)) << "outside the block itself";

  block.groups = {rows(0, kStart, 200)};
  block.groups[0].columns[0].quality.assign(200, Quality::uncertain);
  EXPECT_TRUE(of(block).may_hold(kNone, kStart, kStart));

  block.groups = {rows(0, kStart, 200)};
  PartialRow window;
  window.series = 1;
  window.start = kStart;
  window.size = 1'000'000'000;
  window.readings = 5;
  window.state = {1, 2, 3};
  block.partials = {window};
  EXPECT_TRUE(of(block).may_hold(kSecond, kStart, kStart));
}

TEST(Outline, CopiesAreNoReadings) {
  Block block;
  block.groups = {rows(0, kStart, 200), rows(1, kStart, 200)};
  block.groups[1].copy = true;
  const auto o = of(block);
  EXPECT_TRUE(o.complete);
  EXPECT_FALSE(o.may_hold(kSecond, kStart, kStart + 1'000'000'000));
}

TEST(Outline, DamageIsRefused) {
  Block block;
  block.groups = {rows(0, kStart, 200)};
  auto bytes = encode(block, Tier::fast).value();
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(outline(bytes).error().fault(), Fault::corrupt);
}

}  // namespace
}  // namespace tidemark::codec
