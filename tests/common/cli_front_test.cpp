#include "common/cli/front.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/base/exit_code.h"

namespace tidemark::cli {
namespace {

// A folder with shell scripts that stand for the parts.
class FrontProgram : public testing::Test {
 protected:
  FrontProgram() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-front-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FrontProgram() override { std::filesystem::remove_all(folder_); }

  void install(const std::string& name, const std::string& script) {
    const auto path = folder_ / name;
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    chmod(path.c_str(), 0755);
  }
  int run(const std::vector<std::string>& words) {
    Front front(Programs(folder_, ""), output_);
    return front.run(words);
  }
  // In a child, because the front turns into another program.
  std::pair<int, std::string> become(const std::vector<std::string>& words) {
    const auto result = folder_ / "result";
    const pid_t pid = fork();
    if (pid == 0) {
      std::ignore = freopen(result.c_str(), "w", stdout);
      _exit(run(words));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    std::ifstream in(result);
    return {WEXITSTATUS(status), std::string(std::istreambuf_iterator<char>(in), {})};
  }

  std::filesystem::path folder_;
  TextOutput output_;
};

TEST_F(FrontProgram, AloneItPrintsASummaryAndThreeNextCommands) {
  install("tidemark-edge", "");
  EXPECT_EQ(run({}), kExitOk);
  EXPECT_NE(output_.text.find(" edge     installed\n gateway  not installed\n"), std::string::npos)
      << output_.text;
  EXPECT_NE(output_.text.find("Next:\n  tidemark help\n  tidemark doctor\n  tidemark demo\n"),
            std::string::npos);
}

TEST_F(FrontProgram, HandsWordsToThePartThatHasThem) {
  install("tidemark-edge", "echo edge \"$@\"; exit 2");
  EXPECT_EQ(become({"tap", "line1/*", "--count", "3"}),
            (std::pair<int, std::string>(2, "edge cli tap line1/* --count 3\n")));
  EXPECT_EQ(become({"series", "list"}),
            (std::pair<int, std::string>(2, "edge cli series list\n")));
}

TEST_F(FrontProgram, HelpIsOfTheCommandThatIsNamed) {
  EXPECT_EQ(run({"help", "config", "check"}), kExitOk);
  EXPECT_NE(output_.text.find("usage: tidemark config check"), std::string::npos) << output_.text;
  install("tidemark-cloud", "echo cloud \"$@\"");
  EXPECT_EQ(become({"help", "cloud", "query"}).second, "cloud cli cloud query --help\n");
  EXPECT_EQ(run({"help", "nosuch"}), kExitUsage);
}

TEST_F(FrontProgram, HelpSaysWhatTheCommandsOfPartsDo) {
  EXPECT_EQ(run({"help"}), kExitOk);
  for (const auto& part : parts()) {
    for (const auto& c : part.commands) {
      EXPECT_NE(output_.text.find(c.help), std::string::npos) << c.name << "\n" << output_.text;
    }
  }
}

TEST_F(FrontProgram, ConfigCheckOfNothingIs66) {
  const std::string absent = "echo 'error: /etc/x.toml: no such file' >&2; exit 66";
  install("tidemark-edge", absent);
  EXPECT_EQ(run({"config", "check"}), kExitNoInput);
  EXPECT_NE(output_.errors.find("/etc/x.toml: no such file"), std::string::npos);
  install("tidemark-cloud", "echo cloud.toml: ok");  // that only one part has one is no fault
  output_.errors.clear();
  EXPECT_EQ(run({"config", "check"}), kExitOk);
  EXPECT_EQ(output_.text, "cloud.toml: ok\n");
  EXPECT_EQ(output_.errors, "") << "nobody asked for the edge here";
  setenv("TIDEMARK_EDGE_CONFIG", "/etc/x.toml", 1);
  EXPECT_EQ(run({"config", "check"}), kExitNoInput) << "somebody did, and it is not there";
  unsetenv("TIDEMARK_EDGE_CONFIG");
  EXPECT_NE(output_.errors.find("/etc/x.toml: no such file"), std::string::npos);
}

TEST_F(FrontProgram, DoctorAsksOnlyPartsThatAreConfigured) {
  const std::string absent = "echo 'error: /etc/x.toml: no such file' >&2; exit 66";
  install("tidemark-gateway", absent);
  EXPECT_EQ(run({"doctor"}), kExitProblems);
  EXPECT_NE(output_.text.find("FAIL  parts"), std::string::npos) << output_.text;
  EXPECT_NE(output_.text.find("installed and without a configuration: gateway"), std::string::npos);
  install("tidemark-edge",
          R"(echo '{"v":1,"checks":[{"state":"ok","name":"ring","text":"fine","next":null}]}')");
  output_.text.clear();
  EXPECT_EQ(run({"doctor"}), kExitOk) << output_.text;
  EXPECT_NE(output_.text.find("installed and not configured here: gateway"), std::string::npos)
      << output_.text;
}

TEST_F(FrontProgram, MissingPartSaysHowToGetIt) {
  EXPECT_EQ(run({"cloud", "status"}), kExitUnreachable);
  EXPECT_NE(output_.errors.find("try: apt install tidemark-cloud"), std::string::npos);
}

TEST_F(FrontProgram, UnknownWordGetsTheNearestOfAllParts) {
  EXPECT_EQ(run({"gatway", "status"}), kExitUsage);
  EXPECT_EQ(output_.errors,
            "error: tidemark: no command 'gatway', did you mean 'gateway'?\n"
            "  try: tidemark --help\n");
}

TEST_F(FrontProgram, ConfigCheckAsksThePartByTheFilesName) {
  install("tidemark-cloud", "echo \"$@\"; echo cloud.toml:1:1: error: no >&2; exit 78");
  const auto file = folder_ / "cloud.toml";
  std::ofstream(file) << "x";
  EXPECT_EQ(run({"config", "check", file.string()}), kExitConfig);
  EXPECT_EQ(output_.text, "--check --config " + file.string() + "\n");
  EXPECT_EQ(output_.errors, "cloud.toml:1:1: error: no\n");
  EXPECT_EQ(run({"config", "check", (folder_ / "edge.toml").string()}), kExitNoInput);
  EXPECT_EQ(run({"config", "check", "what.toml"}), kExitNoInput);
}

TEST_F(FrontProgram, ConfigCheckGoesOnAfterAFileThatIsNotThere) {
  install("tidemark-edge", "echo \"$3: ok\"");
  const auto file = (folder_ / "edge.toml").string();
  std::ofstream(file) << "x";
  EXPECT_EQ(run({"config", "check", "/nosuch/edge.toml", file, "/nosuch/cloud.toml"}),
            kExitNoInput);
  EXPECT_EQ(output_.text, file + ": ok\n");
  EXPECT_EQ(output_.errors, "error: /nosuch/edge.toml: no such file\n"
                            "error: /nosuch/cloud.toml: no such file\n");
  install("tidemark-edge", "echo no >&2; exit 78");
  EXPECT_EQ(run({"config", "check", "/nosuch/edge.toml", file}), kExitConfig);
  output_.text.clear();
  EXPECT_EQ(run({"config", "check", "--json", "/nosuch/edge.toml", file}), kExitConfig);
  EXPECT_NE(output_.text.find(R"("file":"/nosuch/edge.toml","ok":false,"exit":66)"),
            std::string::npos) << output_.text;
}

TEST_F(FrontProgram, AFileOfAnotherNameIsOfThePartThatKnowsItsKeysOrIsSaid) {
  install("tidemark-edge", "grep -q ring $3 && { echo \"$3: ok\"; exit 0; }\n"
                           "echo \"$3:1:1: error: unknown key 'x'\" >&2; exit 78");
  install("tidemark-gateway", "echo \"$3:1:1: error: unknown key 'ring'\" >&2; exit 78");
  const auto file = (folder_ / "plant7.toml").string();
  std::ofstream(file) << "ring.size = 1";
  EXPECT_EQ(run({"config", "check", file}), kExitOk);
  EXPECT_EQ(output_.text, file + ": ok\n");
  std::ofstream(file) << "x = 1";
  EXPECT_EQ(run({"config", "check", file}), kExitUsage) << "neither knows it better";
  EXPECT_NE(output_.errors.find("nor its keys tell; say --part edge,"),
            std::string::npos) << output_.errors;
  output_.errors.clear();
  EXPECT_EQ(run({"config", "check", "--part", "gateway", file}), kExitConfig);
  EXPECT_EQ(output_.errors, file + ":1:1: error: unknown key 'ring'\n");
}

TEST_F(FrontProgram, ADropInIsCheckedWithItsFileAndAFolderWithAllThatIsInIt) {
  install("tidemark-edge", "echo \"$3: ok\"");
  const auto main_file = (folder_ / "edge.toml").string();
  const auto drop_in = (folder_ / "edge.d/line1.toml").string();
  std::filesystem::create_directory(folder_ / "edge.d");
  std::ofstream(main_file) << "x";
  std::ofstream(drop_in) << "x";
  EXPECT_EQ(run({"config", "check", drop_in}), kExitOk);
  EXPECT_EQ(output_.text, drop_in + ": ok, with " + main_file + "\n");
  output_.text.clear();
  EXPECT_EQ(run({"config", "check", folder_.string()}), kExitOk);
  EXPECT_EQ(output_.text, main_file + ": ok\n");
  std::ofstream(folder_ / "edge.d/old.bak") << "x";
  EXPECT_EQ(run({"config", "check", (folder_ / "edge.d/old.bak").string()}), kExitUsage);
  EXPECT_NE(output_.errors.find("only files that end in .toml are read"), std::string::npos);
  EXPECT_EQ(run({"config", "check", (folder_ / "edge.d").string()}), kExitNoInput);
}

TEST_F(FrontProgram, ConfigCheckWithoutFilesAsksAllThatAreInstalled) {
  install("tidemark-edge", "exit 0");
  install("tidemark-gateway", "exit 0");
  EXPECT_EQ(run({"config", "check", "--json"}), kExitOk);
  EXPECT_EQ(output_.text,
            R"({"v":1,"ok":true,"parts":[{"part":"edge","file":null,"ok":true,"exit":0,"text":""},)"
            R"({"part":"gateway","file":null,"ok":true,"exit":0,"text":""}]})"
            "\n");
}

TEST_F(FrontProgram, ConfigShowJoinsAllPartsOrShowsOneFile) {
  install("tidemark-edge", "echo \"edge $@\"");
  install("tidemark-cloud", "echo 'cloud.toml:1:1: error: no' >&2; exit 78");
  EXPECT_EQ(run({"config", "show"}), kExitConfig);
  EXPECT_EQ(output_.text, "# edge\nedge --show\n");
  EXPECT_EQ(output_.errors, "cloud.toml:1:1: error: no\n");
  const auto file = folder_ / "edge.toml";
  std::ofstream(file) << "x";
  install("tidemark-edge", R"(echo "{\"words\":\"$*\"}")");
  output_.text.clear();
  EXPECT_EQ(run({"config", "show", "--json", file.string()}), kExitOk);
  EXPECT_EQ(output_.text, R"({"v":1,"parts":[{"words":"--show --json --config )" +
                              file.string() + "\"}]}\n");
}

TEST_F(FrontProgram, ConfigKeysIsOfOnePart) {
  install("tidemark-gateway", "echo \"$@\"");
  EXPECT_EQ(run({"config", "keys", "gateway"}), kExitOk);
  EXPECT_EQ(output_.text, "--keys\n");
  EXPECT_EQ(run({"config", "keys", "tap"}), kExitUsage);
  EXPECT_EQ(run({"config", "keys", "edge"}), kExitUnreachable);
}

TEST_F(FrontProgram, DoctorOfAFileAsksItsPart) {
  install("tidemark-gateway", "exit 70");
  install("tidemark-edge", "test \"$*\" = \"cli doctor --json --config " +
                               (folder_ / "edge.toml").string() + "\" || exit 64\n" +
          R"(echo '{"v":1,"checks":[{"state":"ok","name":"ring","text":"fine","next":null}]}')");
  std::ofstream(folder_ / "edge.toml") << "x";
  EXPECT_EQ(run({"doctor", "--config", (folder_ / "edge.toml").string()}), kExitOk);
  EXPECT_NE(output_.text.find("edge: ring"), std::string::npos) << output_.text;
  EXPECT_EQ(output_.text.find("gateway"), std::string::npos) << output_.text;
  EXPECT_EQ(run({"doctor", "--config", "/nosuch/edge.toml"}), kExitProblems);
  EXPECT_NE(output_.text.find("/nosuch/edge.toml: no such file"), std::string::npos)
      << output_.text;
}

TEST_F(FrontProgram, WhereThereIsNoEdgeSeriesAreTheClouds) {
  install("tidemark-cloud", "echo cloud \"$@\"");
  EXPECT_EQ(become({"series", "--help"}).second, "cloud cli series --help\n");
  install("tidemark-edge", "echo edge \"$@\"");
  EXPECT_EQ(become({"series", "--help"}).second, "edge cli series --help\n");
}

TEST_F(FrontProgram, DoctorJoinsAllParts) {
  install("tidemark-edge",
          R"(echo '{"v":1,"checks":[{"state":"ok","name":"ring","text":"fine","next":null}]}')");
  install("tidemark-cloud", "echo broken >&2; exit 70");
  EXPECT_EQ(run({"doctor"}), kExitProblems);
  EXPECT_NE(output_.text.find("edge: ring"), std::string::npos) << output_.text;
  EXPECT_NE(output_.text.find("its doctor ended with 70: broken  try: tidemark-cloud cli doctor"),
            std::string::npos)
      << output_.text;
}

TEST_F(FrontProgram, VersionNamesEachPart) {
  install("tidemark-edge", "echo tidemark-edge 9.9");
  EXPECT_EQ(run({"version"}), kExitOk);
  EXPECT_NE(output_.text.find("tidemark-edge 9.9  ("), std::string::npos);
}

TEST_F(FrontProgram, DemoRunsTheInstalledScript) {
  EXPECT_EQ(run({"demo"}), kExitUnreachable);
  install("tidemark-demo", "echo demo \"$@\" in $TIDEMARK_BIN");
  EXPECT_EQ(become({"demo", "--for", "60s"}).second,
            "demo --for 60s in " + folder_.string() + "\n");
}

TEST_F(FrontProgram, CompletionKnowsItsOwnCommandsAndThoseOfParts) {
  install("tidemark-cloud",
          "printf 'cloud\\t--help\\tThe cloud.\\ncloud query\\t--from\\tAsk.\\n'");
  EXPECT_EQ(run({"completion", "bash"}), kExitOk);
  std::ofstream(folder_ / "c.bash") << output_.text
                                    << "COMP_WORDS=(tidemark cloud query --f); COMP_CWORD=3\n"
                                       "_tidemark; echo \"${COMPREPLY[@]}\"\n"
                                       "COMP_WORDS=(tidemark cl); COMP_CWORD=1\n"
                                       "_tidemark; echo \"${COMPREPLY[@]}\"\n"
                                       "COMP_WORDS=(tidemark codec d); COMP_CWORD=2\n"
                                       "_tidemark; echo \"${COMPREPLY[@]}\"\n";
  const auto ran = run_program("/bin/bash", {(folder_ / "c.bash").string()}, 10);
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(ran->out, "--from\ncloud\ndecode\n") << ran->errors;
  output_.text.clear();
  EXPECT_EQ(run({"completion", "fish"}), kExitOk);
  EXPECT_NE(output_.text.find("-a query -d 'Ask.'"), std::string::npos);
  EXPECT_EQ(run({"completion", "tcsh"}), kExitUsage);
}

TEST(RunProgram, GivesUpOnOneThatHangs) {
  const auto ran = run_program("/bin/sh", {"-c", "while :; do :; done"}, 1);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().fault(), Fault::unavailable);
}

}  // namespace
}  // namespace tidemark::cli
