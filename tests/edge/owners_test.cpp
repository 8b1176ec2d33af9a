#include "edge/source/owners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/base/disk.h"
#include "common/base/text.h"
#include "edge/source/ways_file.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::source {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Way kA{"floor", "plant/a", "x"};
const Way kB{"floor", "plant/b", "x"};
const Way kC{"hall", "", "x"};

bool speaks(Owners& owners, const Way& way, const std::string& series = "p1/x") {
  const auto may = owners.check(series, way);
  if (may) owners.take(series, way);
  return may.ok();
}

TEST(Owners, TheFirstWayHasTheSeriesAndTheOtherIsToldHowToGetIt) {
  Owners owners;
  EXPECT_TRUE(speaks(owners, kA));
  EXPECT_TRUE(speaks(owners, kA));
  const auto denied = owners.check("p1/x", kB);
  ASSERT_FALSE(denied.ok());
  EXPECT_EQ(denied.error().fault(), Fault::denied);
  EXPECT_EQ(denied.error().text(),
            "two ways to one series: $.x of topic 'plant/b' of source 'floor' leads to 'p1/x', "
            "which belongs to $.x of topic 'plant/a' of source 'floor'; set 'device' or "
            "'metric_prefix' of one of them, or, if it takes the other's place: tidemark series "
            "release p1/x");
  EXPECT_THAT(owners.check("p1/x", kC).error().text(), HasSubstr("series: source 'hall' leads"));
  EXPECT_TRUE(owners.has("p1/x", kA));
  EXPECT_FALSE(owners.has("p1/x", kB));
  EXPECT_TRUE(speaks(owners, kB, "p1/y"));
}

TEST(Owners, OneThatThisStartHasNotHeardIsSaidToBeSilent) {
  Owners owners;
  owners.load({"p1/x", kA});
  EXPECT_THAT(owners.check("p1/x", kB).error().text(), HasSubstr("(silent since the agent's"));
  EXPECT_TRUE(speaks(owners, kA));
  EXPECT_THAT(owners.check("p1/x", kB).error().text(), Not(HasSubstr("silent")));
}

TEST(Owners, ReleasedItIsOfTheOneThatWasDeniedLast) {
  Owners owners;
  ASSERT_TRUE(speaks(owners, kA));
  EXPECT_FALSE(speaks(owners, kC));
  EXPECT_FALSE(speaks(owners, kB));
  const auto version = owners.version();
  const auto released = owners.release("p1/x");
  ASSERT_TRUE(released.ok());
  EXPECT_EQ(released->was, text_of(kA));
  EXPECT_EQ(released->now, text_of(kB));
  EXPECT_GT(owners.version(), version);
  EXPECT_FALSE(speaks(owners, kA));  // however often it speaks
  EXPECT_TRUE(speaks(owners, kB));
}

TEST(Owners, ReleasedWithNobodyDeniedItIsOfTheNext) {
  Owners owners;
  ASSERT_TRUE(speaks(owners, kA));
  const auto released = owners.release("p1/x");
  ASSERT_TRUE(released.ok());
  EXPECT_THAT(released->now, IsEmpty());
  EXPECT_EQ(owners.way_of("p1/x"), nullptr);
  EXPECT_TRUE(speaks(owners, kC));
  EXPECT_FALSE(speaks(owners, kA));
  EXPECT_EQ(owners.release("p1/none").error().fault(), Fault::bad_input);
}

TEST(Owners, WhatNoLongerStandsIsFree) {
  Owners owners;
  ASSERT_TRUE(speaks(owners, kA));
  ASSERT_TRUE(speaks(owners, kC, "p2/x"));
  owners.keep_if([](const std::string&, const Way& way) { return way.source == "hall"; });
  EXPECT_TRUE(speaks(owners, kB));
  EXPECT_FALSE(speaks(owners, kB, "p2/x"));
}

TEST(Owners, ReleasedItIsNotOfAWayThatIsGone) {
  Owners owners;
  ASSERT_TRUE(speaks(owners, kA));
  ASSERT_FALSE(speaks(owners, kC));
  owners.keep_if([](const std::string&, const Way& way) { return way.source == "floor"; });
  EXPECT_EQ(owners.release("p1/x")->now, "");
}

