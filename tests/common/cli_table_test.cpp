#include "common/cli/table.h"

#include <gtest/gtest.h>

#include "common/base/exit_code.h"
#include "common/cli/doctor.h"

namespace tidemark::cli {
namespace {

TEST(Table, LinesUpByCellsNotBytes) {
  Table t({{"window", Align::left}, {"value", Align::right}, {"state", Align::left}});
  t.row({"14:01", "4 802 °C", "sealed"});
  t.row({"14:02", "7", "provisional"});
  EXPECT_EQ(t.text({.width = 0}),
            "window     value  state\n"
            "14:01   4 802 °C  sealed\n"
            "14:02          7  provisional\n");
}

TEST(Table, CutsTheWidestTextAtTheTerminalsWidth) {
  Table t({{"name", Align::left}, {"n", Align::right}});
  t.row({"a-very-long-name-of-a-series", "12345"});
  EXPECT_EQ(t.text({.width = 20}), "name               n\na-very-long-…  12345\n");
}

TEST(Table, PaintedCellsKeepTheirPlace) {
  TextOutput output({.colour = true, .unicode = true, .width = 0});
  Table t({{"", Align::left}, {"", Align::left}});
  t.row({output.paint(Tone::good, "ok"), "x"});
  t.row({"FAIL", "y"});
  EXPECT_EQ(t.text(output.terminal()), "\x1b[32mok\x1b[0m    x\nFAIL  y\n");
}

TEST(Output, IsAsciiWhereTheLocaleIsNotUtf8) {
  TextOutput output({.unicode = false, .width = 0});
  output.out("a → b … 5 °C ü\n");
  EXPECT_EQ(output.text, "a -> b ... 5 degC ?\n");
}

TEST(Output, PaintsOnlyWithColour) {
  EXPECT_EQ(TextOutput().paint(Tone::bad, "x"), "x");
}

TEST(Output, FailSaysWhatAndWhatNext) {
  TextOutput output;
  EXPECT_EQ(output.fail(Error(Fault::unavailable, "127.0.0.1:1: refused"), "tidemark doctor"),
            kExitUnreachable);
  EXPECT_EQ(output.errors, "error: 127.0.0.1:1: refused\n  try: tidemark doctor\n");
  EXPECT_EQ(output.text, "");
}

TEST(Doctor, TableAndJsonSayTheSame) {
  const std::vector<Check> checks = {{CheckState::ok, "clock", "+0.8 ms", ""},
                                     {CheckState::fail, "uplink", "refused", "tidemark x"}};
  TextOutput people;
  EXPECT_EQ(print_checks(people, checks, false), kExitProblems);
  EXPECT_EQ(people.text,
            "ok    clock   +0.8 ms\nFAIL  uplink  refused  try: tidemark x\n"
            "1 failed, 0 warnings.\n");
  TextOutput machines;
  EXPECT_EQ(print_checks(machines, checks, true), kExitProblems);
  const auto parsed = parse_checks(machines.text);
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ(parsed->at(1).state, CheckState::fail);
  EXPECT_EQ(parsed->at(1).next, "tidemark x");
}

TEST(Doctor, OtherTextIsNoReport) {
  EXPECT_FALSE(parse_checks("segmentation fault").ok());
  EXPECT_FALSE(parse_checks("[]").ok());
  EXPECT_FALSE(parse_checks(R"({"v":1,"checks":[3]})").ok());
}

}  // namespace
}  // namespace tidemark::cli
