// The four messages by which an edge without a certificate gets one (reliability 3.3): the token's
// secret never travels, only HMAC-SHA-256(secret, nonce, CSR) does.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::wire {

using Nonce = std::array<std::uint8_t, 32>;
using Proof = std::array<std::uint8_t, 32>;

struct EnrollHello {
  std::string token_id;
  std::string edge;  // the name it asks for
  friend bool operator==(const EnrollHello&, const EnrollHello&) = default;
};
struct EnrollChallenge {
  Nonce nonce{};
  friend bool operator==(const EnrollChallenge&, const EnrollChallenge&) = default;
};
struct EnrollRequest {
  ByteVector csr;  // PKCS#10, DER
  Proof proof{};
  friend bool operator==(const EnrollRequest&, const EnrollRequest&) = default;
};
struct EnrollGrant {
  std::string edge;  // as the certificate says it
  std::string site;
  ByteVector certificate;  // X.509, DER
  friend bool operator==(const EnrollGrant&, const EnrollGrant&) = default;
};

ByteVector encode(const EnrollHello& m);
ByteVector encode(const EnrollChallenge& m);
ByteVector encode(const EnrollRequest& m);
ByteVector encode(const EnrollGrant& m);
// Fault::bad_input for bytes that are damaged, too long or left over.
Result<EnrollHello> decode_enroll_hello(ByteSpan payload);
Result<EnrollChallenge> decode_enroll_challenge(ByteSpan payload);
Result<EnrollRequest> decode_enroll_request(ByteSpan payload);
Result<EnrollGrant> decode_enroll_grant(ByteSpan payload);

}  // namespace tidemark::wire
