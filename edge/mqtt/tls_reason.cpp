#include "edge/mqtt/tls_reason.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <mosquitto.h>

#include <array>

namespace tidemark::mqtt {
namespace {

// X.509's own, of <openssl/x509_vfy.h>; they are part of its interface and do not change.
constexpr long kNotYetValid = 9;
constexpr long kExpired = 10;

struct Hint {
  std::string_view word;  // in OpenSSL's line
  std::string_view reason;
};
// Alerts are the broker's words about us.
constexpr std::array<Hint, 8> kHints{{
    {"alert certificate required", "it wants a certificate of ours: set cert_file and key_file"},
    {"alert handshake failure", "it wants a certificate of ours, or has no cipher in common with "
                                "us: set cert_file and key_file"},
    {"alert unknown ca", "it does not know who signed our certificate: see cert_file"},
    {"alert certificate expired", "our certificate has expired: renew cert_file"},
    {"alert bad certificate", "it does not believe our certificate: see cert_file"},
    {"alert certificate revoked", "our certificate was revoked: renew cert_file"},
    {"unexpected eof", "it hung up as TLS began: does it speak TLS at this port, or is it mqtt:// "
                       "there?"},
    {"wrong version number", "it speaks no TLS at this port: is it mqtt:// there?"},
}};

template <typename F>
F function(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_DEFAULT, name));
}

// Why the broker's certificate is not believed.
std::string verdict(mosquitto* client) {
  static const auto result = function<long (*)(const void*)>("SSL_get_verify_result");
  static const auto text = function<const char* (*)(long)>("X509_verify_cert_error_string");
  const auto* const ssl = mosquitto_ssl_get(client);
  const long code = ssl == nullptr || result == nullptr ? 0 : result(ssl);
  if (code == 0 || text == nullptr) {
    return "its certificate is not believed: see ca_file, its names and its dates";
  }
  const char* next = code == kExpired || code == kNotYetValid
                         ? "renew it, or set this machine's clock"
                         : "is ca_file that of the authority that signed it?";
  return fmt::format("its certificate is not believed: {}: {}", text(code), next);
}

}  // namespace

std::string tls_reason(mosquitto* client, std::string_view line) {
  if (line.find("host name verification failed") != line.npos) {
    return "its certificate is of another name than the host in url";
  }
  if (line.find("certificate verify failed") != line.npos) return verdict(client);
  for (const auto& hint : kHints) {
    if (line.find(hint.word) != line.npos) return std::string(hint.reason);
  }
  constexpr std::string_view kOpenSsl = "OpenSSL Error";
  constexpr std::string_view kUnable = "Error: Unable to load ";
  constexpr std::string_view kKeys = "Error: Client certificate/key";
  if (line.starts_with(kUnable) || line.starts_with(kKeys)) {
    return std::string(line.substr(std::string_view("Error: ").size()));
  }
  if (!line.starts_with(kOpenSsl)) return {};
  // "OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number"
  const auto words = line.rfind(':');
  return fmt::format("TLS: {}", line.substr(words + 1));
}

}  // namespace tidemark::mqtt
