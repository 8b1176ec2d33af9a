// Signing. The library of Debian 12 has no setter for the two extensions that matter here, so their
// DER is written by hand; both are short and of bounded size.
#include <mbedtls/oid.h>
#include <mbedtls/x509_csr.h>

#include "common/base/random.h"
#include "common/tls/internal.h"

namespace tidemark::tls {
namespace {

struct Writer {
  Writer() { mbedtls_x509write_crt_init(&crt); }
  ~Writer() { mbedtls_x509write_crt_free(&crt); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  mbedtls_x509write_cert crt;
};

std::string x509_time(EventTime t) {  // "20261121020000"
  std::string digits;
  for (const char c : format_utc(floor_to(t, std::chrono::seconds(1)))) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits;
}

std::string subject(const CertificateOrder& order) {
  return "CN=" + order.name + (order.site.empty() ? "" : ",O=" + order.site);
}

ByteVector usage_extension(bool server) {  // SEQUENCE { OID 1.3.6.1.5.5.7.3.{1,2} }
  return {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05,
          0x05, 0x07, 0x03, static_cast<std::uint8_t>(server ? 1 : 2)};
}

ByteVector name_extension(std::string_view dns) {  // SEQUENCE { [2] IA5String }
  const auto size = static_cast<std::uint8_t>(dns.size());  // at most 63: one length byte
  ByteVector der{0x30, static_cast<std::uint8_t>(size + 2), 0x82, size};
  der.insert(der.end(), dns.begin(), dns.end());
  return der;
}

int set_serial(mbedtls_x509write_cert& crt) {
  std::array<std::uint8_t, 16> bytes;
  fill_random(bytes);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x3f) | 0x40);  // positive, always 16 bytes
  mbedtls_mpi serial;
  mbedtls_mpi_init(&serial);
  int e = mbedtls_mpi_read_binary(&serial, bytes.data(), bytes.size());
  if (e == 0) e = mbedtls_x509write_crt_set_serial(&crt, &serial);
  mbedtls_mpi_free(&serial);
  return e;
}

Result<ByteVector> write(Writer& w, const CertificateOrder& order, mbedtls_pk_context& subject_key,
                         mbedtls_pk_context& issuer_key, const std::string& issuer_name,
                         bool authority) {
  auto* crt = &w.crt;
  mbedtls_x509write_crt_set_version(crt, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(crt, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(crt, &subject_key);
  mbedtls_x509write_crt_set_issuer_key(crt, &issuer_key);
  int e = set_serial(*crt);
  const auto also = [&](auto call) {
    if (e == 0) e = call();
  };
  const auto extension = [&](const char* oid, std::size_t size, const ByteVector& der) {
    also([&] {
      return mbedtls_x509write_crt_set_extension(crt, oid, size, 0, der.data(), der.size());
    });
  };
  also([&] { return mbedtls_x509write_crt_set_subject_name(crt, subject(order).c_str()); });
  also([&] { return mbedtls_x509write_crt_set_issuer_name(crt, issuer_name.c_str()); });
  also([&] {
    return mbedtls_x509write_crt_set_validity(crt, x509_time(order.not_before).c_str(),
                                              x509_time(order.not_after).c_str());
  });
  also([&] {
    return mbedtls_x509write_crt_set_basic_constraints(crt, authority ? 1 : 0, authority ? 0 : -1);
  });
  also([&] {
    return mbedtls_x509write_crt_set_key_usage(
        crt, authority ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                       : MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
  });
  also([&] { return mbedtls_x509write_crt_set_subject_key_identifier(crt); });
  also([&] { return mbedtls_x509write_crt_set_authority_key_identifier(crt); });
  if (!authority) {
    extension(MBEDTLS_OID_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE),
              usage_extension(order.server));
    if (order.server) {
      extension(MBEDTLS_OID_SUBJECT_ALT_NAME, MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
                name_extension(order.dns_name));
    }
  }
  std::array<unsigned char, 4096> der{};
  if (e == 0) e = mbedtls_x509write_crt_der(crt, der.data(), der.size(), system_random, nullptr);
  if (e <= 0) return tls_error(Fault::unavailable, "write a certificate", e);
  const auto bytes = ByteSpan(der).last(static_cast<std::size_t>(e));
  return ByteVector(bytes.begin(), bytes.end());
}

Result<> check(const CertificateOrder& order) {
  for (const auto* name : {&order.name, &order.site, &order.dns_name}) {
    if (name == &order.site && name->empty()) continue;
    if (!fits_certificate(*name)) {
      return Error{Fault::bad_input, "'" + *name + "': a name in a certificate has letters, "
                                                   "digits, '.', '_' and '-' only, at most 63"};
    }
  }
  return {};
}

struct Request {
  Request() { mbedtls_x509_csr_init(&csr); }
  ~Request() { mbedtls_x509_csr_free(&csr); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  // The library has no call to check a request's own signature.
  Result<> read(ByteSpan der) {
    const int e = mbedtls_x509_csr_parse_der(&csr, der.data(), der.size());
    if (e != 0) return tls_error(Fault::bad_input, "certificate request", e);
    if (mbedtls_pk_can_do(&csr.pk, MBEDTLS_PK_ECDSA) != 1 ||
        mbedtls_pk_ec(csr.pk)->grp.id != MBEDTLS_ECP_DP_SECP256R1 ||
        csr.sig_md != MBEDTLS_MD_SHA256 || csr.sig_pk != MBEDTLS_PK_ECDSA) {
      return Error{Fault::bad_input, "certificate request: not P-256 with SHA-256"};
    }
    const auto digest = sha256({csr.cri.p, csr.cri.len});
    if (mbedtls_pk_verify(&csr.pk, MBEDTLS_MD_SHA256, digest.data(), digest.size(), csr.sig.p,
                          csr.sig.len) != 0) {
      return Error{Fault::bad_input, "certificate request: its signature is wrong"};
    }
    return {};
  }
  mbedtls_x509_csr csr;
};

}  // namespace

Result<ByteVector> issue_authority(const PrivateKey& key, const CertificateOrder& order) {
  TIDE_TRY(check(order));
  Writer w;
  return write(w, order, key.state().pk, key.state().pk, subject(order), true);
}

Result<ByteVector> issue(const PrivateKey& authority_key, ByteSpan authority_certificate,
                         ByteSpan csr, const CertificateOrder& order) {
  TIDE_TRY(check(order));
  TIDE_ASSIGN(const auto authority, inspect(authority_certificate));
  if (!authority.authority || authority.spki != authority_key.spki_hash()) {
    return Error{Fault::denied, "this key is not that of the CA certificate"};
  }
  Request request;
  TIDE_TRY(request.read(csr));
  CertificateOrder issuer;
  issuer.name = authority.name;
  issuer.site = authority.site;
  Writer w;
  return write(w, order, request.csr.pk, authority_key.state().pk, subject(issuer), false);
}

}  // namespace tidemark::tls
