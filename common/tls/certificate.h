// X.509 certificates as Tidemark uses them: a CA on the gateway, certificates of gateways (server)
// and of edges (client), all P-256 with SHA-256.
//
// The subject's common name is the edge's or gateway's name, the organisation its site. Gateways
// carry the fixed DNS name kGatewayName whatever address they are dialled at, so that one may move
// without a new certificate; the extended key usage keeps an edge from posing as a gateway.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/key.h"

namespace tidemark::tls {

inline constexpr std::string_view kGatewayName = "gateway.tidemark";

// Names that may stand in a certificate: [A-Za-z0-9][A-Za-z0-9._-]*, at most 63.
bool fits_certificate(std::string_view name);

struct CertificateFacts {
  std::string name;
  std::string site;
  std::string serial;  // hex
  Digest spki{};       // SHA-256 of the SubjectPublicKeyInfo
  EventTime not_before{};
  EventTime not_after{};
  bool authority = false;
  bool server = false;  // extended key usage says so
  bool client = false;
};

// The leaf of a PEM bundle or a DER certificate.
Result<CertificateFacts> inspect(ByteSpan certificate);

struct CertificateOrder {
  std::string name;
  std::string site;
  EventTime not_before{};
  EventTime not_after{};
  bool server = false;       // extended key usage: server, with kGatewayName; else client
  std::string dns_name{kGatewayName};  // of servers
};

// A self-signed CA certificate for `key`; DER.
Result<ByteVector> issue_authority(const PrivateKey& key, const CertificateOrder& order);
// A certificate for the key that the CSR proves to hold. Names come from the order alone.
// Fault::bad_input: the CSR is damaged, not P-256 or its signature is wrong.
Result<ByteVector> issue(const PrivateKey& authority_key, ByteSpan authority_certificate,
                         ByteSpan csr, const CertificateOrder& order);

std::string certificate_pem(ByteSpan der);
// The certificates of a PEM text, in order.
Result<std::vector<ByteVector>> certificates_from_pem(std::string_view pem);

}  // namespace tidemark::tls
