#include <gtest/gtest.h>

#include <fstream>

#include "gateway/daemon/control.h"
#include "gateway/daemon/gateway_config.h"
#include "tests/support/folder.h"

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

TEST(GatewayConfig, NamesKafkaInOneLine) {
  const auto loaded = parse_gateway(
      "[cloud]\nkafka = { brokers = \"k1:9092\", client = { \"linger.ms\" = \"20\" } }", "t");
  ASSERT_TRUE(loaded.ok) << config::render(loaded.problems.front());
  EXPECT_TRUE(loaded.config.cloud.by_kafka());
  EXPECT_EQ(loaded.config.cloud.address(), "k1:9092");
  EXPECT_EQ(loaded.config.cloud.kafka.live(), "tidemark.blocks.live");
  EXPECT_FALSE(parse_gateway("", "t").config.cloud.by_kafka());
}

TEST(GatewayConfig, RefusesOfKafkaWhatAPromiseRestsOn) {
  const auto refused = [](const std::string& more) {
    const auto loaded =
        parse_gateway("[cloud]\nkafka = { brokers = \"k1:9092\", " + more + " }", "t");
    return loaded.ok ? std::string() : loaded.problems.front().text;
  };
  EXPECT_NE(refused("client = { acks = \"1\" }").find("lets go"), std::string::npos);
  EXPECT_NE(refused("client = { \"sasl.mechanismus\" = \"x\" }").find("sasl.mechanismus"),
            std::string::npos);
  EXPECT_NE(refused("prefix = \"a b\"").find("letters"), std::string::npos);
}

TEST(GatewayConfig, KeepsSecretsOfKafkaInFiles) {
  const test::Folder folder;
  const auto file = folder.path / "password";
  const auto load = [](const std::string& more) {
    return parse_gateway("[cloud]\nkafka = { brokers = \"k1:9092\", " + more + " }", "t");
  };
  const auto named = "secret_files = { \"sasl.password\" = \"" + file.string() + "\" }";
  const auto absent = load(named);
  EXPECT_TRUE(absent.ok) << "a configuration is checked elsewhere, too";
  ASSERT_EQ(absent.problems.size(), 1u);
  EXPECT_NE(absent.problems[0].text.find("no such file"), std::string::npos);
  std::ofstream(file) << "hunter2\n";
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  EXPECT_FALSE(load(named).ok) << "others may read it";
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  const auto loaded = load(named);
  EXPECT_TRUE(loaded.ok);
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_EQ(config::text_of(loaded.settings).find("hunter2"), std::string::npos);

  const auto open = load("client = { \"sasl.password\" = \"hunter2\" }");
  ASSERT_FALSE(open.ok);
  EXPECT_NE(open.problems[0].text.find("secret_files"), std::string::npos);
  const auto odd = load("secret_files = { \"client.id\" = \"/x\" }");
  ASSERT_FALSE(odd.ok);
  EXPECT_NE(odd.problems[0].text.find("sasl.password"), std::string::npos);
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