TEST(Owners, AtTheBoundTheOldestGoesThatThisStartHasNotHeard) {
  Owners owners;
  for (std::size_t i = 0; i < Owners::kMax; ++i) owners.load({"z" + std::to_string(i), kA});
  ASSERT_TRUE(speaks(owners, kA, "z0"));
  EXPECT_TRUE(speaks(owners, kB, "a0"));
  EXPECT_TRUE(speaks(owners, kB, "a1"));
  EXPECT_EQ(owners.size(), Owners::kMax);
  EXPECT_TRUE(owners.has("z0", kA));
  EXPECT_EQ(owners.way_of("z1"), nullptr);
  EXPECT_EQ(owners.way_of("z2"), nullptr);
  EXPECT_TRUE(owners.has("z3", kA));
  EXPECT_EQ(owners.take_changed().size(), 4u);  // two went, two came
}

class Ways : public testing::Test {
 protected:
  // As the next start has them.
  Owners restart() {
    Owners owners;
    WaysFile file(folder_.path());
    file.read(owners);
    damage_ = file.damage();
    return owners;
  }
  [[nodiscard]] std::string content() const { return *read_file(path_, 1 << 20); }
  void write(const std::string& text) const { ASSERT_TRUE(write_file(path_, text)); }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "series.ways";
  WaysFile file_{folder_.path()};
  Owners owners_;
  std::string damage_;
};

TEST_F(Ways, OutliveTheAgent) {
  file_.read(owners_);
  ASSERT_TRUE(file_.keep(owners_));
  EXPECT_FALSE(std::filesystem::exists(path_));  // there is nothing to keep yet
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(file_.keep(owners_));
  ASSERT_TRUE(speaks(owners_, kC, "p2/x"));
  ASSERT_TRUE(file_.keep(owners_));
  auto next = restart();
  EXPECT_EQ(damage_, "");
  EXPECT_FALSE(speaks(next, kB));
  EXPECT_TRUE(speaks(next, kA));
  EXPECT_TRUE(next.has("p2/x", kC));
  EXPECT_EQ(next.size(), 2u);
}

TEST_F(Ways, SoDoesWhatBecameAnothersOrNobodys) {
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(speaks(owners_, kA, "p2/x"));
  ASSERT_TRUE(file_.keep(owners_));
  ASSERT_FALSE(speaks(owners_, kB));
  ASSERT_TRUE(owners_.release("p1/x"));
  ASSERT_TRUE(owners_.release("p2/x"));
  ASSERT_TRUE(file_.keep(owners_));
  auto next = restart();
  EXPECT_TRUE(next.has("p1/x", kB));
  EXPECT_EQ(next.way_of("p2/x"), nullptr);
}

TEST_F(Ways, NothingIsWrittenWhereNothingChanged) {
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(file_.keep(owners_));
  ASSERT_TRUE(std::filesystem::remove(path_));
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_FALSE(speaks(owners_, kB));
  ASSERT_TRUE(file_.keep(owners_));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Ways, NamesMayHoldAnything) {
  const Way odd{"s\\t", "a\tb\n\\n", "\\"};
  ASSERT_TRUE(speaks(owners_, odd, "p\t1/x\n"));
  ASSERT_TRUE(file_.keep(owners_));
  EXPECT_TRUE(restart().has("p\t1/x\n", odd));
  EXPECT_EQ(damage_, "");
}

TEST_F(Ways, ALongOneIsForgottenAndTheOthersAreNot) {
  ASSERT_TRUE(speaks(owners_, {"floor", std::string(2000, 't'), "x"}));
  ASSERT_TRUE(speaks(owners_, kA, "p2/x"));
  ASSERT_TRUE(file_.keep(owners_));
  auto next = restart();
  EXPECT_EQ(next.way_of("p1/x"), nullptr);
  EXPECT_TRUE(next.has("p2/x", kA));
  EXPECT_EQ(damage_, "");
}

TEST_F(Ways, OfADamagedFileTheRestCountsAndItIsKeptAside) {
  for (const auto* series : {"p1/x", "p2/x", "p3/x"}) EXPECT_TRUE(speaks(owners_, kA, series));
  ASSERT_TRUE(file_.keep(owners_));
  auto text = content();
  text[text.find("p2/x")] = 'q';
  write(text);
  {
    Owners owners;
    WaysFile file(folder_.path());
    file.read(owners);
    EXPECT_THAT(file.damage(), HasSubstr("series.ways is damaged: 1 of 3 lines"));
    EXPECT_TRUE(owners.has("p1/x", kA));
    EXPECT_TRUE(owners.has("p3/x", kA));
    EXPECT_TRUE(speaks(owners, kB, "p2/x"));  // who speaks first
    ASSERT_TRUE(file.keep(owners));
  }
  EXPECT_EQ(*read_file(path_.string() + ".damaged", 1 << 20), text);
  auto next = restart();
  EXPECT_EQ(damage_, "");
  EXPECT_TRUE(next.has("p2/x", kB));
  EXPECT_TRUE(next.has("p3/x", kA));
}

