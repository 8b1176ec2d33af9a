// Who this edge is: what enrolment left in the identity folder.
//
// Files      identity.pem: certificate and key in one (0600), so that both change in one rename;
//            ca.pem: whom to trust; gateway: the address that enrolled it, one line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/connection.h"

namespace tidemark::uplink {

struct Identity {
  tls::Credentials credentials;
  tls::CertificateFacts facts;     // of the own certificate
  std::vector<ByteVector> trusted;
  std::string gateway;             // host:port
  std::string serial;              // changes with every new certificate
};

bool is_enrolled(const std::filesystem::path& folder);
// Fault::unavailable: not enrolled; corrupt: files do not fit each other; denied: others can read
// the key.
Result<Identity> load_identity(const std::filesystem::path& folder);
// Replaces what is there; complete or not at all.
Result<> save_identity(const std::filesystem::path& folder, const tls::PrivateKey& key,
                       ByteSpan certificate, ByteSpan authority, const std::string& gateway);
// The same, with a new certificate of the same CA and gateway.
Result<> replace_certificate(const std::filesystem::path& folder, const tls::PrivateKey& key,
                             ByteSpan certificate);

}  // namespace tidemark::uplink
