// `tidemark edge clock` against an agent's clock that is told what the time is.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "edge/cli/edge_command.h"
#include "edge/control/control.h"
#include "edge/daemon/clock_request.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::edge {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using nlohmann::json;

constexpr EventTime kPlausible = event_time(1'767'225'600'000'000'000);  // 2026-01-01

class ClockCli : public testing::Test {
 protected:
  ClockCli() {
    EXPECT_TRUE(write_file(folder_ / "edge.toml",
                           "edge = \"e\"\nrun_dir = \"" + folder_.path().string() + "\"\n"));
    control::Handlers h;
    h.clock = [this](const std::string& request) {
      return answer_clock_request(request, clock_, nullptr, [] {});
    };
    control_ = control::Control::open(folder_ / "edge.sock", std::move(h), tap_).value();
  }
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), {"edge", "clock"});
    words.insert(words.end(), {"--config", (folder_ / "edge.toml").string()});
    output_.text.clear();
    output_.errors.clear();
    return run_cli(words, output_);
  }

  test::TemporaryFolder folder_;
  bool ntp_ = false;
  ManualClock system_{event_time(5'000'000'000)};  // 1970: no battery
  clock::DeviceClock clock_{system_, {kPlausible, true, {}, "", [this] { return ntp_; }}};
  pipeline::TapHub tap_;
  std::unique_ptr<control::Control> control_;
  cli::TextOutput output_;
};

TEST_F(ClockCli, SaysThatItIsNotKnownAndWhatToDo) {
  EXPECT_EQ(run({}), kExitDegraded);
  EXPECT_THAT(output_.text, AllOf(HasSubstr("the time is not known: what is heard waits for it"),
                                  HasSubstr("edge clock set TIME")));
  EXPECT_EQ(run({"--json"}), kExitDegraded);
  const auto said = json::parse(output_.text);
  EXPECT_EQ(said["v"], 1);
  EXPECT_EQ(said["state"], "unknown");
  EXPECT_EQ(said["from"], nullptr);
  EXPECT_EQ(said["held"], json::array());
}

TEST_F(ClockCli, IsSetByHand) {
  EXPECT_EQ(run({"set", "2026-11-21T14:30:00Z"}), kExitOk) << output_.errors;
  EXPECT_THAT(output_.text, HasSubstr("2026-11-21T14:30:00Z   by hand"));
  system_.advance(1min);
  EXPECT_EQ(run({"--json"}), kExitOk);
  const auto said = json::parse(output_.text);
  EXPECT_EQ(said["now"], "2026-11-21T14:31:00Z");
  EXPECT_EQ(said["from"], "hand");
  EXPECT_LT(said["system_off_ms"], 0) << "the system still lives in 1970";
}

TEST_F(ClockCli, TakesAnOffset) {
  EXPECT_EQ(run({"set", "2026-11-21T15:30+01:00", "--json"}), kExitOk) << output_.errors;
  EXPECT_EQ(json::parse(output_.text)["now"], "2026-11-21T14:30:00Z");
}

struct Refused {
  const char* time;
  const char* why;
};
class RefusedTimes : public ClockCli, public testing::WithParamInterface<Refused> {};

TEST_P(RefusedTimes, ChangeNothing) {
  EXPECT_NE(run({"set", GetParam().time}), kExitOk);
  EXPECT_THAT(output_.errors, HasSubstr(GetParam().why));
  EXPECT_FALSE(clock_.known());
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedTimes,
    testing::Values(Refused{"2026-11-21", "'2026-11-21' has no time of day"},
                    Refused{"2026-11-21T14:30:00", "has no zone"},
                    Refused{"2026-11-21 14:30", "has no zone"},
                    Refused{"14:30", "'14:30'"}, Refused{"tomorrow", "'tomorrow'"},
                    Refused{"2026-13-01T00:00:00Z", "'2026-13-01T00:00:00Z'"},
                    Refused{"2016-11-21T14:30:00Z", "2016-11-21T14:30:00Z"}));

TEST_F(ClockCli, ABigStepAsksForYes) {
  ASSERT_EQ(run({"set", "2026-11-21T14:30:00Z"}), kExitOk);
  EXPECT_EQ(run({"set", "2026-11-21T14:50:00Z"}), kExitOk) << "a correction";
  EXPECT_NE(run({"set", "2027-11-21T14:50:00Z"}), kExitOk);
  EXPECT_THAT(output_.errors,
              AllOf(HasSubstr("is 365day after what the agent believes, 2026-11-21T14:50:00Z (by "
                              "hand)"), HasSubstr("--yes")));
  EXPECT_NE(run({"set", "2026-11-21T13:40:00Z"}), kExitOk);
  EXPECT_THAT(output_.errors, HasSubstr("70min before"));
  EXPECT_EQ(clock_.wall(), parse_utc("2026-11-21T14:50:00Z").value()) << "nothing has changed";
  EXPECT_EQ(run({"set", "2027-11-21T14:50:00Z", "--yes"}), kExitOk) << output_.errors;
  EXPECT_EQ(clock_.wall(), parse_utc("2027-11-21T14:50:00Z").value());
}

TEST_F(ClockCli, WhoKeepsTheClockIsNotOverruled) {
  clock_.from_gateway(kPlausible + 1h, system_.steady());
  EXPECT_NE(run({"set", "2026-01-01T01:10:00Z"}), kExitOk);
  EXPECT_EQ(clock_.wall(), kPlausible + 1h);
  EXPECT_EQ(run({}), kExitOk);
  EXPECT_THAT(output_.text, HasSubstr("by gateway"));
}

TEST_F(ClockCli, ReleasesOnlyWhatIsHeld) {
  EXPECT_NE(run({"release", "0123", "--ended", "2026-11-21"}), kExitOk);
  EXPECT_THAT(output_.errors, HasSubstr("--ended: '2026-11-21' has no time of day"));
  EXPECT_NE(run({"release", "0123", "--ended", "2026-11-21T14:30:00Z"}), kExitOk);
  EXPECT_THAT(output_.errors, HasSubstr("no boot is held"));
}

TEST_F(ClockCli, WithoutAnAgentSaysHowToStartIt) {
  control_.reset();
  EXPECT_EQ(run({}), kExitUnreachable);
  EXPECT_THAT(output_.errors, HasSubstr("systemctl start tidemark-edge"));
}

}  // namespace
}  // namespace tidemark::edge
