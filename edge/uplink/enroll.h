// An edge's way into the system: one token, and it has a certificate of its own.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/uplink/uplink.h"

namespace tidemark::uplink {

struct EnrollOptions {
  std::string token;    // as 'tidemark gateway token create' printed it
  std::string edge;     // the name to ask for; empty: the one that the token names
  std::string gateway;  // host:port, when the token's does not lead there from here; or empty
  Proxy proxy;
  std::filesystem::path identity_folder;
  bool replace = false;  // of an identity that is there already
  Nanoseconds patience = std::chrono::seconds(15);
};
struct Enrolled {
  std::string edge;
  std::string site;
  std::string gateway;
  std::string authority;  // the CA's public key, first 8 bytes of its SHA-256 in hex
  EventTime expires{};
};

// Makes a key here, checks that the gateway is of the CA that the token names before it says
// anything, proves that it has the token's secret without sending it, and writes the identity
// folder. Fault::denied: token used, expired or of another gateway, name taken, identity there
// already; unavailable: nobody answers; bad_input: not a token. The text says what to do.
Result<Enrolled> enroll(const EnrollOptions& options, const Clock& clock);

}  // namespace tidemark::uplink
