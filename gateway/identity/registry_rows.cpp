#include "gateway/identity/registry_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/log.h"

namespace tidemark::gateway {
namespace {

using json = nlohmann::ordered_json;
constexpr int kVersion = 1;
constexpr std::string_view kToken = "token", kClaim = "claim", kEdge = "edge",
                           kCertificate = "certificate", kLayout = "layout";

std::optional<ByteVector> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  ByteVector out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  if (text.size() % 2 != 0) return std::nullopt;
  return out;
}

std::optional<tls::Digest> digest(std::string_view hex) {
  const auto bytes = from_hex(hex);
  tls::Digest d{};
  if (!bytes || bytes->size() != d.size()) return std::nullopt;
  std::ranges::copy(*bytes, d.begin());
  return d;
}

std::string key_of(std::string_view kind, std::string_view rest) {
  return std::string(kind) + ' ' + std::string(rest);
}

RegistryEntry entry(std::string key, json value) {
  value["v"] = kVersion;
  return {std::move(key), value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

json or_null(std::optional<std::int64_t> time) { return time ? json(*time) : json(); }

struct NoNumber {};

// One entry on its way into its table. Whoever reads a field that is not there, or not of its kind,
// throws json's own exception, which put_row() catches.
class Row {
 public:
  Row(sqlite::Database& db, const RegistryEntry& e, const json& value)
      : db_(db), space_(std::min(e.key.find(' '), e.key.size())),
        kind_(std::string_view(e.key).substr(0, space_)),
        name_(space_ < e.key.size() ? std::string_view(e.key).substr(space_ + 1) : ""),
        there_(e.value.has_value()), value_(value) {}

  Result<bool> put() {
    if (name_.empty() || (there_ && value_.at("v").get<int>() > kVersion)) return false;
    if (kind_ == kToken) return token();
    if (kind_ == kClaim) return claim();
    if (kind_ == kEdge) return edge();
    if (kind_ == kCertificate) return certificate();
    return false;
  }

 private:
  Result<bool> token() {
    if (!there_) {
      TIDE_TRY(run("DELETE FROM claims WHERE token=?", std::string(name_)));
      return run("DELETE FROM tokens WHERE id=?", std::string(name_));
    }
    const auto key = digest(text("key"));
    if (!key) return false;
    return run("INSERT OR REPLACE INTO tokens VALUES(?,?,?,?,?,?,?,?)", std::string(name_), *key,
               text("site"), text("edge"), value_.at("replaces").get<bool>(), number("uses"),
               number("created"), number("expires"));
  }
  Result<bool> claim() {
    const auto at = std::min(name_.find(' '), name_.size());
    const auto spki = at < name_.size() ? digest(name_.substr(at + 1)) : std::nullopt;
    if (!spki) return false;
    const std::string token(name_.substr(0, at));
    if (!there_) return run("DELETE FROM claims WHERE token=? AND spki=?", token, *spki);
    // The first one of a key counts, by its place; of a token that is gone, none.
    return run("INSERT OR IGNORE INTO claims SELECT ?,?,?,? WHERE EXISTS (SELECT 1 FROM tokens "
               "WHERE id=?)", token, *spki, text("edge"), number("at"), token);
  }
  Result<bool> edge() {
    const std::string name(name_);
    if (!there_) return run("DELETE FROM edges WHERE name=?", name);
    if (value_.at("revoked").is_null()) {
      return run("INSERT OR REPLACE INTO edges VALUES(?,?,?,NULL)", name, text("site"),
                 number("enrolled"));
    }
    return run("INSERT OR REPLACE INTO edges VALUES(?,?,?,?)", name, text("site"),
               number("enrolled"), number("revoked"));
  }
  Result<bool> certificate() {
    const auto spki = digest(name_);
    if (!spki) return false;
    if (!there_) return run("DELETE FROM certificates WHERE spki=?", *spki);
    if (value_.at("revoked").is_null()) {
      return run("INSERT OR REPLACE INTO certificates VALUES(?,?,?,?,?,NULL)", *spki,
                 text("serial"), text("edge"), number("issued"), number("expires"));
    }
    return run("INSERT OR REPLACE INTO certificates VALUES(?,?,?,?,?,?)", *spki, text("serial"),
               text("edge"), number("issued"), number("expires"), number("revoked"));
  }

  template <typename... Values>
  Result<bool> run(std::string_view sql, const Values&... values) {
    TIDE_ASSIGN(auto statement, db_.prepare(sql));
    TIDE_TRY(statement.execute(values...));
    return true;
  }
  [[nodiscard]] std::string text(const char* name) const {
    return value_.at(name).get<std::string>();
  }
  [[nodiscard]] std::int64_t number(const char* name) const {
    const auto& n = value_.at(name);
    return n.is_number_integer() ? n.get<std::int64_t>() : throw NoNumber();
  }

  sqlite::Database& db_;
  const std::size_t space_;
  const std::string_view kind_, name_;
  const bool there_;
  const json& value_;
};

tls::Digest digest_of(ByteSpan bytes) {
  tls::Digest d{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), d.size()), d.begin());
  return d;
}

std::optional<std::int64_t> time_in(const sqlite::Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

CertificateRow certificate_in(const sqlite::Statement& row) {
  return {digest_of(row.blob(0)), row.text(1), row.text(2), row.integer(3), row.integer(4),
          time_in(row, 5)};
}

}  // namespace

std::string token_key(const std::string& id) { return key_of(kToken, id); }
std::string claim_key(const std::string& token, ByteSpan spki) {
  return key_of(kClaim, token + ' ' + to_hex(spki));
}
std::string edge_key(const std::string& name) { return key_of(kEdge, name); }
std::string certificate_key(ByteSpan spki) { return key_of(kCertificate, to_hex(spki)); }

RegistryEntry entry_of(const TokenRow& row) {
  const auto& t = row.facts;
  return entry(token_key(t.id), {{"key", to_hex(row.key)},
                                 {"site", t.site},
                                 {"edge", t.edge},
                                 {"replaces", t.replace},
                                 {"uses", t.uses},
                                 {"created", count_ns(t.created)},
                                 {"expires", count_ns(t.expires)}});
}

RegistryEntry entry_of(const CertificateRow& row) {
  return entry(certificate_key(row.spki), {{"serial", row.serial},
                                           {"edge", row.edge},
                                           {"issued", row.issued},
                                           {"expires", row.expires},
                                           {"revoked", or_null(row.revoked)}});
}

RegistryEntry claim_entry(const std::string& token, ByteSpan spki, const std::string& edge,
                          EventTime at) {
  return entry(claim_key(token, spki), {{"edge", edge}, {"at", count_ns(at)}});
}

RegistryEntry edge_entry(const std::string& name, const std::string& site, std::int64_t enrolled,
                         std::optional<std::int64_t> revoked) {
  return entry(edge_key(name),
               {{"site", site}, {"enrolled", enrolled}, {"revoked", or_null(revoked)}});
}

Result<bool> put_row(sqlite::Database& db, const RegistryEntry& e) {
  if (e.key == kLayout) return true;
  try {
    const auto value = e.value ? json::parse(*e.value) : json();
    TIDE_ASSIGN(const bool put, Row(db, e, value).put());
    if (put) return true;
  } catch (const json::exception&) {  // said below
  } catch (const NoNumber&) {
  }
  log::warning("an entry of the registry is passed over", "key={} place={}", e.key, e.place);
  return false;
}

Result<std::vector<RegistryEntry>> rows_of(sqlite::Database& db) {
  std::vector<RegistryEntry> out;
  TIDE_ASSIGN(auto tokens, db.prepare("SELECT id,site,edge,replaces,uses,created,expires,key FROM "
                                      "tokens ORDER BY created"));
  for (;;) {
    TIDE_ASSIGN(const bool row, tokens.step());
    if (!row) break;
    out.push_back(entry_of(TokenRow{
        {tokens.text(0), tokens.text(1), tokens.text(2), tokens.integer(3) != 0, tokens.integer(4),
         0, event_time(tokens.integer(5)), event_time(tokens.integer(6))},
        digest_of(tokens.blob(7))}));
  }
  TIDE_ASSIGN(auto claims, db.prepare("SELECT token,spki,edge,at FROM claims ORDER BY rowid"));
  for (;;) {
    TIDE_ASSIGN(const bool row, claims.step());
    if (!row) break;
    out.push_back(claim_entry(claims.text(0), claims.blob(1), claims.text(2),
                              event_time(claims.integer(3))));
  }
  TIDE_ASSIGN(auto edges, db.prepare("SELECT name,site,enrolled,revoked FROM edges"));
  for (;;) {
    TIDE_ASSIGN(const bool row, edges.step());
    if (!row) break;
    out.push_back(edge_entry(edges.text(0), edges.text(1), edges.integer(2), time_in(edges, 3)));
  }
  TIDE_ASSIGN(auto certificates, db.prepare("SELECT * FROM certificates ORDER BY issued"));
  for (;;) {
    TIDE_ASSIGN(const bool row, certificates.step());
    if (!row) return out;
    out.push_back(entry_of(certificate_in(certificates)));
  }
}

Result<std::vector<CertificateRow>> certificates_of(sqlite::Database& db,
                                                    const std::string& edge) {
  std::vector<CertificateRow> out;
  TIDE_ASSIGN(auto query, db.prepare("SELECT * FROM certificates WHERE edge=?"));
  query.start(edge);
  for (;;) {
    TIDE_ASSIGN(const bool row, query.step());
    if (!row) return out;
    out.push_back(certificate_in(query));
  }
}

bool revokes(const RegistryEntry& mine, const RegistryEntry& theirs) {
  const auto time = [](const RegistryEntry& e, const char* name) -> std::optional<std::int64_t> {
    const auto value = json::parse(e.value.value_or(""), nullptr, false);
    const auto at = value.is_object() ? value.value(name, json()) : json();
    return at.is_number_integer() ? std::optional(at.get<std::int64_t>()) : std::nullopt;
  };
  const auto revoked = time(mine, "revoked");
  return revoked && !time(theirs, "revoked") && time(theirs, "enrolled").value_or(0) <= *revoked;
}

std::string layout_id(const RegistryEntry& e) {
  if (e.key != kLayout || !e.value) return {};
  const auto value = json::parse(*e.value, nullptr, false);
  if (!value.is_object()) return {};
  const auto id = value.value("id", json());
  return id.is_string() ? id.get<std::string>() : "";
}

}  // namespace tidemark::gateway
