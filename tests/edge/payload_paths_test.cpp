#include <gtest/gtest.h>

#include "edge/payload/payload.h"

namespace tidemark::payload {
namespace {

TEST(Path, IsCheckedAndShortened) {
  EXPECT_EQ(*canonical_path("$.a.b[0].c"), "a.b[0].c");
  EXPECT_EQ(*canonical_path("$[*].x"), "[*].x");
  EXPECT_EQ(*canonical_path("a"), "a");
  EXPECT_EQ(*canonical_path("$"), "");
  for (const char* path : {"$.a..b", "$.a.", "$.a[x]", "$.a[1", "$.a[]"}) {
    EXPECT_FALSE(canonical_path(path).ok()) << path;
  }
}

TEST(Path, WildcardsStandForPartsOfOneName) {
  struct Row {
    const char* pattern;
    const char* path;
    bool fits;
    std::vector<std::string_view> stood_for;
  };
  for (const auto& row : std::vector<Row>{{"a.b", "a.b", true, {}},
                                          {"a.b", "a.bc", false, {}},
                                          {"a.b", "a", false, {}},
                                          {"*.t", "x.t", true, {"x"}},
                                          {"*.t", "x.y.t", false, {}},
                                          {"*.t", ".t", false, {}},
                                          {"em:*.?_v", "em:0.a_v", true, {"0", "a"}},
                                          {"em:*.?_v", "em:0.ab_v", false, {}},
                                          {"em:*.?_v", "em:.a_v", false, {}},
                                          {"p_*_*", "p_a_b_c", true, {"a_b", "c"}},
                                          {"p[*]", "p[0]", true, {"0"}},
                                          {"p[*].x", "p[12].x", true, {"12"}},
                                          {"p[*]", "p", false, {}},
                                          {"p*", "p[0]", false, {}},
                                          {"", "", true, {}}}) {
    std::vector<std::string_view> stood_for;
    EXPECT_EQ(path_fits(row.pattern, row.path, stood_for), row.fits)
        << row.pattern << " " << row.path;
    if (row.fits) {
      EXPECT_EQ(stood_for, row.stood_for) << row.pattern << " " << row.path;
    }
  }
}

}  // namespace
}  // namespace tidemark::payload
