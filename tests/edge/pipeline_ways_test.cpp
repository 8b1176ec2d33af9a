// Whose a series is, over restarts and reloads, and what the flush that first carries it waits for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/disk.h"
#include "tests/edge/pipeline_rig.h"

namespace tidemark::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PipelineWays : public PipelineRig {
 protected:
  // Values that the flushes from here on carry.
  std::vector<double> values() {
    std::vector<double> out;
    for (const auto& block : blocks()) {
      for (const auto& g : block.groups) {
        for (const auto& c : g.columns) out.insert(out.end(), c.f64.begin(), c.f64.end());
      }
    }
    ring_.flushes.clear();
    return out;
  }
  void again() {
    clock_.advance(1s);
    pipeline_->run([] {});
  }
};

TEST_F(PipelineWays, ASeriesStaysItsTopicsOverARestartThoughTheOtherSpeaksFirst) {
  say(1, "via old p1/temp 0 1");
  say(1, "via new p1/temp 0 2");
  run();
  EXPECT_THAT(values(), ElementsAre(1));
  for (int restart = 0; restart < 2; ++restart) {
    quarantine_.items.clear();
    say(1, "via new p1/temp 0 3");
    say(2, "p1/temp 0 4");  // another source
    run();
    ASSERT_EQ(quarantine_.items.size(), 2u);
    EXPECT_THAT(quarantine_.items[0].first,
                HasSubstr("belongs to the value of topic 'old' of source 'floor' (silent since"));
    EXPECT_THAT(values(), IsEmpty());
    say(1, "via old p1/temp 0 5");
    again();
    EXPECT_THAT(values(), ElementsAre(5));
  }
}

TEST_F(PipelineWays, TheWayIsDurableBeforeTheRingHasTheSeries) {
  int appended = 0;
  ring_.on_append = [&] {
    source::Owners owners;
    source::WaysFile(folder_.path()).read(owners);
    EXPECT_TRUE(owners.has("p1/temp", {"floor", "old", ""}));
    ++appended;
  };
  say(1, "via old p1/temp 0 1");
  run();
  EXPECT_EQ(appended, 1);
}

TEST_F(PipelineWays, ReadingsGoOnWhereTheFileCannotBeWritten) {
  const auto in_the_way = folder_ / "series.ways.new";
  ASSERT_TRUE(std::filesystem::create_directory(in_the_way));
  say(1, "via old p1/temp 0 1");
  run();
  EXPECT_THAT(values(), ElementsAre(1));
  EXPECT_THAT(pipeline_->status().ways_error, HasSubstr("series.ways.new"));
  EXPECT_FALSE(pipeline_->release("p1/temp").ok());
  ASSERT_TRUE(std::filesystem::remove(in_the_way));
  clock_.advance(10s);
  say(1, "via new p2/temp 0 2");
  again();
  EXPECT_THAT(values(), ElementsAre(2));
  EXPECT_EQ(pipeline_->status().ways_error, "");
  say(1, "via old p2/temp 0 3");
  run();
  EXPECT_THAT(values(), IsEmpty());
}

TEST_F(PipelineWays, AReloadThatTakesTheTopicOutFreesTheSeries) {
  say(1, "via old p1/temp 0 1");
  run();
  pipeline_->set_sources({{1, "floor", &floor_}});  // nothing changed for it
  say(1, "via new p1/temp 0 2");
  again();
  EXPECT_THAT(values(), ElementsAre(1));
  floor_.unsubscribed = "old";
  pipeline_->set_sources({{1, "floor", &floor_}});
  say(1, "via new p1/temp 0 3");
  again();
  EXPECT_THAT(values(), ElementsAre(3));
  EXPECT_EQ(pipeline_->series().at(0).way, "the value of topic 'new' of source 'floor'");
}

TEST_F(PipelineWays, SoDoesAConfigurationThatChangedWhileTheAgentWasOff) {
  say(1, "via old p1/temp 0 1");
  run();
  floor_.unsubscribed = "old";
  say(1, "via new p1/temp 0 2");
  run();
  EXPECT_THAT(values(), ElementsAre(1, 2));
}

TEST_F(PipelineWays, ASourceThatIsGoneFreesItsSeriesAndOneThatFailsDoesNot) {
  say(1, "p1/temp 0 1");
  run();
  pipeline_->set_sources({{2, "meter", &meter_}, {0, "floor", nullptr}});
  say(2, "p1/temp 0 2");
  again();
  EXPECT_THAT(values(), ElementsAre(1));
  pipeline_->set_sources({{2, "meter", &meter_}});
  say(2, "p1/temp 0 3");
  again();
  EXPECT_THAT(values(), ElementsAre(3));
}

TEST_F(PipelineWays, APersonReleasesASeriesForGood) {
  EXPECT_EQ(run().release("p1/temp").error().fault(), Fault::bad_input);
  say(1, "via old p1/temp 0 1");
  say(1, "via new p1/temp 0 2");
  again();
  const auto released = pipeline_->release("p1/temp");
  ASSERT_TRUE(released.ok());
  EXPECT_EQ(released->ways.was, "the value of topic 'old' of source 'floor'");
  EXPECT_EQ(released->ways.now, "the value of topic 'new' of source 'floor'");
  EXPECT_EQ(released->last, kNow);
  say(1, "via old p1/temp 0 3");
  run();  // what was said is not lost with the start
  say(1, "via new p1/temp 0 4");
  again();
  EXPECT_THAT(values(), ElementsAre(1, 4));
}

TEST_F(PipelineWays, ADamagedFileIsNamedAndWhoSpeaksFirstHasTheSeries) {
  ASSERT_TRUE(write_file(folder_ / "series.ways", "xx\n"));
  say(1, "via new p1/temp 0 1");
  EXPECT_THAT(run().status().ways_error, HasSubstr("series.ways is damaged"));
  EXPECT_THAT(values(), ElementsAre(1));
  say(1, "via old p1/temp 0 2");
  EXPECT_EQ(run().status().ways_error, "");
  EXPECT_THAT(values(), IsEmpty());
}

}  // namespace
}  // namespace tidemark::pipeline
