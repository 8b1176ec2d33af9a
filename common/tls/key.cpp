#include "common/tls/key.h"

#include <mbedtls/base64.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_csr.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/base/disk.h"
#include "common/tls/internal.h"

namespace tidemark::tls {
namespace {

bool is_p256(const mbedtls_pk_context& pk) {
  return mbedtls_pk_can_do(&pk, MBEDTLS_PK_ECDSA) == 1 &&
         mbedtls_pk_ec(pk)->grp.id == MBEDTLS_ECP_DP_SECP256R1;
}

}  // namespace

Digest sha256(ByteSpan bytes) {
  Digest d;
  TIDE_CHECK(mbedtls_sha256_ret(bytes.data(), bytes.size(), d.data(), 0) == 0, "SHA-256 failed");
  return d;
}

Digest hmac_sha256(ByteSpan key, ByteSpan bytes) {
  Digest d;
  const auto* md = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  TIDE_CHECK(mbedtls_md_hmac(md, key.data(), key.size(), bytes.data(), bytes.size(), d.data()) == 0,
             "HMAC failed");
  return d;
}

bool equal_secret(ByteSpan a, ByteSpan b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned>(a[i] ^ b[i]);
  return different == 0;
}

std::string base64(ByteSpan bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  std::size_t size = 0;
  const int error = mbedtls_base64_encode(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                                          &size, bytes.data(), bytes.size());
  TIDE_CHECK(error == 0, "base64 fits into four thirds");
  out.resize(size);
  return out;
}

Digest enrolment_key(ByteSpan secret) { return hmac_sha256(as_bytes("tidemark token v1"), secret); }

Digest enrolment_proof(const Digest& key, ByteSpan nonce, ByteSpan csr) {
  ByteVector said(nonce.begin(), nonce.end());
  said.insert(said.end(), csr.begin(), csr.end());
  return hmac_sha256(key, said);
}

Result<PrivateKey> PrivateKey::generate() {
  auto state = std::make_shared<State>();
  int e = mbedtls_pk_setup(&state->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (e == 0) {
    e = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(state->pk), system_random,
                            nullptr);
  }
  if (e != 0) return tls_error(Fault::unavailable, "make a key", e);
  return PrivateKey(std::move(state));
}

Result<PrivateKey> PrivateKey::parse(std::string_view pem) {
  std::string text(pem);  // the library wants the final zero counted
  auto state = std::make_shared<State>();
  const int e =
      mbedtls_pk_parse_key(&state->pk, reinterpret_cast<const unsigned char*>(text.c_str()),
                           text.size() + 1, nullptr, 0);
  mbedtls_platform_zeroize(text.data(), text.size());
  if (e != 0) return tls_error(Fault::bad_input, "private key", e);
  if (!is_p256(state->pk)) return Error{Fault::bad_input, "private key: not on P-256"};
  return PrivateKey(std::move(state));
}

Result<PrivateKey> PrivateKey::load(const std::filesystem::path& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return system_error(path.string(), errno);
  if ((st.st_mode & 077) != 0) {
    return Error{Fault::denied, path.string() + ": others may read this key; chmod 600 it, and "
                                                "enrol anew if they might have"};
  }
  TIDE_ASSIGN(auto pem, read_file(path, 16 * 1024));
  auto key = parse(pem);
  mbedtls_platform_zeroize(pem.data(), pem.size());
  if (!key) return std::move(key).error().within(path.string());
  return key;
}

Result<> PrivateKey::save(const std::filesystem::path& path) const {
  TIDE_ASSIGN(auto text, pem());
  auto written = write_file(path, text, 0600);
  mbedtls_platform_zeroize(text.data(), text.size());
  return written;
}

Result<std::string> PrivateKey::pem() const {
  std::array<unsigned char, 1024> text{};
  const int e = mbedtls_pk_write_key_pem(&state_->pk, text.data(), text.size());
  if (e != 0) return tls_error(Fault::unavailable, "write a key", e);
  std::string out(reinterpret_cast<const char*>(text.data()));
  mbedtls_platform_zeroize(text.data(), text.size());
  return out;
}

Digest PrivateKey::spki_hash() const {
  std::array<unsigned char, 256> der{};
  const int n = mbedtls_pk_write_pubkey_der(&state_->pk, der.data(), der.size());
  TIDE_CHECK(n > 0, "a P-256 key always fits");
  const auto size = static_cast<std::size_t>(n);  // the library writes at the buffer's end
  return sha256(ByteSpan(der).last(size));
}

Result<ByteVector> PrivateKey::request(std::string_view name) const {
  if (!fits_certificate(name)) {
    return Error{Fault::bad_input, "name '" + std::string(name) +
                                       "': letters, digits, '.', '_' and '-' only, at most 63"};
  }
  mbedtls_x509write_csr csr;
  mbedtls_x509write_csr_init(&csr);
  mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
  mbedtls_x509write_csr_set_key(&csr, &state_->pk);
  const auto subject = "CN=" + std::string(name);
  int n = mbedtls_x509write_csr_set_subject_name(&csr, subject.c_str());
  std::array<unsigned char, 1024> der{};
  if (n == 0) {
    n = mbedtls_x509write_csr_der(&csr, der.data(), der.size(), system_random, nullptr);
  }
  mbedtls_x509write_csr_free(&csr);
  if (n <= 0) return tls_error(Fault::unavailable, "write a certificate request", n);
  const auto bytes = ByteSpan(der).last(static_cast<std::size_t>(n));
  return ByteVector(bytes.begin(), bytes.end());
}

}  // namespace tidemark::tls
