#include "edge/control/control.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/edge/temporary_folder.h"

namespace tidemark::control {
namespace {

using namespace std::chrono_literals;

class ControlTest : public testing::Test {
 protected:
  std::unique_ptr<Control> open() {
    Handlers h;
    h.status = [] { return std::string(R"({"v":1,"edge":"e"})"); };
    h.series = [] { return std::string(R"({"v":1,"series":[]})"); };
    h.buffer = [] { return std::string(R"({"v":1})"); };
    h.quarantine = [](std::size_t limit) { return "{\"limit\":" + std::to_string(limit) + "}"; };
    auto control = Control::open(socket_, std::move(h), tap_);
    EXPECT_TRUE(control) << control.error().text();
    return std::move(control).value();
  }
  std::string ask_once(const std::string& request) {
    std::string answer;
    const auto done = ask(socket_, request, [&](const std::string& line) {
      answer = line;
      return false;
    });
    EXPECT_TRUE(done) << done.error().text();
    return answer;
  }
  test::TemporaryFolder folder_;
  std::filesystem::path socket_ = folder_ / "edge.sock";
  pipeline::TapHub tap_;
};

TEST_F(ControlTest, AnswersAndRefusesInWords) {
  const auto control = open();
  EXPECT_EQ(ask_once(R"({"command":"status"})"), R"({"v":1,"edge":"e"})");
  EXPECT_EQ(ask_once(R"({"command":"quarantine","limit":3})"), R"({"limit":3})");
  EXPECT_NE(ask_once("nonsense").find("not a JSON object"), std::string::npos);
  EXPECT_NE(ask_once(R"({"command":"fly"})").find("unknown command 'fly'"), std::string::npos);
  EXPECT_NE(ask_once(R"({"command":7})").find("error"), std::string::npos);
}

TEST_F(ControlTest, TapsUntilTheListenerLeaves) {
  const auto control = open();
  std::thread speaker([&] {
    while (!tap_.listening(pipeline::TapKind::events)) std::this_thread::yield();
    while (tap_.listening(pipeline::TapKind::events)) {
      tap_.publish(pipeline::TapKind::events, "line1/power", "{\"series\":\"x\"}");
      std::this_thread::yield();
    }
  });
  int lines = 0;
  ASSERT_TRUE(ask(socket_, R"({"command":"tap","glob":"line1/*","kinds":["events"]})",
                  [&](const std::string&) { return ++lines < 10; }));
  speaker.join();
  EXPECT_EQ(lines, 10);
}

TEST_F(ControlTest, ASecondAgentIsRefusedAndADeadSocketIsNot) {
  {
    const auto control = open();
    Handlers h;
    const auto second = Control::open(socket_, h, tap_);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text().find("another agent"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(socket_));
  const auto again = open();
  EXPECT_TRUE(again);
}

TEST_F(ControlTest, SaysWhenNobodyAnswers) {
  const auto done = ask(socket_, "{}", [](const std::string&) { return true; });
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("edge.sock"), std::string::npos);
}

}  // namespace
}  // namespace tidemark::control
