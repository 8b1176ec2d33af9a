#include "common/cli/command.h"

#include <gtest/gtest.h>

#include "common/base/exit_code.h"

namespace tidemark::cli {
namespace {

class CommandTree : public testing::Test {
 protected:
  CommandTree() {
    auto& cloud = root_.add("cloud", "The cloud node.");
    auto& status = cloud.add("status", "How it is.");
    status.flag("--json", json_, "One object.").action([this] {
      ran_ = "status";
      return 2;
    });
    auto& query = cloud.add("query", "Answers.");
    query.argument("EXPR", expression_, "What.")
        .option("--from", from_, "Start.", "T")
        .option("-n,--count", count_, "At most.")
        .choice("--state", state_, {"sealed", "revised"}, "Only those.")
        .option("--label", labels_, "Of the group.")
        .flag("--json", json_, "One object.");
    query.action([this] {
      ran_ = "query";
      return 0;
    });
  }
  int run(const std::vector<std::string>& words) {
    output_.text.clear();
    output_.errors.clear();
    return root_.run(words, output_);
  }

  Command root_{"tidemark", "Telemetry."};
  TextOutput output_;
  bool json_ = false;
  std::string expression_, from_, state_, ran_;
  std::vector<std::string> labels_;
  std::uint64_t count_ = 0;
};

TEST_F(CommandTree, RunsTheActionAndHandsOnItsCode) {
  EXPECT_EQ(run({"cloud", "status", "--json"}), 2);
  EXPECT_TRUE(json_);
  EXPECT_EQ(ran_, "status");
}

TEST_F(CommandTree, TakesValuesThatLookLikeOptions) {
  EXPECT_EQ(run({"cloud", "query", "avg a/b by 1m", "--from", "-10m", "-n", "5", "--label", "a=1",
                 "--label=b=2"}),
            0)
      << output_.errors;
  EXPECT_EQ(expression_, "avg a/b by 1m");
  EXPECT_EQ(from_, "-10m");
  EXPECT_EQ(count_, 5u);
  EXPECT_EQ(labels_, (std::vector<std::string>{"a=1", "b=2"}));
}

TEST_F(CommandTree, AnArgumentMayHaveTheNameOfACommand) {
  EXPECT_EQ(run({"cloud", "query", "cloud", "--from", "status"}), 0) << output_.errors;
  EXPECT_EQ(expression_, "cloud");
  EXPECT_EQ(from_, "status");
  EXPECT_EQ(ran_, "query");
}

struct WrongRow {
  std::vector<std::string> words;
  std::string says;
};
void PrintTo(const WrongRow& row, std::ostream* out) { *out << row.says; }
class WrongWords : public CommandTree, public testing::WithParamInterface<WrongRow> {};

TEST_P(WrongWords, AreNamedWithTheNearestRightOneAndExit64) {
  EXPECT_EQ(run(GetParam().words), kExitUsage);
  EXPECT_EQ(output_.errors, GetParam().says);
  EXPECT_EQ(output_.text, "");
  EXPECT_EQ(ran_, "");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WrongWords,
    testing::Values(
        WrongRow{{"clud"},
                 "error: tidemark: no command 'clud', did you mean 'cloud'?\n"
                 "  try: tidemark --help\n"},
        WrongRow{{"cloud", "sttus"},
                 "error: tidemark cloud: no command 'sttus', did you mean 'status'?\n"
                 "  try: tidemark cloud --help\n"},
        WrongRow{{"cloud", "frobnicate", "--json"},
                 "error: tidemark cloud: no command 'frobnicate', there are status, query\n"
                 "  try: tidemark cloud --help\n"},
        WrongRow{{"cloud", "status", "--jsn"},
                 "error: tidemark cloud status: no option '--jsn', did you mean '--json'?\n"
                 "  try: tidemark cloud status --help\n"},
        WrongRow{{"cloud", "status", "extra"},
                 "error: tidemark cloud status: nothing is expected at 'extra'\n"
                 "  try: tidemark cloud status --help\n"},
        WrongRow{{"cloud", "status", "cloud"},  // the name of a command further up
                 "error: tidemark cloud status: nothing is expected at 'cloud'\n"
                 "  try: tidemark cloud status --help\n"},
        WrongRow{{"clud", "--help"},
                 "error: tidemark: no command 'clud', did you mean 'cloud'?\n"
                 "  try: tidemark --help\n"},
        WrongRow{{"cloud", "query"},
                 "error: tidemark cloud query: EXPR is missing\n"
                 "  try: tidemark cloud query --help\n"},
        WrongRow{{"cloud", "query", "x", "--count", "many"},
                 "error: tidemark cloud query: --count: 'many' is not a whole number\n"
                 "  try: tidemark cloud query --help\n"},
        WrongRow{{"cloud", "query", "x", "--state", "seled"},
                 "error: tidemark cloud query: --state: 'seled' is none of sealed, revised; did "
                 "you mean 'sealed'?\n  try: tidemark cloud query --help\n"},
        WrongRow{{"cloud", "query", "x", "--from"},
                 "error: tidemark cloud query: --from needs a value\n"
                 "  try: tidemark cloud query --help\n"}));

TEST_F(CommandTree, HelpGoesToStdoutWithExitCodes) {
  EXPECT_EQ(run({"cloud", "query", "--help"}), 0);
  EXPECT_NE(output_.text.find("usage: tidemark cloud query EXPR [OPTIONS]"), std::string::npos);
  EXPECT_NE(output_.text.find("--state sealed|revised"), std::string::npos) << output_.text;
  EXPECT_NE(output_.text.find("78 configuration"), std::string::npos);
  EXPECT_EQ(run({"cloud"}), 0);
  EXPECT_NE(output_.text.find("Commands:\n  status  How it is.\n"), std::string::npos);
}

TEST_F(CommandTree, TreeNamesEveryCommandForCompletion) {
  EXPECT_EQ(run({"__tree"}), 0);
  EXPECT_EQ(output_.text,
            "cloud\t--help\tThe cloud node.\n"
            "cloud status\t--json --help\tHow it is.\n"
            "cloud query\t--from -n --count --state --label --json --help\tAnswers.\n");
}

}  // namespace
}  // namespace tidemark::cli
