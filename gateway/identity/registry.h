// Who may connect: enrolment tokens, edges and their certificates, in gateway.db.
//
// Promise    a token is good for exactly its number of uses, however many ask at once, also at
//            different gateways: a use is claimed, and the first claims count. A token's secret is
//            never stored, only a key derived from it, which is enough to check a proof and to make
//            one: guard the file.
// Shared     with a log (registry_log.h) all changes go through it, and the file is what it says;
//            else through the file alone. A claim whose gateway cannot grant any more, because it
//            dies or Kafka goes, is lost then: the token has one use less.
// Threads    one; other processes (CLI) may work on the same file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
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
#include "gateway/identity/registry_log.h"

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

  // From now on, by a log that is read from that place: 0, or next(). Read from its beginning it
  // decides at its end: the file becomes what it says. Where this registry was never shared there,
  // its rows are said there before; revocations also where others believe their edge good.
  void share(std::unique_ptr<RegistryLog> log, std::int64_t from);
  Result<std::int64_t> next();  // the place behind all that is in the file; 0: it is not known
  // Waits until all that the log has is here.
  Result<> catch_up(std::chrono::milliseconds within);
  // False: what other gateways have said is not here yet, nobody may come in.
  [[nodiscard]] bool ready() const { return !log_ || ready_; }
  [[nodiscard]] std::string problem() const;  // empty: none

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
  // The same, counted, with the certificate made known. Fault::unavailable: the log cannot be
  // written or is not here yet.
  Result<Grant> use_token(const std::string& id, const std::string& edge,
                          const tls::CertificateFacts& certificate);
  // A further certificate of an edge that has shown that one.
  Result<> renew(const tls::CertificateFacts& certificate, const tls::Digest& shown);

  Result<std::vector<EdgeFacts>> edges();
  // False: no such edge. Its certificates are refused from now on; a new token may enrol it anew.
  Result<bool> revoke(const std::string& edge);

  // From memory; refresh() takes what the log has, looks whether another process changed the file
  // (cheap) and reads again.
  [[nodiscard]] bool revoked(const tls::Digest& spki) const { return revoked_.contains(spki); }
  Result<> refresh();

 private:
  using Entries = std::vector<RegistryEntry>;
  Registry(std::unique_ptr<sqlite::Database> db, const Clock& clock)
      : db_(std::move(db)), clock_(clock) {}
  struct SharedRow {
    std::string layout;      // id of the topics
    std::int64_t next = 0;   // the place in them behind all that is in the file
    bool said = false;       // all of the file is in them
  };
  // What a log says that is read from its beginning, until it is in the file.
  struct Whole {
    std::string layout;
    std::map<std::string, RegistryEntry> rows;  // the last of each key
  };
  // To the log if there is one; they are in the file then.
  Result<> say(const Entries& entries);
  Result<> put(const Entries& entries);  // into the tables, within a transaction
  Result<> absorb();                     // what came from the log, into the file
  void collect();
  void begin_again();
  Result<> settle();
  Result<Entries> unsaid();
  Result<SharedRow> shared();
  [[nodiscard]] Result<> may_change() const;
  // `claim`: the key whose claim is looked at; else how it would be for another one.
  Result<Grant> judge(const std::string& id, const std::string& edge, const tls::Digest* claim);
  // What is to be said so that it is so.
  Result<> end_of_token(const std::string& id, Entries& entries);
  Result<> end_of_old_certificates(Entries& entries);
  Result<> revoke_certificates(const std::string& edge, Entries& entries,
                               std::optional<tls::Digest> but = std::nullopt);
  [[nodiscard]] RegistryEntry certificate_entry(
      const tls::CertificateFacts& certificate,
      std::optional<EventTime> revoked = std::nullopt) const;
  Result<> load_revoked();

  std::unique_ptr<sqlite::Database> db_;
  const Clock& clock_;
  std::int64_t seen_version_ = -1;
  std::set<tls::Digest> revoked_;
  std::unique_ptr<RegistryLog> log_;
  Entries pending_;           // came, and are not in the file yet
  std::int64_t read_to_ = 0;  // the place behind all that came
  std::optional<Whole> whole_;
  bool at_end_ = false;  // it was waited for
  bool ready_ = false;
};

}  // namespace tidemark::gateway
