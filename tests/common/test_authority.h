// A CA for tests, and certificates of it that are right, or wrong in one way.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "common/tls/certificate.h"
#include "common/tls/connection.h"
#include "common/tls/key.h"

namespace tidemark::test {

inline tls::CertificateOrder order(std::string name, bool server = false) {
  tls::CertificateOrder o;
  o.name = std::move(name);
  o.site = "plant7";
  o.server = server;
  const auto now = SystemClock().wall();
  o.not_before = now - std::chrono::hours(1);
  o.not_after = now + std::chrono::hours(24);
  return o;
}

struct TestAuthority {
  TestAuthority() : key(tls::PrivateKey::generate().value()) {
    certificate = tls::issue_authority(key, order("test-ca")).value();
  }
  [[nodiscard]] tls::Credentials issue(const tls::CertificateOrder& o) const {
    auto own = tls::PrivateKey::generate().value();
    const auto csr = own.request("whatever").value();
    return {own, {tls::issue(key, certificate, csr, o).value(), certificate}};
  }
  [[nodiscard]] tls::Credentials gateway() const { return issue(order("gw1", true)); }
  [[nodiscard]] tls::Credentials edge(const std::string& name = "press-07") const {
    return issue(order(name));
  }

  tls::PrivateKey key;
  ByteVector certificate;
};

}  // namespace tidemark::test
