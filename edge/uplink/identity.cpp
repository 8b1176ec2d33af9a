#include "edge/uplink/identity.h"

#include "common/base/disk.h"
#include "common/base/text.h"

namespace tidemark::uplink {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kBytesMax = 64 * 1024;

}  // namespace

bool is_enrolled(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "identity.pem", ignored);
}

Result<Identity> load_identity(const fs::path& folder) {
  const auto path = folder / "identity.pem";
  if (!is_enrolled(folder)) {
    return Error{Fault::unavailable,
                 "not enrolled: make a token with 'tidemark gateway token create' on the gateway "
                 "and run 'tidemark enroll TOKEN' here"};
  }
  TIDE_ASSIGN(auto key, tls::PrivateKey::load(path));
  TIDE_ASSIGN(const auto pem, read_file(path, kBytesMax));
  TIDE_ASSIGN(auto own, tls::certificates_from_pem(pem));
  TIDE_ASSIGN(auto facts, tls::inspect(own.front()));
  if (facts.spki != key.spki_hash()) {
    return Error{Fault::corrupt, path.string() + ": key and certificate do not match; enrol anew"};
  }
  TIDE_ASSIGN(const auto ca, read_file(folder / "ca.pem", kBytesMax));
  TIDE_ASSIGN(auto trusted, tls::certificates_from_pem(ca));
  TIDE_ASSIGN(const auto gateway, read_file(folder / "gateway", kBytesMax));
  auto serial = facts.serial;
  return Identity{{std::move(key), std::move(own)}, std::move(facts), std::move(trusted),
                  std::string(trim(gateway)), std::move(serial)};
}

Result<> save_identity(const fs::path& folder, const tls::PrivateKey& key, ByteSpan certificate,
                       ByteSpan authority, const std::string& gateway) {
  TIDE_TRY(make_folder(folder));
  TIDE_TRY(write_file(folder / "ca.pem", tls::certificate_pem(authority)));
  TIDE_TRY(write_file(folder / "gateway", gateway + "\n"));
  return replace_certificate(folder, key, certificate);  // last: it makes an enrolled edge
}

Result<> replace_certificate(const fs::path& folder, const tls::PrivateKey& key,
                             ByteSpan certificate) {
  TIDE_ASSIGN(const auto pem, key.pem());
  return write_file(folder / "identity.pem", tls::certificate_pem(certificate) + pem, 0600);
}

}  // namespace tidemark::uplink
