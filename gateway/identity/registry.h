// Who may connect: enrolment tokens, edges and their certificates, in gateway.db.
//
// Promise    a token is good for exactly its number of uses, however many ask at once; what is
//            counted and granted is one transaction. A token's secret is never stored, only a key
//            derived from it, which is enough to check a proof and to make one: guard the file.
// Threads    one; other processes (CLI) may work on the same file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"
#include "common/tls/certificate.h"
#include "common/wire/token.h"

namespace tidemark::gateway {

struct TokenOrder {
  std::string site;
  std::string edge;      // the only name it enrols; empty: the edge says its own
  bool replace = false;  // `edge` may be enrolled already: its older certificates are revoked
  std::int64_t uses = 1;
  Nanoseconds life = std::chrono::hours(1);
};
struct TokenFacts {
  std::string id;
  std::string site;
  std::string edge;
  bool replace = false;
  std::int64_t uses = 0;
  std::int64_t uses_left = 0;
  EventTime created{};
  EventTime expires{};
};
struct EdgeFacts {
  std::string name;
  std::string site;
  std::string serial;  // of the newest certificate
  tls::Digest spki{};
  EventTime enrolled{};
  EventTime expires{};
  std::optional<EventTime> revoked;
};

class Registry {
 public:
  static Result<std::unique_ptr<Registry>> open(const std::filesystem::path& path,
                                                const Clock& clock);

  // The secret is in the result and nowhere else.
  Result<wire::Token> create_token(const TokenOrder& order, const std::string& gateway_address,
                                   const tls::Digest& authority_spki);
  Result<std::vector<TokenFacts>> tokens();
  Result<bool> drop_token(const std::string& id);  // false: there is none
  // For checking a proof: also of used and expired tokens. Empty: no such token.
  Result<std::optional<tls::Digest>> token_key_of(const std::string& id);

  struct Grant {
    std::string edge;
    std::string site;
  };
  // Whether the token would admit this edge now. Fault::denied says why not. Counts nothing.
  Result<Grant> check_token(const std::string& id, const std::string& edge);
  // The same, counted, with the certificate made known; all or nothing.
  Result<Grant> use_token(const std::string& id, const std::string& edge,
                          const tls::CertificateFacts& certificate);
  // A further certificate of an edge that has shown a good one.
  Result<> renew(const tls::CertificateFacts& certificate);

  Result<std::vector<EdgeFacts>> edges();
  // False: no such edge. Its certificates are refused from now on; a new token may enrol it anew.
  Result<bool> revoke(const std::string& edge);

  // From memory; refresh() looks whether another process changed the file (cheap) and reads again.
  [[nodiscard]] bool revoked(const tls::Digest& spki) const { return revoked_.contains(spki); }
  Result<> refresh();

 private:
  Registry(std::unique_ptr<sqlite::Database> db, const Clock& clock)
      : db_(std::move(db)), clock_(clock) {}
  Result<> load_revoked();
  Result<> revoke_certificates(const std::string& edge);
  Result<> add_certificate(const tls::CertificateFacts& certificate);

  std::unique_ptr<sqlite::Database> db_;
  const Clock& clock_;
  std::int64_t seen_version_ = -1;
  std::set<tls::Digest> revoked_;
};

}  // namespace tidemark::gateway
