#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/wire/token.h"
#include "gateway/cli/gateway_command.h"
#include "gateway/daemon/control.h"
#include "gateway/daemon/gateway_config.h"
#include "gateway/deadletter/store.h"
#include "tests/support/folder.h"

namespace tidemark::gateway {
namespace {

using nlohmann::json;

class Cli : public testing::Test {
 protected:
  Cli() {
    const auto p = folder.path.string();
    EXPECT_TRUE(write_file(folder.path / "gateway.toml",
                           "listen = \"127.0.0.1:7443\"\nsite = \"plant7\"\ndata_dir = \"" + p +
                               "/data\"\nrun_dir = \"" + p + "\"\n"));
  }
  int run(std::vector<std::string> words) {
    words.insert(words.end(), {"--config", (folder.path / "gateway.toml").string()});
    output.text.clear();
    output.errors.clear();
    return run_cli(words, output);
  }
  json run_json(std::vector<std::string> words) {
    words.emplace_back("--json");
    EXPECT_EQ(run(words), kExitOk) << output.errors;
    auto j = json::parse(output.text, nullptr, false);
    EXPECT_TRUE(j.is_object()) << output.text;
    EXPECT_EQ(output.text.substr(0, 6), "{\"v\":1") << output.text;
    return j;
  }
  test::Folder folder;
  cli::TextOutput output;
};

TEST_F(Cli, TheCaIsMadeOnce) {
  EXPECT_EQ(run({"gateway", "token", "create"}), kExitUnreachable);
  EXPECT_NE(output.errors.find("ca init"), std::string::npos);
  const auto made = run_json({"gateway", "ca", "init"});
  EXPECT_EQ(made["pin"], run_json({"gateway", "ca", "show"})["pin"]);
  EXPECT_NE(run({"gateway", "ca", "init"}), kExitOk);
}

// The gateway and its commands are started in different folders.
TEST_F(Cli, PathsCountFromTheFilesFolder) {
  ASSERT_TRUE(write_file(folder.path / "gateway.toml",
                         "data_dir = \"data\"\nrun_dir = \"run\"\n"
                         "cloud.zmq = \"ipc://cloud.zmq\"\n"));
  const auto c = load_gateway(folder.path / "gateway.toml").config;
  EXPECT_EQ(c.data_path(), folder.path / "data");
  EXPECT_EQ(c.socket(), folder.path / "run/gateway.sock");
  EXPECT_EQ(c.cloud.zmq, "ipc://" + (folder.path / "cloud.zmq").string());
  ASSERT_EQ(run({"gateway", "ca", "init"}), kExitOk);
  EXPECT_TRUE(std::filesystem::exists(folder.path / "data"));
  (void)run({"doctor"});
  EXPECT_NE(output.text.find((folder.path / "data").string()), std::string::npos) << output.text;
}

TEST_F(Cli, ATokenIsOneLineAndItsSecretIsShownOnce) {
  ASSERT_EQ(run({"gateway", "ca", "init"}), kExitOk);
  ASSERT_EQ(run({"gateway", "token", "create", "--edge", "press-07", "--expires", "2h"}), kExitOk);
  const auto token = wire::Token::parse(output.text).value();
  EXPECT_EQ(token.gateway, "127.0.0.1:7443");
  const auto list = run_json({"gateway", "token", "list"});
  ASSERT_EQ(list["tokens"].size(), 1u);
  EXPECT_EQ(list["tokens"][0]["id"], token.id);
  EXPECT_EQ(list["tokens"][0]["edge"], "press-07");
  EXPECT_EQ(list["tokens"][0]["site"], "plant7");
  EXPECT_EQ(list["tokens"][0]["state"], "good");
  EXPECT_EQ(output.text.find(to_hex(token.secret)), std::string::npos);
  EXPECT_EQ(run({"gateway", "token", "drop", token.id}), kExitOk);
  EXPECT_EQ(run({"gateway", "token", "drop", token.id}), kExitNoInput);
}

TEST_F(Cli, ATokenIsAJsonObjectToo) {
  ASSERT_EQ(run({"gateway", "ca", "init"}), kExitOk);
  const auto made = run_json({"gateway", "token", "create", "--replace", "press-07"});
  EXPECT_TRUE(wire::Token::parse(made["token"].get<std::string>()));
  EXPECT_EQ(made["edge"], "press-07");
  EXPECT_NE(run({"gateway", "token", "create", "--edge", "a b"}), kExitOk);
  EXPECT_NE(run({"gateway", "token", "create", "--expires", "soon"}), kExitOk);
}

TEST_F(Cli, WithoutADaemonStatusSaysSo) {
  EXPECT_EQ(run({"gateway", "status"}), kExitUnreachable);
  EXPECT_NE(output.errors.find("tidemark-gateway"), std::string::npos);
  ASSERT_EQ(run({"gateway", "ca", "init"}), kExitOk);
  EXPECT_TRUE(run_json({"gateway", "edges"})["edges"].empty());
  EXPECT_EQ(run({"gateway", "edge", "revoke", "nobody"}), kExitNoInput);
}

TEST_F(Cli, StatusOfARunningGateway) {
  ASSERT_EQ(run({"gateway", "ca", "init"}), kExitOk);
  bool up = true;
  bool ready = true;
  const auto control = Control::open(folder.path / "gateway.sock", [&](const std::string&) {
    return json{{"v", 1}, {"gateway", "gw1"}, {"version", "0"}, {"since", "now"},
                {"registry", {{"ready", ready}, {"problem", "no broker"}}},
                {"listen", "127.0.0.1:7443"}, {"strangers", 0}, {"in_flight_bytes", 5},
                {"cloud", {{"state", up ? "up" : "down"}, {"rtt_ms", 0.2}}},
                {"edges", {{{"edge", "press-07"}, {"state", "up"}, {"blocks", 3},
                            {"in_flight_bytes", 5}}}}}
        .dump();
  }).value();
  const auto status = run_json({"gateway", "status"});
  EXPECT_EQ(status["edges"][0]["edge"], "press-07");
  EXPECT_EQ(status["dead_letters"]["letters"], 0);
  const auto edges = run_json({"gateway", "edges"});
  EXPECT_EQ(edges["edges"][0]["connected"], true);
  EXPECT_EQ(run({"gateway", "edges"}), kExitOk);
  EXPECT_NE(output.text.find("press-07"), std::string::npos);
  EXPECT_EQ(run({"doctor"}), kExitOk) << output.text;
  ready = false;
  output.text.clear();
  EXPECT_EQ(run({"gateway", "status"}), kExitDegraded);
  EXPECT_NE(output.text.find("nobody comes in: no broker"), std::string::npos) << output.text;
  ready = true;
  up = false;
  EXPECT_EQ(run({"gateway", "status"}), kExitDegraded);
  EXPECT_EQ(run({"doctor"}), kExitProblems);
}

TEST_F(Cli, DeadLettersAreListedShownRetriedAndDropped) {
  ASSERT_TRUE(make_folder(folder.path / "data"));
  SystemClock clock;
  const auto store = DeadLetters::open(folder.path / "data" / "deadletters.db", {}, clock).value();
  ASSERT_TRUE(store->add("press-07", "wrong checksum", wire::FrameType::block, ByteVector{1, 2}));
  EXPECT_EQ(run_json({"gateway", "dlq", "list"})["letters"][0]["reason"], "wrong checksum");
  EXPECT_EQ(run_json({"gateway", "dlq", "show", "1"})["payload"], "0102");
  EXPECT_EQ(run({"gateway", "dlq", "retry", "1"}), kExitOk);
  EXPECT_EQ(store->to_retry(10)->size(), 1u);
  EXPECT_EQ(run({"gateway", "dlq", "drop", "1"}), kExitOk);
  EXPECT_EQ(run({"gateway", "dlq", "drop", "1"}), kExitNoInput);
  EXPECT_EQ(run({"gateway", "dlq", "drop", "one"}), kExitUsage);
  EXPECT_EQ(run({"gateway", "dlq", "list"}), kExitOk);
}

TEST_F(Cli, AConfigurationThatIsNotThereIsNotGuessedAround) {
  EXPECT_EQ(run_cli({"gateway", "status", "--config", "/nosuch"}, output), kExitNoInput);
  EXPECT_EQ(output.errors, "error: /nosuch: no such file\n");
}

TEST_F(Cli, AWrongConfigurationIsNotGuessedAround) {
  ASSERT_TRUE(write_file(folder.path / "gateway.toml", "dat_dir = \"x\"\n"));
  EXPECT_EQ(run({"gateway", "edges"}), kExitConfig);
}

}  // namespace
}  // namespace tidemark::gateway
