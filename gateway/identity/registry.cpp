#include "gateway/identity/registry.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/random.h"
#include "gateway/identity/registry_rows.h"

namespace tidemark::gateway {
namespace {

constexpr int kVersion = 2;
constexpr auto kSharedTables = R"(
  CREATE TABLE claims(token TEXT NOT NULL, spki BLOB NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY(token, spki));
  CREATE TABLE shared(layout TEXT NOT NULL, next INTEGER NOT NULL);
  INSERT INTO shared VALUES('', 0);
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
    SELECT id, randomblob(32), created FROM tokens JOIN n ON n.i <= uses - uses_left;
  ALTER TABLE tokens DROP COLUMN uses_left;
)";
constexpr Nanoseconds kTokensKept = std::chrono::hours(24 * 30);  // after they expired
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
  TIDE_ASSIGN(auto claims, db_->prepare("SELECT spki FROM claims WHERE token=?"));
  claims.start(id);
  for (;;) {
    TIDE_ASSIGN(const bool row, claims.step());
    if (!row) break;
    entries.push_back({claim_key(id, claims.blob(0)), std::nullopt});
  }
  entries.push_back({token_key(id), std::nullopt});
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
  // Claims count in their order; for a new one all of them come before.
  TIDE_ASSIGN(auto query,
              db_->prepare("SELECT site,edge,replaces,uses - (SELECT count(*) FROM claims WHERE "
                           "token=t.id AND rowid < ifnull((SELECT rowid FROM claims WHERE "
                           "token=t.id AND spki=?), 9e18)),expires FROM tokens t WHERE id=?"));
  const ByteSpan own = claim != nullptr ? ByteSpan(*claim) : ByteSpan{};
  TIDE_ASSIGN(const bool row, query.start(own, id).step());
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
  TIDE_TRY(may_change());
  const Entries claim{claim_entry(id, certificate.spki, clock_.wall())};
  Entries entries;
  const auto grant = [&]() -> Result<Grant> {
    TIDE_ASSIGN(auto granted, judge(id, edge, &certificate.spki));
    TIDE_CHECK(certificate.name == granted.edge, "a certificate for another edge than was granted");
    TIDE_TRY(revoke_certificates(granted.edge, entries));  // there are some when it replaces
    entries.push_back(edge_entry(granted.edge, granted.site, ns(clock_.wall()), std::nullopt));
    entries.push_back(certificate_entry(certificate));
    return granted;
  };
  if (log_) {
    TIDE_TRY(say(claim));
    TIDE_ASSIGN(auto granted, grant());
    TIDE_TRY(say(entries));
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

RegistryEntry Registry::certificate_entry(const tls::CertificateFacts& certificate) const {
  return entry_of(CertificateRow{certificate.spki, certificate.serial, certificate.name,
                                 ns(clock_.wall()), ns(certificate.not_after), std::nullopt});
}

Result<> Registry::renew(const tls::CertificateFacts& certificate) {
  TIDE_TRY(may_change());
  const auto known = [&]() -> Result<> {
    TIDE_ASSIGN(auto query, db_->prepare("SELECT 1 FROM edges WHERE name=? AND revoked IS NULL"));
    TIDE_ASSIGN(const bool row, query.start(certificate.name).step());
    if (row) return {};
    return Error{Fault::denied, "edge '" + certificate.name + "' is not enrolled here"};
  };
  TIDE_TRY(known());
  TIDE_TRY(say({certificate_entry(certificate)}));
  return known();  // it may have been revoked elsewhere before this was said
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

Result<> Registry::revoke_certificates(const std::string& edge, Entries& entries) {
  TIDE_ASSIGN(auto all, certificates_of(*db_, edge));
  for (auto& c : all) {
    if (c.revoked) continue;
    c.revoked = ns(clock_.wall());
    entries.push_back(entry_of(c));
  }
  return {};
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
  TIDE_TRY(load_revoked());
  return true;
}

Result<> Registry::share(std::unique_ptr<RegistryLog> log, bool whole) {
  TIDE_ASSIGN(former_, layout());
  log_ = std::move(log);
  whole_ = whole;
  return {};
}

Result<> Registry::may_change() const {
  if (ready()) return {};
  auto why = problem();
  return Error{Fault::unavailable, "what other gateways have said in the registry is not here yet" +
                                       (why.empty() ? "; try again" : ": " + why)};
}

std::string Registry::problem() const { return log_ ? log_->problem() : ""; }

Result<std::int64_t> Registry::next() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT next FROM shared"));
  TIDE_TRY(query.step());
  return query.integer(0);
}

Result<std::string> Registry::layout() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT layout FROM shared"));
  TIDE_TRY(query.step());
  return query.text(0);
}

Result<> Registry::catch_up(std::chrono::milliseconds within) {
  if (!log_) return {};
  TIDE_TRY(log_->catch_up(within));
  at_end_ = true;
  TIDE_TRY(absorb());
  return may_change();
}

Result<> Registry::say(const Entries& entries) {
  if (log_) {
    TIDE_TRY(log_->append(entries));
    return absorb();
  }
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_TRY(put(entries));
  TIDE_TRY(transaction.commit());
  return load_revoked();
}

Result<> Registry::put(const Entries& entries) {
  for (const auto& e : entries) TIDE_TRY(put_row(*db_, e));
  return {};
}

Result<> Registry::absorb() {
  if (!log_) return {};
  for (auto& e : log_->take()) pending_.push_back(std::move(e));
  if (!pending_.empty()) {
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    TIDE_TRY(put_pending());
    TIDE_TRY(transaction.commit());
    pending_.clear();
    TIDE_TRY(load_revoked());
  }
  at_end_ = at_end_ || log_->at_end();
  if (!at_end_ || ready_) return {};
  if (whole_) {
    TIDE_ASSIGN(const bool settled, settle());
    if (!settled) return {};
  }
  ready_ = true;
  named_.clear();
  return {};
}

// The file may be further than this: another process has read the log, too.
Result<> Registry::put_pending() {
  TIDE_ASSIGN(auto from, next());
  TIDE_ASSIGN(auto known, layout());
  for (const auto& e : pending_) {
    const auto id = layout_id(e);
    if (!id.empty() && id != known) {  // other topics of that name: from their beginning
      known = id;
      from = 0;
    }
    if (!ready_ && e.value) named_.insert(e.key);
    if (!ready_ && !e.value) named_.erase(e.key);
    if (e.place < from) continue;
    TIDE_TRY(put_row(*db_, e));
    from = e.place + 1;
  }
  TIDE_ASSIGN(auto note, db_->prepare("UPDATE shared SET layout=?, next=?"));
  return note.execute(known, from);
}

// False: not yet, another process has put more into the file than was read here.
Result<bool> Registry::settle() {
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_ASSIGN(const auto reached, next());
  if (reached > log_->next()) return false;
  TIDE_ASSIGN(auto rows, rows_of(*db_));
  std::erase_if(rows, [this](const RegistryEntry& e) { return named_.contains(e.key); });
  TIDE_ASSIGN(const auto known, layout());
  if (known != former_) {  // never shared there
    TIDE_TRY(transaction.commit());
    if (rows.empty()) return true;
    log::info("the registry is shared with the other gateways", "entries={}", rows.size());
    TIDE_TRY(log_->append(rows));
    former_ = known;
    return true;
  }
  for (auto& e : rows) e.value.reset();
  TIDE_TRY(put(rows));
  TIDE_TRY(transaction.commit());
  TIDE_TRY(load_revoked());
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
