// Keys and the few primitives around them: P-256, SHA-256, HMAC-SHA-256 (mbed TLS inside).
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::tls {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteSpan bytes);
Digest hmac_sha256(ByteSpan key, ByteSpan bytes);
std::string base64(ByteSpan bytes);  // RFC 4648 section 4, padded, in one line
bool equal_secret(ByteSpan a, ByteSpan b);  // in a time that does not tell where they differ

// Enrolment: what both sides make of a token's secret, and the edge's proof that it has it.
Digest enrolment_key(ByteSpan secret);
Digest enrolment_proof(const Digest& key, ByteSpan nonce, ByteSpan csr);

// A private key on P-256. Shared by copies, immutable, any thread may read it.
class PrivateKey {
 public:
  static Result<PrivateKey> generate();
  static Result<PrivateKey> parse(std::string_view pem);
  // Fault::denied when others than its owner may read the file.
  static Result<PrivateKey> load(const std::filesystem::path& path);
  Result<> save(const std::filesystem::path& path) const;  // PEM, mode 0600, synced

  [[nodiscard]] Result<std::string> pem() const;
  [[nodiscard]] Digest spki_hash() const;  // SHA-256 of the public key's SubjectPublicKeyInfo
  // PKCS#10, signed with this key. The subject says `name`; who signs decides what it becomes.
  [[nodiscard]] Result<ByteVector> request(std::string_view name) const;

  struct State;
  [[nodiscard]] State& state() const { return *state_; }

 private:
  explicit PrivateKey(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace tidemark::tls
