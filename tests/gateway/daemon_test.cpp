#include <gtest/gtest.h>

#include "gateway/daemon/control.h"
#include "gateway/daemon/gateway_config.h"
#include "tests/gateway/folder.h"

namespace tidemark::gateway {
namespace {

TEST(GatewayConfig, HasADefaultForEverything) {
  const auto loaded = parse_gateway("", "gateway.toml");
  ASSERT_TRUE(loaded.ok) << config::render(loaded.problems.front());
  EXPECT_EQ(loaded.config.listen, "0.0.0.0:7443");
  EXPECT_EQ(loaded.config.quota.edge_in_flight.count, 4u << 20);
  EXPECT_TRUE(loaded.config.dialled().ends_with(":7443"));
  EXPECT_FALSE(loaded.config.dialled().starts_with("0.0.0.0"));
}

TEST(GatewayConfig, SaysWhatTokensTellEdgesToDial) {
  EXPECT_EQ(parse_gateway("listen = \"127.0.0.1:7000\"", "t").config.dialled(), "127.0.0.1:7000");
  EXPECT_EQ(parse_gateway("address = \"gw1.example:7443\"", "t").config.dialled(),
            "gw1.example:7443");
}

TEST(GatewayConfig, NamesWhatIsWrong) {
  for (const char* text : {"lisen = \"x\"", "name = \"a b\"", "[quota]\nedges = 0",
                           "[quota]\nin_flight = \"16 MiB\"\nedge_in_flight = \"32 MiB\""}) {
    EXPECT_FALSE(parse_gateway(text, "t").ok) << text;
  }
}

TEST(GatewayConfig, ItsReferencePageNamesEverySetting) {
  const auto page = config::reference<GatewayConfig>();
  for (const char* key : {"listen", "zmq", "edge_in_flight", "dead_letters"}) {
    EXPECT_NE(page.find(key), std::string::npos) << key;
  }
}

TEST(Control, AnswersOneLine) {
  test::Folder folder;
  const auto socket = folder.path / "run" / "gateway.sock";
  EXPECT_EQ(ask(socket, "x").error().fault(), Fault::unavailable);
  {
    const auto control =
        Control::open(socket, [](const std::string& r) { return "you said " + r; }).value();
    EXPECT_EQ(ask(socket, "hello").value(), "you said hello");
    EXPECT_EQ(ask(socket, std::string(10'000, 'x')).error().fault(), Fault::unavailable);
    EXPECT_EQ(ask(socket, "again").value(), "you said again");
    EXPECT_EQ(Control::open(socket, nullptr).error().fault(), Fault::unavailable);
  }
  EXPECT_FALSE(std::filesystem::exists(socket));
}

}  // namespace
}  // namespace tidemark::gateway
