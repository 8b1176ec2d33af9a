// Rows of gateway.db as entries of the registries' log: keys and JSON values (FORMAT.md).
#pragma once

#include <string>

#include "common/sqlite/database.h"
#include "gateway/identity/registry.h"

namespace tidemark::gateway {

std::string token_key(const std::string& id);
std::string claim_key(const std::string& token, ByteSpan spki);
std::string edge_key(const std::string& name);
std::string certificate_key(ByteSpan spki);

struct TokenRow {
  TokenFacts facts;
  tls::Digest key{};
};
struct CertificateRow {
  tls::Digest spki{};
  std::string serial;
  std::string edge;
  std::int64_t issued = 0, expires = 0;  // ns
  std::optional<std::int64_t> revoked;
};
RegistryEntry entry_of(const TokenRow& row);
RegistryEntry entry_of(const CertificateRow& row);
RegistryEntry claim_entry(const std::string& token, ByteSpan spki, const std::string& edge,
                          EventTime at);
RegistryEntry edge_entry(const std::string& name, const std::string& site, std::int64_t enrolled,
                         std::optional<std::int64_t> revoked);

// Into the tables. An entry that says nothing of use is passed over, with a word in the log: false.
Result<bool> put_row(sqlite::Database& db, const RegistryEntry& entry);
// All rows, as entries.
Result<std::vector<RegistryEntry>> rows_of(sqlite::Database& db);
Result<std::vector<CertificateRow>> certificates_of(sqlite::Database& db, const std::string& edge);

// Whether `mine` says of its edge or certificate that it is revoked, and `theirs`, of the same key,
// that it is good, and was not made so since.
bool revokes(const RegistryEntry& mine, const RegistryEntry& theirs);

// The id of the topics in which the registry is shared; empty: the entry is no such word.
std::string layout_id(const RegistryEntry& entry);

}  // namespace tidemark::gateway
