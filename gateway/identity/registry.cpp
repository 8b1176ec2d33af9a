#include "gateway/identity/registry.h"

#include <algorithm>
#include <limits>

#include "common/base/random.h"
#include "gateway/identity/registry_rows.h"

namespace tidemark::gateway {
namespace {

constexpr int kVersion = 2;
constexpr auto kSharedTables = R"(
  CREATE TABLE claims(token TEXT NOT NULL, spki BLOB NOT NULL, edge TEXT NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY(token, spki));
  CREATE TABLE shared(layout TEXT NOT NULL, next INTEGER NOT NULL, said INTEGER NOT NULL);
  INSERT INTO shared VALUES('', 0, 0);
)";
constexpr auto kSchema = R"(
  CREATE TABLE tokens(id TEXT PRIMARY KEY, key BLOB NOT NULL, site TEXT NOT NULL,
    edge TEXT NOT NULL, replaces INTEGER NOT NULL, uses INTEGER NOT NULL,
    created INTEGER NOT NULL, expires INTEGER NOT NULL);
  CREATE TABLE edges(name TEXT PRIMARY KEY, site TEXT NOT NULL, enrolled INTEGER NOT NULL,
    revoked INTEGER);
  CREATE TABLE certificates(spki BLOB PRIMARY KEY, serial TEXT NOT NULL, edge TEXT NOT NULL,
    issued INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER);
  CREATE INDEX certificates_edge ON certificates(edge, issued);
)";
// Uses that were counted only become claims of nobody.
constexpr auto kFromCounts = R"(
  INSERT INTO claims
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    SELECT id, CAST(printf('%s %023d', id, i) AS BLOB), '', created FROM tokens
      JOIN n ON n.i <= uses - uses_left;
  ALTER TABLE tokens DROP COLUMN uses_left;
)";
constexpr Nanoseconds kTokensKept = std::chrono::hours(24 * 30);  // after they expired
constexpr Nanoseconds kCertificatesKept = std::chrono::hours(24 * 30);  // likewise
// An enrolment of which only the claim is known may still come.
constexpr Nanoseconds kEnrolling = std::chrono::minutes(1);
constexpr std::int64_t kTokensMax = 100'000;

std::int64_t ns(EventTime t) { return count_ns(t); }

}  // namespace

Result<std::unique_ptr<Registry>> Registry::open(const std::filesystem::path& path,
                                                 const Clock& clock) {
  TIDE_ASSIGN(auto db, sqlite::Database::open(
                           path, {.schema = std::string(kSchema) + kSharedTables,
                                  .version = kVersion,
                                  .lifts = {std::string(kSharedTables) + kFromCounts}}));
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

  const auto now = clock_.wall();
  Entries entries;
  TIDE_ASSIGN(auto old, db_->prepare("SELECT id FROM tokens WHERE expires < ?"));
  old.start(ns(now - kTokensKept));
  for (;;) {
    TIDE_ASSIGN(const bool row, old.step());
    if (!row) break;
    TIDE_TRY(end_of_token(old.text(0), entries));
  }
  const TokenFacts facts{token.id,   order.site, order.edge,      order.replace, order.uses,
                         order.uses, now,        now + order.life};
  entries.push_back(entry_of(TokenRow{facts, tls::enrolment_key(token.secret)}));
  TIDE_TRY(say(entries));
  return token;
}

// With its claims, which would stay in the log for ever.
Result<> Registry::end_of_token(const std::string& id, Entries& entries) {
  entries.push_back({token_key(id), std::nullopt});  // first: without claims it would be good again
  TIDE_ASSIGN(auto claims, db_->prepare("SELECT spki FROM claims WHERE token=?"));
  claims.start(id);
  for (;;) {
    TIDE_ASSIGN(const bool row, claims.step());
    if (!row) break;
    entries.push_back({claim_key(id, claims.blob(0)), std::nullopt});
  }
  return {};
}

