#include "gateway/identity/authority.h"

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/tls/tickets.h"

namespace tidemark::gateway {
namespace {

namespace fs = std::filesystem;
constexpr Nanoseconds kAuthorityLife = std::chrono::hours(24 * 365 * 20);
constexpr Nanoseconds kClocksMayDiffer = std::chrono::minutes(10);
constexpr std::uint64_t kPemBytesMax = 64 * 1024;

fs::path key_path(const fs::path& data_dir) { return data_dir / "ca" / "key.pem"; }
fs::path tickets_path(const fs::path& data_dir) { return data_dir / "ca" / "tickets"; }
fs::path certificate_path(const fs::path& data_dir) { return data_dir / "ca" / "certificate.pem"; }

}  // namespace

bool Authority::exists(const fs::path& data_dir) {
  std::error_code ignored;
  return fs::exists(certificate_path(data_dir), ignored);
}

Result<> Authority::init(const fs::path& data_dir, const std::string& name, const Clock& clock) {
  if (exists(data_dir)) {
    return Error{Fault::denied, certificate_path(data_dir).string() +
                                    ": there is a CA already; a new one would lock every enrolled "
                                    "edge out"};
  }
  TIDE_TRY(make_folder(data_dir / "ca"));
  TIDE_ASSIGN(const auto key, tls::PrivateKey::generate());
  tls::CertificateOrder order;
  order.name = name;
  order.not_before = clock.wall() - kClocksMayDiffer;
  order.not_after = clock.wall() + kAuthorityLife;
  TIDE_ASSIGN(const auto der, tls::issue_authority(key, order));
  TIDE_TRY(key.save(key_path(data_dir)));
  TIDE_TRY(tls::Tickets::prepare(tickets_path(data_dir), clock));
  return write_file(certificate_path(data_dir), tls::certificate_pem(der));  // last: it makes a CA
}

Result<std::unique_ptr<Authority>> Authority::open(const fs::path& data_dir, const Clock& clock) {
  if (!exists(data_dir)) {
    return Error{Fault::unavailable, data_dir.string() +
                                         ": no CA here yet; make one with 'tidemark gateway ca "
                                         "init'"};
  }
  TIDE_ASSIGN(auto key, tls::PrivateKey::load(key_path(data_dir)));
  TIDE_ASSIGN(const auto pem, read_file(certificate_path(data_dir), kPemBytesMax));
  TIDE_ASSIGN(auto chain, tls::certificates_from_pem(pem));
  TIDE_ASSIGN(auto facts, tls::inspect(chain.front()));
  if (facts.spki != key.spki_hash() || !facts.authority) {
    return Error{Fault::corrupt, (data_dir / "ca").string() + ": key and certificate do not match"};
  }
  return std::unique_ptr<Authority>(
      new Authority(data_dir, clock, std::move(key), std::move(chain.front()), std::move(facts)));
}

fs::path Authority::tickets() const { return tickets_path(data_dir_); }

Result<ByteVector> Authority::issue_edge(ByteSpan csr, const std::string& edge,
                                         const std::string& site) const {
  tls::CertificateOrder order;
  order.name = edge;
  order.site = site;
  order.not_before = clock_.wall() - kClocksMayDiffer;
  order.not_after = clock_.wall() + kEdgeCertificateLife;
  return tls::issue(key_, certificate_, csr, order);
}

Result<tls::Credentials> Authority::load_server() const {
  const auto path = data_dir_ / "server.pem";
  TIDE_ASSIGN(auto key, tls::PrivateKey::load(path));
  TIDE_ASSIGN(const auto pem, read_file(path, kPemBytesMax));
  TIDE_ASSIGN(auto chain, tls::certificates_from_pem(pem));
  TIDE_ASSIGN(const auto facts, tls::inspect(chain.front()));
  const bool ours = chain.size() == 2 && chain.back() == certificate_;
  if (!ours || facts.spki != key.spki_hash() ||
      facts.not_after - clock_.wall() < kServerCertificateLife / 5 ||
      facts.not_before > clock_.wall()) {
    return Error{Fault::unavailable, "server.pem is to be renewed"};
  }
  return tls::Credentials{std::move(key), std::move(chain)};
}

Result<tls::Credentials> Authority::server_credentials(const std::string& gateway) const {
  if (auto loaded = load_server()) return loaded;
  TIDE_ASSIGN(auto key, tls::PrivateKey::generate());
  TIDE_ASSIGN(const auto csr, key.request(gateway));
  tls::CertificateOrder order;
  order.name = gateway;
  order.server = true;
  order.not_before = clock_.wall() - kClocksMayDiffer;
  order.not_after = clock_.wall() + kServerCertificateLife;
  TIDE_ASSIGN(auto der, tls::issue(key_, certificate_, csr, order));
  TIDE_ASSIGN(const auto pem, key.pem());
  const auto text = tls::certificate_pem(der) + tls::certificate_pem(certificate_) + pem;
  TIDE_TRY(write_file(data_dir_ / "server.pem", text, 0600));
  log::info("gateway certificate issued", "gateway={} until={}", gateway,
            format_utc(order.not_after));
  return tls::Credentials{std::move(key), {std::move(der), certificate_}};
}

}  // namespace tidemark::gateway
