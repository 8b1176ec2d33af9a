#include "common/tls/certificate.h"

#include <mbedtls/pem.h>

#include <algorithm>

#include "common/tls/internal.h"

namespace tidemark::tls {

bool fits_certificate(std::string_view name) {
  constexpr auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) {
           return plain(c) || c == '.' || c == '_' || c == '-';
         });
}

Result<CertificateFacts> inspect(ByteSpan certificate) {
  CertificateChain chain;
  if (certificate.size() > 10 && certificate[0] == '-') {
    TIDE_ASSIGN(const auto all, certificates_from_pem(as_text(certificate)));
    TIDE_TRY(chain.add(all.front()));
  } else {
    TIDE_TRY(chain.add(certificate));
  }
  return facts_of(chain.first);
}

std::string certificate_pem(ByteSpan der) {
  std::string out(der.size() * 2 + 128, '\0');
  std::size_t size = 0;
  const int e = mbedtls_pem_write_buffer(
      "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", der.data(), der.size(),
      reinterpret_cast<unsigned char*>(out.data()), out.size(), &size);
  TIDE_CHECK(e == 0 && size > 0, "a certificate in PEM takes at most twice its size");
  out.resize(size - 1);  // without the final zero
  return out;
}

Result<std::vector<ByteVector>> certificates_from_pem(std::string_view pem) {
  CertificateChain chain;
  const std::string text(pem);
  const int e = mbedtls_x509_crt_parse(
      &chain.first, reinterpret_cast<const unsigned char*>(text.c_str()), text.size() + 1);
  if (e != 0) return tls_error(Fault::bad_input, "certificates", e);
  std::vector<ByteVector> out;
  for (const auto* c = &chain.first; c != nullptr && c->raw.len > 0; c = c->next) {
    out.emplace_back(c->raw.p, c->raw.p + c->raw.len);
  }
  if (out.empty()) return Error{Fault::bad_input, "certificates: none in this file"};
  return out;
}

}  // namespace tidemark::tls