TEST_F(Ways, NoFileOfWaysStopsNobody) {
  for (const std::string text : {"", "x", "tidemark series ways 2\nwhatever\n"}) {
    write(text);
    Owners owners = restart();
    EXPECT_THAT(damage_, HasSubstr("is damaged")) << text;
    EXPECT_EQ(owners.size(), 0u);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  restart();
  EXPECT_THAT(damage_, HasSubstr("is damaged"));
}

TEST_F(Ways, EveryCutLeavesWhatWasDurableBeforeIt) {
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(file_.keep(owners_));
  const auto durable = content().size();
  ASSERT_TRUE(speaks(owners_, kB, "p2/x"));
  ASSERT_TRUE(file_.keep(owners_));
  const auto text = content();
  for (auto cut = durable; cut <= text.size(); ++cut) {
    write(text.substr(0, cut));
    Owners next;
    WaysFile file(folder_.path());
    file.read(next);
    EXPECT_EQ(file.damage(), "") << cut;
    EXPECT_TRUE(next.has("p1/x", kA)) << cut;
    EXPECT_EQ(next.has("p2/x", kB), cut == text.size()) << cut;
    ASSERT_TRUE(speaks(next, kC, "p3/x"));
    ASSERT_TRUE(file.keep(next));
    EXPECT_TRUE(restart().has("p3/x", kC)) << cut;
  }
}

TEST_F(Ways, EveryChangedByteIsSeen) {
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(file_.keep(owners_));
  const auto text = content();
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    write(other);
    Owners next = restart();
    EXPECT_EQ(next.size(), 0u) << i;
  }
}

TEST_F(Ways, AFileOfThePastIsWrittenAnew) {
  ASSERT_TRUE(speaks(owners_, kA, "p0/x"));
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(speaks(owners_, kA));
    ASSERT_TRUE(owners_.release("p1/x"));
    if (i % 100 != 0) continue;
    ASSERT_TRUE(file_.keep(owners_));
  }
  ASSERT_TRUE(file_.keep(owners_));
  EXPECT_LT(std::ranges::count(content(), '\n'), 2000);
  EXPECT_TRUE(restart().has("p0/x", kA));
}

TEST_F(Ways, WhatCouldNotBeWrittenIsWrittenTheNextTime) {
  const auto folder = folder_ / "later";
  WaysFile file(folder);
  ASSERT_TRUE(speaks(owners_, kA));
  EXPECT_FALSE(file.keep(owners_));
  EXPECT_FALSE(file.keep(owners_));
  ASSERT_TRUE(make_folder(folder));
  ASSERT_TRUE(file.keep(owners_));
  Owners next;
  WaysFile(folder).read(next);
  EXPECT_TRUE(next.has("p1/x", kA));
}

TEST_F(Ways, AReleaseThatCouldNotBeWrittenIsWrittenTheNextTime) {
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(file_.keep(owners_));
  WaysFile file(folder_.path());
  Owners owners;
  file.read(owners);
  ASSERT_TRUE(owners.release("p1/x"));
  ASSERT_TRUE(std::filesystem::remove(path_));
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  EXPECT_FALSE(file.keep(owners));
  ASSERT_TRUE(std::filesystem::remove(path_));
  ASSERT_TRUE(file.keep(owners));
  EXPECT_EQ(content(), "tidemark series ways 1\n");
}

TEST_F(Ways, AreWrittenAsTheFormatSays) {
  std::ifstream in(std::string(TIDEMARK_SOURCE) + "/edge/source/FORMAT.md");
  std::string text;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "```") inside = false;
    if (inside) text += line + "\n";
    if (line == "```ways") inside = true;
  }
  ASSERT_TRUE(speaks(owners_, kA));
  ASSERT_TRUE(speaks(owners_, {"line1", "", "power_total"}, "line1/power_total"));
  ASSERT_TRUE(speaks(owners_, {"floor", "plant/old\tplace", ""}, "p2/temp"));
  ASSERT_TRUE(file_.keep(owners_));
  ASSERT_TRUE(owners_.release("p2/temp"));
  ASSERT_TRUE(file_.keep(owners_));
  EXPECT_EQ(text, content());
}

}  // namespace
}  // namespace tidemark::source
