// A source and a mosquitto that speak TLS, with a user, a password and a certificate of the client.
#pragma once

#include <fmt/format.h>

#include "common/base/disk.h"
#include "tests/common/test_authority.h"
#include "tests/edge/mqtt_source_fixture.h"

namespace tidemark::mqtt {

// What may be wrong with one of the parties; the rest is right.
struct TlsParties {
  bool other_authority = false;   // the source trusts another one
  std::string server_name = "127.0.0.1";
  bool server_expired = false;
  bool client_certificate = true;
  bool client_expired = false;
  bool client_of_other_authority = false;
  std::string password = "right";
};

class MqttTlsTest : public MqttBrokerTest {
 protected:
  void serve_tls(const TlsParties& parties = {}) {
    write_certificates(parties);
    const auto at = [&](const char* name) { return (folder_ / name).string(); };
    ASSERT_TRUE(write_file(at("password"), parties.password, 0600).ok());
    const auto made = fmt::format("mosquitto_passwd -b -c {} agent right", at("users"));
    ASSERT_EQ(std::system(made.c_str()), 0);
    broker_.reset();
    serve(fmt::format("user root\nallow_anonymous false\npassword_file {}\ncafile {}\n"
                      "certfile {}\nkeyfile {}\nrequire_certificate true",
                      at("users"), at("ca.pem"), at("server.pem"), at("server.key")),
          fmt::format("-h 127.0.0.1 --insecure --cafile {} --cert {} --key {} -u agent -P right",
                      at("ca.pem"), at("publisher.pem"), at("publisher.key")));
    options_.url = fmt::format("mqtts://127.0.0.1:{}", broker_->port());
    options_.username = "agent";
    options_.password = read_secret(folder_ / "password").value();
    options_.ca_file = folder_ / (parties.other_authority ? "other.pem" : "ca.pem");
    if (!parties.client_certificate) return;
    options_.cert_file = folder_ / "client.pem";
    options_.key_file = folder_ / "client.key";
  }
  void renew_server(const tls::CertificateOrder& order) {
    write("server", authority_.issue(order));
  }

 private:
  void write_certificates(const TlsParties& parties) {
    const auto expired = [](tls::CertificateOrder order) {
      order.not_before -= std::chrono::hours(48);
      order.not_after -= std::chrono::hours(48);
      return order;
    };
    auto server = test::order("broker", true);
    server.dns_name = parties.server_name;
    if (parties.server_expired) server = expired(server);
    auto client = test::order("agent");
    if (parties.client_expired) client = expired(client);
    write("ca.pem", authority_.certificate);
    write("other.pem", other_.certificate);
    write("server", authority_.issue(server));
    write("client", (parties.client_of_other_authority ? other_ : authority_).issue(client));
    write("publisher", authority_.edge());
  }
  void write(const char* name, const ByteVector& certificate) {
    ASSERT_TRUE(write_file(folder_ / name, tls::certificate_pem(certificate)).ok());
  }
  void write(const std::string& name, const tls::Credentials& c) {
    ASSERT_TRUE(write_file(folder_ / (name + ".pem"), tls::certificate_pem(c.chain.at(0))).ok());
    ASSERT_TRUE(c.key.save(folder_ / (name + ".key")).ok());
  }

  test::TestAuthority authority_, other_;
};

}  // namespace tidemark::mqtt
