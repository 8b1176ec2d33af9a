// What the files of this folder share of mbed TLS.
#pragma once

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <string_view>

#include "common/base/result.h"
#include "common/tls/certificate.h"

namespace tidemark::tls {

struct PrivateKey::State {
  State() { mbedtls_pk_init(&pk); }
  ~State() { mbedtls_pk_free(&pk); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  mbedtls_pk_context pk;
};

struct CertificateChain {
  CertificateChain() { mbedtls_x509_crt_init(&first); }
  ~CertificateChain() { mbedtls_x509_crt_free(&first); }
  CertificateChain(const CertificateChain&) = delete;
  CertificateChain& operator=(const CertificateChain&) = delete;
  Result<> add(ByteSpan der);
  mbedtls_x509_crt first;
};

// getrandom(2) as mbed TLS wants it: no state, any thread.
int system_random(void*, unsigned char* out, std::size_t size);
// "what: the library's words"
Error tls_error(Fault fault, std::string_view what, int code);
CertificateFacts facts_of(const mbedtls_x509_crt& certificate);
// The library's flags in words a person can act on.
std::string verify_problem(std::uint32_t flags);

}  // namespace tidemark::tls
