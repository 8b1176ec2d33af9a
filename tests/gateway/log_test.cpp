#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

#include "gateway/log/log.h"
#include "tests/support/folder.h"
#include "tests/support/eventually.h"

namespace tidemark::gateway {
namespace {

// A cloud's ROUTER by hand.
struct Router {
  explicit Router(const std::string& address) {
    EXPECT_EQ(zmq_bind(socket, address.c_str()), 0) << zmq_strerror(zmq_errno());
  }
  ~Router() {
    zmq_close(socket);
    zmq_ctx_term(context);
  }
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  std::vector<std::string> receive() const {
    std::vector<std::string> parts;
    int more = 1;
    while (more != 0) {
      std::array<char, 256> buffer;
      const int wait = parts.empty() ? ZMQ_DONTWAIT : 0;
      const int n = zmq_recv(socket, buffer.data(), buffer.size(), wait);
      if (n < 0) return {};
      parts.emplace_back(buffer.data(), static_cast<std::size_t>(n));
      std::size_t size = sizeof more;
      zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    return parts;
  }
  void send(const std::vector<std::string>& parts) const {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      zmq_send(socket, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
    }
  }
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_ROUTER);
};

TEST(ZmqLog, CarriesEdgeSessionAndFrameBothWays) {
  test::Folder folder;
  const auto address = "ipc://" + (folder.path / "cloud.zmq").string();
  const auto log = open_zmq_log({address, "gw1"}).value();
  EXPECT_FALSE(log->send("press-07", 1, as_bytes("x"))) << "nothing is queued without a cloud";
  const Router router(address);
  ASSERT_TRUE(test::eventually([&] { return log->send("press-07", 258, as_bytes("frame")); }));
  std::vector<std::string> parts;
  ASSERT_TRUE(test::eventually([&] { return !(parts = router.receive()).empty(); }));
  EXPECT_EQ(parts, (std::vector<std::string>{"gw1", "press-07", {"\x02\x01\0\0\0\0\0\0", 8},
                                             "frame"}));
  router.send({"gw1", "too", "few"});
  router.send({"gw1", "press-07", {"\x02\x01\0\0\0\0\0\0", 8}, "answer"});
  std::optional<Envelope> envelope;
  ASSERT_TRUE(test::eventually([&] { return (envelope = log->receive()).has_value(); }));
  EXPECT_EQ(envelope->edge, "press-07");
  EXPECT_EQ(envelope->session, 258u);
  EXPECT_EQ(as_text(envelope->frame), "answer");
  EXPECT_GE(log->descriptor(), 0);
}

TEST(ZmqLog, StaysOnThisMachine) {
  EXPECT_EQ(open_zmq_log({"tcp://10.0.0.7:7444", "gw1"}).error().fault(), Fault::bad_input);
  EXPECT_EQ(open_zmq_log({"tcp://*:7444", "gw1"}).error().fault(), Fault::bad_input);
  EXPECT_TRUE(open_zmq_log({"tcp://127.0.0.1:7444", "gw1"}));
}

}  // namespace
}  // namespace tidemark::gateway
