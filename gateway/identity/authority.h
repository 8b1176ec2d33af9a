// The CA of a site: its key lies only here (ca/key.pem, 0600), and signs edges and gateways.
// Several gateways have copies of the folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/connection.h"

namespace tidemark::gateway {

inline constexpr Nanoseconds kEdgeCertificateLife = std::chrono::hours(24 * 90);
inline constexpr Nanoseconds kServerCertificateLife = std::chrono::hours(24 * 365);

class Authority {
 public:
  // Makes key and certificate in data_dir/ca. Fault::denied when there is a CA already: a new one
  // would lock every enrolled edge out.
  static Result<> init(const std::filesystem::path& data_dir, const std::string& name,
                       const Clock& clock);
  // Fault::unavailable when there is none.
  static Result<std::unique_ptr<Authority>> open(const std::filesystem::path& data_dir,
                                                 const Clock& clock);
  static bool exists(const std::filesystem::path& data_dir);

  // DER, valid for kEdgeCertificateLife. Fault::bad_input for a request that proves nothing.
  [[nodiscard]] Result<ByteVector> issue_edge(ByteSpan csr, const std::string& edge,
                                              const std::string& site) const;
  // This gateway's own: from data_dir/server.pem, or new when missing, of another CA or near its
  // end (a fifth of its life left).
  [[nodiscard]] Result<tls::Credentials> server_credentials(const std::string& gateway) const;

  // Where the secret of TLS tickets is: beside the key, so that gateways of one CA share it.
  [[nodiscard]] std::filesystem::path tickets() const;

  [[nodiscard]] const ByteVector& certificate() const { return certificate_; }
  [[nodiscard]] const tls::CertificateFacts& facts() const { return facts_; }

 private:
  Authority(std::filesystem::path data_dir, const Clock& clock, tls::PrivateKey key,
            ByteVector certificate, tls::CertificateFacts facts)
      : data_dir_(std::move(data_dir)), clock_(clock), key_(std::move(key)),
        certificate_(std::move(certificate)), facts_(std::move(facts)) {}
  [[nodiscard]] Result<tls::Credentials> load_server() const;

  std::filesystem::path data_dir_;
  const Clock& clock_;
  tls::PrivateKey key_;
  ByteVector certificate_;
  tls::CertificateFacts facts_;
};

}  // namespace tidemark::gateway