Result<std::vector<TokenFacts>> Registry::tokens() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT id,site,edge,replaces,uses,max(0, uses - (SELECT "
                                       "count(*) FROM claims WHERE token=id)),created,expires "
                                       "FROM tokens ORDER BY created"));
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
  TIDE_ASSIGN(auto query, db_->prepare("SELECT 1 FROM tokens WHERE id=?"));
  TIDE_ASSIGN(const bool known, query.start(id).step());
  query.rewind();
  if (!known) return false;
  Entries entries;
  TIDE_TRY(end_of_token(id, entries));
  TIDE_TRY(say(entries));
  return true;
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
  return judge(id, edge, nullptr);
}

Result<Registry::Grant> Registry::judge(const std::string& id, const std::string& edge,
                                        const tls::Digest* claim) {
  const auto refuse = [](std::string why) { return Error{Fault::denied, "token: " + why}; };
  auto before = std::numeric_limits<std::int64_t>::max();  // claims count in their order
  if (claim != nullptr) {
    TIDE_ASSIGN(auto own, db_->prepare("SELECT rowid FROM claims WHERE token=? AND spki=?"));
    TIDE_ASSIGN(const bool known, own.start(id, *claim).step());
    if (!known) return refuse("unknown here; it was dropped just now");
    before = own.integer(0);
  }
  TIDE_ASSIGN(auto query,
              db_->prepare("SELECT site,edge,replaces,uses - (SELECT count(*) FROM claims WHERE "
                           "token=t.id AND rowid < ?),expires FROM tokens t WHERE id=?"));
  TIDE_ASSIGN(const bool row, query.start(before, id).step());
  if (!row) return refuse("unknown here; make one with 'tidemark gateway token create'");
  const auto now = clock_.wall();
  const auto expires = event_time(query.integer(4));
  if (now >= expires) return refuse("expired at " + format_utc(expires));
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
  if (query.integer(2) != 0) return grant;
  TIDE_ASSIGN(auto known, db_->prepare("SELECT 1 FROM edges WHERE name=? AND revoked IS NULL"));
  TIDE_ASSIGN(const bool enrolled, known.start(grant.edge).step());
  if (enrolled) {
    return refuse("edge '" + grant.edge +
                  "' is enrolled already; for new hardware: 'tidemark gateway token create "
                  "--replace " + grant.edge + "'");
  }
  // Another gateway may be about to say so: its claim came first.
  TIDE_ASSIGN(auto rival, db_->prepare("SELECT 1 FROM claims WHERE edge=? AND rowid < ? AND at > ? "
                                       "AND NOT EXISTS (SELECT 1 FROM certificates c WHERE "
                                       "c.spki=claims.spki)"));
  TIDE_ASSIGN(const bool contested, rival.start(grant.edge, before, ns(now - kEnrolling)).step());
  if (contested) {
    return refuse("edge '" + grant.edge + "' is being enrolled just now; try again in a minute");
  }
  return grant;
}

Result<Registry::Grant> Registry::use_token(const std::string& id, const std::string& edge,
                                            const tls::CertificateFacts& certificate) {
  TIDE_TRY(may_change());
  const Entries claim{claim_entry(id, certificate.spki, edge, clock_.wall())};
  Entries entries;
  const auto grant = [&]() -> Result<Grant> {
    TIDE_ASSIGN(auto granted, judge(id, edge, &certificate.spki));
    TIDE_CHECK(certificate.name == granted.edge, "a certificate for another edge than was granted");
    TIDE_TRY(revoke_certificates(granted.edge, entries, certificate.spki));
    entries.push_back(certificate_entry(certificate));
    entries.push_back(edge_entry(granted.edge, granted.site, ns(clock_.wall()), std::nullopt));
    TIDE_TRY(end_of_old_certificates(entries));
    return granted;
  };
  if (log_) {
    TIDE_TRY(say(claim));
    TIDE_ASSIGN(auto granted, grant());
    if (auto said = say(entries); !said) {
      return std::move(said).error().within("the token may be used up now; if so make another, "
                                            "with --replace " + granted.edge);
    }
    // Another gateway may have renewed a certificate of before meanwhile.
    Entries crossed;
    TIDE_TRY(revoke_certificates(granted.edge, crossed, certificate.spki));
    if (!crossed.empty()) TIDE_TRY(say(crossed));
    return granted;
  }
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_TRY(put(claim));
  TIDE_ASSIGN(auto granted, grant());
  TIDE_TRY(put(entries));
  TIDE_TRY(transaction.commit());
  TIDE_TRY(load_revoked());
  return granted;
}

