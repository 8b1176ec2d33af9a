#include "gateway/identity/registry.h"

#include <algorithm>

#include "common/base/random.h"

namespace tidemark::gateway {
namespace {

constexpr int kVersion = 1;
constexpr auto kSchema = R"(
  CREATE TABLE tokens(id TEXT PRIMARY KEY, key BLOB NOT NULL, site TEXT NOT NULL,
    edge TEXT NOT NULL, replaces INTEGER NOT NULL, uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL);
  CREATE TABLE edges(name TEXT PRIMARY KEY, site TEXT NOT NULL, enrolled INTEGER NOT NULL,
    revoked INTEGER);
  CREATE TABLE certificates(spki BLOB PRIMARY KEY, serial TEXT NOT NULL, edge TEXT NOT NULL,
    issued INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER);
  CREATE INDEX certificates_edge ON certificates(edge, issued);
)";
constexpr Nanoseconds kTokensKept = std::chrono::hours(24 * 30);  // after they expired
constexpr std::int64_t kTokensMax = 100'000;

std::int64_t ns(EventTime t) { return count_ns(t); }

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(const std::filesystem::path& path,
                                                 const Clock& clock) {
  TIDE_ASSIGN(auto db, sqlite::Database::open(path, {.schema = kSchema, .version = kVersion}));
  std::unique_ptr<Registry> registry(new Registry(std::move(db), clock));
  TIDE_TRY(registry->refresh());
  return registry;
}

Result<wire::Token> Registry::create_token(const TokenOrder& order,
                                           const std::string& gateway_address,
                                           const tls::Digest& authority_spki) {
  for (const auto* name : {&order.site, &order.edge}) {
    if (!name->empty() && !tls::fits_certificate(*name)) {
      return Error{Fault::bad_input, "'" + *name + "': letters, digits, '.', '_' and '-' only, at "
                                                   "most 63"};
    }
  }
  if (order.uses < 1 || order.uses > kTokensMax) {
    return Error{Fault::bad_input, "uses: " + std::to_string(order.uses) + " is not 1 to 100000"};
  }
  if (order.replace && order.edge.empty()) {
    return Error{Fault::bad_input, "a token that replaces must name its edge"};
  }
  wire::Token token;
  token.gateway = gateway_address;
  ByteVector id(4);
  fill_random(id);
  token.id = to_hex(id);
  token.secret.resize(wire::kTokenSecretBytes);
  fill_random(token.secret);
  token.pin.assign(authority_spki.begin(), authority_spki.begin() + wire::kTokenPinBytes);
  TIDE_TRY(wire::Token::parse(token.text()));  // an address that could not be read back

  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  const auto now = clock_.wall();
  TIDE_ASSIGN(auto old, db_->prepare("DELETE FROM tokens WHERE expires < ?"));
  TIDE_TRY(old.execute(ns(now - kTokensKept)));
  TIDE_ASSIGN(auto insert, db_->prepare("INSERT INTO tokens VALUES(?,?,?,?,?,?,?,?,?)"));
  TIDE_TRY(insert.execute(token.id, tls::enrolment_key(token.secret), order.site, order.edge,
                          order.replace, order.uses, order.uses, ns(now), ns(now + order.life)));
  TIDE_TRY(transaction.commit());
  return token;
}

Result<std::vector<TokenFacts>> Registry::tokens() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,site,edge,replaces,uses,uses_left,created,"
                                       "expires FROM tokens ORDER BY created"));
  std::vector<TokenFacts> out;
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return out;
    out.push_back({query.text(0), query.text(1), query.text(2), query.integer(3) != 0,
                   query.integer(4), query.integer(5), event_time(query.integer(6)),
                   event_time(query.integer(7))});
  }
}

Result<bool> Registry::drop_token(const std::string& id) {
  TIDE_ASSIGN(auto query, db_->prepare("DELETE FROM tokens WHERE id=?"));
  TIDE_TRY(query.execute(id));
  return db_->rows_changed() > 0;
}

Result<std::optional<tls::Digest>> Registry::token_key_of(const std::string& id) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT key FROM tokens WHERE id=?"));
  TIDE_ASSIGN(const bool row, query.start(id).step());
  if (!row) return std::optional<tls::Digest>{};
  const auto bytes = query.blob(0);
  tls::Digest key{};
  if (bytes.size() != key.size()) return Error{Fault::corrupt, "registry: key of token " + id};
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return std::optional{key};
}

