#include <gtest/gtest.h>

#include "edge/uplink/channel.h"
#include "tests/gateway/rig.h"
#include "tests/support/eventually.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Rig;
using uplink::Channel;
using wire::FrameType;

TEST(Listener, ServesFiveHundredEdges) {
  ServerOptions options;
  options.strangers_of_one_address_max = 256;
  Rig rig(options);
  const auto identities = [&] {  // issued by hand: enrolment would double the handshakes
    std::vector<tls::Credentials> out;
    for (int i = 0; i < 500; ++i) {
      auto key = tls::PrivateKey::generate().value();
      const auto csr = key.request("edge").value();
      auto der = rig.authority->issue_edge(csr, "edge-" + std::to_string(i), "plant7").value();
      out.push_back({key, {std::move(der)}});
    }
    return out;
  }();
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<std::shared_ptr<tls::ClientContext>> contexts;
  for (int i = 0; i < 500; ++i) {
    contexts.push_back(tls::ClientContext::make({{identities[static_cast<std::size_t>(i)]},
                                                 {rig.authority->certificate()},
                                                 {}},
                                                rig.clock)
                           .value());
    channels.push_back(Channel::dial(rig.address(), {}, *contexts.back(), 10s, -1).value());
    wire::Hello h;
    h.edge = "edge-" + std::to_string(i);
    h.site = "plant7";
    h.incarnation = {7};
    wire::append_frame(channels.back()->output(), FrameType::hello, wire::encode(h));
    ASSERT_TRUE(channels.back()->turn(0ns, -1));
  }
  BlockRecord r;
  r.bytes.assign(2000, 1);
  for (std::uint64_t round = 1; round <= 5; ++round) {
    r.name = {{7}, {round}};
    for (auto& c : channels) {
      while (round == 1) {
        const auto frame = c->await(10s, -1);
        ASSERT_TRUE(frame) << frame.error().text();
        if (frame->type == FrameType::credit) break;
      }
      wire::append_frame(c->output(), FrameType::block, wire::encode_block(Lane::live, r));
      ASSERT_TRUE(c->turn(0ns, -1));
    }
    for (auto& c : channels) {
      for (bool acknowledged = false; !acknowledged;) {
        const auto frame = c->await(10s, -1);
        ASSERT_TRUE(frame) << frame.error().text();
        if (frame->type != FrameType::ack) continue;
        acknowledged = wire::decode_ack(frame->payload)->holdings[0].blocks.contains({round});
      }
    }
  }
  ASSERT_TRUE(eventually([&] {
    const auto s = rig.server->snapshot();
    return s.edges.size() == 500 && s.in_flight_bytes == 0 && s.strangers == 0;
  }));
}

}  // namespace
}  // namespace tidemark::gateway