RegistryEntry Registry::certificate_entry(const tls::CertificateFacts& certificate,
                                          std::optional<EventTime> revoked) const {
  CertificateRow row{certificate.spki, certificate.serial, certificate.name, ns(clock_.wall()),
                     ns(certificate.not_after), std::nullopt};
  if (revoked) row.revoked = ns(*revoked);
  return entry_of(row);
}

Result<> Registry::renew(const tls::CertificateFacts& certificate, const tls::Digest& shown) {
  TIDE_TRY(may_change());
  const auto good = [&]() -> Result<> {
    TIDE_ASSIGN(auto query, db_->prepare("SELECT 1 FROM edges WHERE name=? AND revoked IS NULL"));
    TIDE_ASSIGN(const bool row, query.start(certificate.name).step());
    if (row && !revoked(shown)) return {};
    return Error{Fault::denied, "edge '" + certificate.name + "' is not enrolled here, or this "
                                "certificate of it is revoked"};
  };
  TIDE_TRY(good());
  Entries entries{certificate_entry(certificate)};
  TIDE_TRY(end_of_old_certificates(entries));
  TIDE_TRY(say(entries));
  const auto still = good();  // it may have been revoked elsewhere before this was said
  if (!still) TIDE_TRY(say({certificate_entry(certificate, clock_.wall())}));
  return still;
}

Result<std::vector<EdgeFacts>> Registry::edges() {
  TIDE_ASSIGN(auto query,
              db_->prepare("SELECT e.name,e.site,c.serial,c.spki,e.enrolled,c.expires,e.revoked "
                           "FROM edges e LEFT JOIN certificates c ON c.spki=(SELECT spki FROM "
                           "certificates WHERE edge=e.name ORDER BY revoked IS NOT NULL, issued "
                           "DESC, rowid DESC LIMIT 1) ORDER BY e.name"));
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

Result<> Registry::revoke_certificates(const std::string& edge, Entries& entries,
                                       std::optional<tls::Digest> but) {
  TIDE_ASSIGN(auto all, certificates_of(*db_, edge));
  for (auto& c : all) {
    if (c.revoked || c.spki == but) continue;
    c.revoked = ns(clock_.wall());
    entries.push_back(entry_of(c));
  }
  return {};
}

// Some each time, so that rows of an edge do not become more with each renewal.
Result<> Registry::end_of_old_certificates(Entries& entries) {
  TIDE_ASSIGN(auto old, db_->prepare("SELECT spki FROM certificates WHERE expires < ? LIMIT 4"));
  old.start(ns(clock_.wall() - kCertificatesKept));
  for (;;) {
    TIDE_ASSIGN(const bool row, old.step());
    if (!row) return {};
    entries.push_back({certificate_key(old.blob(0)), std::nullopt});
  }
}

Result<bool> Registry::revoke(const std::string& edge) {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT site,enrolled FROM edges WHERE name=? AND revoked "
                                       "IS NULL"));
  TIDE_ASSIGN(const bool known, query.start(edge).step());
  if (!known) return false;
  // The edge first: a certificate that another gateway is renewing just now counts for nothing.
  Entries entries{edge_entry(edge, query.text(0), query.integer(1), ns(clock_.wall()))};
  query.rewind();
  TIDE_TRY(revoke_certificates(edge, entries));
  TIDE_TRY(say(entries));
  return true;
}

Result<> Registry::refresh() {
  TIDE_TRY(absorb());
  TIDE_ASSIGN(const auto version, db_->data_version());
  if (version == seen_version_) return {};
  TIDE_TRY(load_revoked());
  seen_version_ = version;
  return {};
}

Result<> Registry::load_revoked() {
  // Certificates that have run out are refused for that; the set stays small.
  TIDE_ASSIGN(auto query, db_->prepare("SELECT spki FROM certificates c LEFT JOIN edges e ON "
                                       "e.name=c.edge WHERE c.expires > ? AND (c.revoked IS NOT "
                                       "NULL OR e.revoked IS NOT NULL)"));
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