Result<Registry::Grant> Registry::check_token(const std::string& id, const std::string& edge) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT site,edge,replaces,uses_left,expires FROM tokens "
                                       "WHERE id=?"));
  TIDE_ASSIGN(const bool row, query.start(id).step());
  const auto refuse = [](std::string why) { return Error{Fault::denied, "token: " + why}; };
  if (!row) return refuse("unknown here; make one with 'tidemark gateway token create'");
  const auto expires = event_time(query.integer(4));
  if (clock_.wall() >= expires) return refuse("expired at " + format_utc(expires));
  if (query.integer(3) <= 0) return refuse("used already; make another one");
  Grant grant{edge, query.text(0)};
  const auto fixed = query.text(1);
  if (!fixed.empty() && !edge.empty() && fixed != edge) {
    return refuse("it is for edge '" + fixed + "', not '" + edge + "'");
  }
  if (!fixed.empty()) grant.edge = fixed;
  if (!tls::fits_certificate(grant.edge)) {
    return refuse("edge name '" + grant.edge + "': letters, digits, '.', '_' and '-' only");
  }
  TIDE_ASSIGN(auto known, db_->prepare("SELECT revoked FROM edges WHERE name=?"));
  TIDE_ASSIGN(const bool enrolled, known.start(grant.edge).step());
  if (enrolled && known.is_null(0) && query.integer(2) == 0) {
    return refuse("edge '" + grant.edge +
                  "' is enrolled already; for new hardware: 'tidemark gateway token create "
                  "--replace " + grant.edge + "'");
  }
  return grant;
}

Result<Registry::Grant> Registry::use_token(const std::string& id, const std::string& edge,
                                            const tls::CertificateFacts& certificate) {
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_ASSIGN(auto grant, check_token(id, edge));
  TIDE_CHECK(certificate.name == grant.edge, "a certificate for another edge than was granted");
  TIDE_ASSIGN(auto use, db_->prepare("UPDATE tokens SET uses_left=uses_left-1 WHERE id=?"));
  TIDE_TRY(use.execute(id));
  TIDE_TRY(revoke_certificates(grant.edge));  // there are some only when it replaces
  TIDE_ASSIGN(auto put, db_->prepare("INSERT OR REPLACE INTO edges VALUES(?,?,?,NULL)"));
  TIDE_TRY(put.execute(grant.edge, grant.site, ns(clock_.wall())));
  TIDE_TRY(add_certificate(certificate));
  TIDE_TRY(transaction.commit());
  TIDE_TRY(load_revoked());
  return grant;
}

Result<> Registry::add_certificate(const tls::CertificateFacts& certificate) {
  TIDE_ASSIGN(auto put, db_->prepare("INSERT OR REPLACE INTO certificates VALUES(?,?,?,?,?,NULL)"));
  return put.execute(certificate.spki, certificate.serial, certificate.name, ns(clock_.wall()),
                     ns(certificate.not_after));
}

Result<> Registry::renew(const tls::CertificateFacts& certificate) {
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_ASSIGN(auto known, db_->prepare("SELECT revoked FROM edges WHERE name=?"));
  TIDE_ASSIGN(const bool row, known.start(certificate.name).step());
  if (!row || !known.is_null(0)) {
    return Error{Fault::denied, "edge '" + certificate.name + "' is not enrolled here"};
  }
  TIDE_TRY(add_certificate(certificate));
  return transaction.commit();
}

Result<std::vector<EdgeFacts>> Registry::edges() {
  TIDE_ASSIGN(auto query,
              db_->prepare("SELECT e.name,e.site,c.serial,c.spki,e.enrolled,c.expires,e.revoked "
                           "FROM edges e LEFT JOIN certificates c ON c.spki=(SELECT spki FROM "
                           "certificates WHERE edge=e.name ORDER BY issued DESC, rowid DESC "
                           "LIMIT 1) ORDER BY e.name"));
  std::vector<EdgeFacts> out;
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return out;
    EdgeFacts e{query.text(0), query.text(1), query.text(2), {},
                event_time(query.integer(4)), event_time(query.integer(5)), {}};
    const auto spki = query.blob(3);
    std::copy_n(spki.begin(), std::min(spki.size(), e.spki.size()), e.spki.begin());
    if (!query.is_null(6)) e.revoked = event_time(query.integer(6));
    out.push_back(std::move(e));
  }
}

Result<> Registry::revoke_certificates(const std::string& edge) {
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE certificates SET revoked=? WHERE edge=? AND "
                                       "revoked IS NULL"));
  return query.execute(ns(clock_.wall()), edge);
}

Result<bool> Registry::revoke(const std::string& edge) {
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_ASSIGN(auto query, db_->prepare("UPDATE edges SET revoked=? WHERE name=? AND revoked IS "
                                       "NULL"));
  TIDE_TRY(query.execute(ns(clock_.wall()), edge));
  const bool known = db_->rows_changed() > 0;
  TIDE_TRY(revoke_certificates(edge));
  TIDE_TRY(transaction.commit());
  TIDE_TRY(load_revoked());
  return known;
}

Result<> Registry::refresh() {
  TIDE_ASSIGN(const auto version, db_->data_version());
  if (version == seen_version_) return {};
  TIDE_TRY(load_revoked());
  seen_version_ = version;
  return {};
}

Result<> Registry::load_revoked() {
  // Certificates that have run out are refused for that; the set stays small.
  TIDE_ASSIGN(auto query, db_->prepare("SELECT spki FROM certificates WHERE revoked IS NOT NULL "
                                       "AND expires > ?"));
  query.start(ns(clock_.wall()));
  std::set<tls::Digest> found;
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) break;
    const auto bytes = query.blob(0);
    tls::Digest spki{};
    if (bytes.size() == spki.size()) {
      std::copy(bytes.begin(), bytes.end(), spki.begin());
      found.insert(spki);
    }
  }
  revoked_ = std::move(found);
  return {};
}

}  // namespace tidemark::gateway
