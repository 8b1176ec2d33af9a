#include "common/tls/internal.h"

#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>

#include <algorithm>

#include "common/base/random.h"

namespace tidemark::tls {
namespace {

EventTime time_of(const mbedtls_x509_time& t) {
  using namespace std::chrono;
  const sys_days day = year(t.year) / month(static_cast<unsigned>(t.mon)) /
                       std::chrono::day(static_cast<unsigned>(t.day));
  const auto since = day.time_since_epoch() + hours(t.hour) + minutes(t.min) + seconds(t.sec);
  if (t.year < 1700 || t.year > 2250) return t.year < 1700 ? kEventTimeMin : kEventTimeMax;
  return EventTime(duration_cast<Nanoseconds>(since));
}

std::string subject_part(const mbedtls_x509_crt& certificate, ByteSpan oid) {
  for (const auto* n = &certificate.subject; n != nullptr; n = n->next) {
    const ByteSpan found(n->oid.p, n->oid.len);
    if (std::equal(found.begin(), found.end(), oid.begin(), oid.end())) {
      return std::string(as_text({n->val.p, n->val.len}));
    }
  }
  return {};
}

bool has_usage(const mbedtls_x509_crt& certificate, const char* oid, std::size_t size) {
  // A certificate without the extension passes the library's check; ours must have it.
  return (certificate.ext_types & MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) != 0 &&
         mbedtls_x509_crt_check_extended_key_usage(&certificate, oid, size) == 0;
}

}  // namespace

Result<> CertificateChain::add(ByteSpan der) {
  if (const int e = mbedtls_x509_crt_parse_der(&first, der.data(), der.size()); e != 0) {
    return tls_error(Fault::bad_input, "certificate", e);
  }
  return {};
}

int system_random(void*, unsigned char* out, std::size_t size) {
  fill_random({out, size});
  return 0;
}

Error tls_error(Fault fault, std::string_view what, int code) {
  std::array<char, 160> words{};
  mbedtls_strerror(code, words.data(), words.size());
  return Error{fault, std::string(what) + ": " + words.data()};
}

CertificateFacts facts_of(const mbedtls_x509_crt& c) {
  CertificateFacts f;
  f.name = subject_part(c, as_bytes(MBEDTLS_OID_AT_CN));
  f.site = subject_part(c, as_bytes(MBEDTLS_OID_AT_ORGANIZATION));
  f.serial = to_hex({c.serial.p, c.serial.len});
  f.spki = sha256({c.pk_raw.p, c.pk_raw.len});
  f.not_before = time_of(c.valid_from);
  f.not_after = time_of(c.valid_to);
  f.authority = c.ca_istrue != 0;
  f.server = has_usage(c, MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
  f.client = has_usage(c, MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH));
  return f;
}

std::string verify_problem(std::uint32_t flags) {
  struct Row {
    std::uint32_t flag;
    const char* words;
  };
  static constexpr Row kRows[] = {
      {MBEDTLS_X509_BADCERT_MISSING, "no certificate was shown"},
      {MBEDTLS_X509_BADCERT_REVOKED, "the certificate is revoked"},
      {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "the certificate is of another CA"},
      {MBEDTLS_X509_BADCERT_EXPIRED, "the certificate has expired (or the clock is ahead)"},
      {MBEDTLS_X509_BADCERT_FUTURE, "the certificate is not valid yet (or the clock is behind)"},
      {MBEDTLS_X509_BADCERT_CN_MISMATCH, "the certificate is not one of a gateway (name)"},
      {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "the certificate is for another use"},
      {MBEDTLS_X509_BADCERT_KEY_USAGE, "the certificate is for another use"},
  };
  for (const auto& row : kRows) {
    if ((flags & row.flag) != 0) return row.words;
  }
  return "the certificate fails its check (flags " + std::to_string(flags) + ")";
}

}  // namespace tidemark::tls
