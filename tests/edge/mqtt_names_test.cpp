#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/mqtt/topic.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;

TEST(Topic, FiltersMatchAsTheStandardSays) {
  struct Row {
    const char* filter;
    const char* topic;
    bool matches;
  };
  std::vector<std::string_view> wild;
  for (const auto& row : std::vector<Row>{{"a/b", "a/b", true},
                                          {"a/b", "a/b/c", false},
                                          {"a/b/c", "a/b", false},
                                          {"a/+", "a/b", true},
                                          {"a/+", "a", false},
                                          {"a/+", "a/", true},
                                          {"+/+", "/x", true},
                                          {"+", "/x", false},
                                          {"#", "a/b/c", true},
                                          {"a/#", "a", true},
                                          {"a/#", "a/b/c", true},
                                          {"a/#", "ab", false},
                                          {"+/b/#", "a/b", true},
                                          {"#", "$SYS/x", false},
                                          {"+/x", "$SYS/x", false},
                                          {"$SYS/#", "$SYS/x", true}}) {
    EXPECT_EQ(topic_matches(row.filter, row.topic, wild), row.matches)
        << row.filter << " " << row.topic;
  }
  ASSERT_TRUE(topic_matches("a/+/c/#", "a/b/c/d/e", wild));
  EXPECT_THAT(wild, ElementsAre("b", "d", "e"));
}

TEST(Topic, ASharedFilterMatchesWhatItsGroupShares) {
  std::vector<std::string_view> wild;
  ASSERT_TRUE(topic_matches("$share/grp/a/+/#", "a/b/c", wild));
  EXPECT_THAT(wild, ElementsAre("b", "c"));
  EXPECT_TRUE(topic_matches("$share/grp//x", "/x", wild));
  EXPECT_TRUE(topic_matches("$share/grp/#", "a", wild));
  EXPECT_FALSE(topic_matches("$share/grp/a", "b", wild));
  EXPECT_FALSE(topic_matches("$share/grp/#", "$SYS/x", wild));
  EXPECT_TRUE(is_shared("$share/grp/a"));
  EXPECT_FALSE(is_shared("share/grp/a"));
}

TEST(Topic, FiltersThatNoBrokerTakesAreRefused) {
  EXPECT_TRUE(check_filter("a/+/#").ok());
  EXPECT_TRUE(check_filter("#").ok());
  EXPECT_TRUE(check_filter("$share/grp/a/#").ok());
  EXPECT_TRUE(check_filter("$share/grp//").ok());
  for (const auto* none : {"$share", "$share/", "$share/grp", "$share/grp/", "$share//a",
                           "$share/g+/a", "$share/#/a", "$share/grp/a#"}) {
    EXPECT_FALSE(check_filter(none).ok()) << none;
  }
  EXPECT_FALSE(check_filter("").ok());
  EXPECT_FALSE(check_filter("a/b+").ok());
  EXPECT_FALSE(check_filter("a/#/b").ok());
  EXPECT_FALSE(check_filter(std::string(65'536, 'a')).ok());
}

TEST(Topic, NamesComeFromLevels) {
  EXPECT_EQ(*name_from_topic("topic[1]", "a/b/c"), "b");
  EXPECT_EQ(*name_from_topic("topic[-1]", "a/b/c d"), "c_d");
  EXPECT_EQ(*name_from_topic("press", "a/b"), "press");
  EXPECT_FALSE(name_from_topic("topic[3]", "a/b/c").ok());
  EXPECT_FALSE(name_from_topic("topic[1]", "a//c").ok());
  EXPECT_FALSE(check_name_expression("topic[x]").ok());
  EXPECT_FALSE(check_name_expression("topic[1").ok());
  EXPECT_FALSE(check_name_expression("topic[1]x").ok());
}

}  // namespace
}  // namespace tidemark::mqtt
