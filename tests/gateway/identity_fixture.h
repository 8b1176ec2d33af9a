// A CA and a registry in a folder of their own, and the edge's side of an enrolment.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "gateway/identity/authority.h"
#include "gateway/identity/enrolment.h"
#include "gateway/identity/registry.h"
#include "tests/support/folder.h"

namespace tidemark::gateway {

class Identity : public testing::Test {
 protected:
  Identity() : clock(SystemClock().wall()) {
    EXPECT_TRUE(Authority::init(folder.path, "plant7-ca", clock));
    authority = Authority::open(folder.path, clock).value();
    registry = open_registry();
  }
  std::unique_ptr<Registry> open_registry() {
    return Registry::open(folder.path / "gateway.db", clock).value();
  }
  wire::Token token(TokenOrder order = {}) {
    if (order.site.empty()) order.site = "plant7";
    return registry->create_token(order, "gw-1.example:7443", authority->facts().spki).value();
  }
  // The edge's side; the certificate, or why not.
  Result<wire::EnrollGrant> enrol(Registry& r, const wire::Token& t, const std::string& edge) {
    Enrolment enrolment(r, *authority);
    TIDE_ASSIGN(const auto challenge,
                enrolment.on_frame({wire::FrameType::enroll_hello,
                                    wire::encode(wire::EnrollHello{t.id, edge})}));
    TIDE_ASSIGN(const auto nonce, wire::decode_enroll_challenge(challenge.payload));
    const auto key = tls::PrivateKey::generate().value();
    wire::EnrollRequest request;
    request.csr = key.request("edge").value();
    request.proof = tls::enrolment_proof(tls::enrolment_key(t.secret), nonce.nonce, request.csr);
    TIDE_ASSIGN(const auto grant, enrolment.on_frame({wire::FrameType::enroll_request,
                                                      wire::encode(request)}));
    return wire::decode_enroll_grant(grant.payload);
  }
  Result<wire::EnrollGrant> enrol(const wire::Token& t, const std::string& edge) {
    return enrol(*registry, t, edge);
  }

  test::Folder folder;
  ManualClock clock;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Registry> registry;
};

}  // namespace tidemark::gateway
