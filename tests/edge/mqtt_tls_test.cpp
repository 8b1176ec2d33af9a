// The MQTT client over TLS, against a real broker: what works, and why what does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/edge/mqtt_tls_fixture.h"

namespace tidemark::mqtt {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class OverTls : public MqttTlsTest, public testing::WithParamInterface<Version> {
 protected:
  OverTls() { options_.version = GetParam(); }
};

TEST_P(OverTls, AUserWithAPasswordAndACertificateIsHeard) {
  serve_tls();
  connect();
  broker_->publish("s/p1/temp", {"1", "2"});
  ASSERT_TRUE(take(2));
  close();
  broker_->publish("s/p1/temp", {"3"});  // the session is kept
  connect(position_);
  ASSERT_TRUE(take(3));
  EXPECT_THAT(values_, ElementsAre(1, 2, 3));
  EXPECT_EQ(source_->status().heard, 1u);
  close();
}

// Each attempt took 15 s, and a core of the CPU, before: libmosquitto went on with a handshake over
// a connection that nobody had accepted.
TEST_P(OverTls, ABrokerThatIsAwayIsKnownAtOnceAndComesBack) {
  serve_tls();
  broker_->stop(SIGKILL);
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().failed > 3; }));
  EXPECT_EQ(source_->status().state, "connecting");
  EXPECT_THAT(source_->status().error, HasSubstr("nobody accepts connections there"));
  broker_->start();
  ASSERT_TRUE(connected()) << source_->status().error;
  broker_->stop(SIGKILL);
  ASSERT_TRUE(eventually([&] { return source_->status().state == "connecting"; }));
  broker_->start();  // without its sessions: subscribed again
  ASSERT_TRUE(connected()) << source_->status().error;
  broker_->publish("s/a", {"2"});
  ASSERT_TRUE(take(1));
  close();
}

// Nobody visits the device: a certificate that was renewed is enough.
TEST_P(OverTls, ComesByItselfWhenTheCertificateIsRenewed) {
  serve_tls({.server_expired = true});
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().state == "failing"; }));
  const auto port = broker_->port();
  broker_->stop(SIGTERM);
  auto right = test::order("broker", true);
  right.dns_name = "127.0.0.1";
  renew_server(right);
  broker_->start();
  ASSERT_EQ(broker_->port(), port);
  ASSERT_TRUE(connected()) << source_->status().error;
  broker_->publish("s/p1/temp", {"1"});
  ASSERT_TRUE(take(1));
  close();
}

INSTANTIATE_TEST_SUITE_P(Versions, OverTls, testing::Values(Version::v3_1_1, Version::v5),
                         [](const auto& row) {
                           return row.param == Version::v5 ? "v5" : "v3_1_1";
                         });

struct Row {
  const char* name;
  TlsParties parties;
  const char* reason;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class TlsRefuses : public MqttTlsTest,
                   public testing::WithParamInterface<std::tuple<Version, Row>> {
 protected:
  TlsRefuses() { options_.version = std::get<0>(GetParam()); }
};

TEST_P(TlsRefuses, AndSaysWhy) {
  const auto& row = std::get<1>(GetParam());
  serve_tls(row.parties);
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().state == "failing"; }))
      << source_->status().error;
  EXPECT_THAT(source_->status().error,
              AllOf(HasSubstr(fmt::format("broker 127.0.0.1:{}: ", broker_->port())),
                    HasSubstr(row.reason)));
  EXPECT_TRUE(eventually([&] { return source_->status().failed > 1; })) << "it goes on trying";
  EXPECT_EQ(source_->status().heard, 0u);
  close();
}

INSTANTIATE_TEST_SUITE_P(
    Table, TlsRefuses,
    testing::Combine(
        testing::Values(Version::v3_1_1, Version::v5),
        testing::Values(
            Row{"an authority that we do not know", {.other_authority = true},
                "is ca_file that of the authority that signed it?"},
            Row{"a certificate of another name", {.server_name = "elsewhere.example"},
                "of another name than the host in url"},
            Row{"a certificate that has expired", {.server_expired = true},
                "certificate has expired: renew it, or set this machine's clock"},
            Row{"no certificate of ours", {.client_certificate = false},
                "set cert_file and key_file"},
            Row{"a certificate of ours that has expired", {.client_expired = true},
                "our certificate has expired: renew cert_file"},
            Row{"a certificate of ours that nobody signed whom the broker knows",
                {.client_of_other_authority = true},
                "it does not know who signed our certificate"},
            Row{"a wrong password", {.password = "wrong"}, "(see username and password_file)"})));

TEST_F(MqttTlsTest, APortWithoutTlsIsTold) {
  options_.ca_file = "/etc/ssl/certs/ca-certificates.crt";
  options_.url = fmt::format("mqtts://127.0.0.1:{}", broker_->port());
  open();
  start();
  ASSERT_TRUE(eventually([&] { return source_->status().state == "failing"; }))
      << source_->status().error;
  EXPECT_THAT(source_->status().error, HasSubstr("is it mqtt:// there?"));
  close();
}

}  // namespace
}  // namespace tidemark::mqtt
