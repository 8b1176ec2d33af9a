#include "common/tls/tickets.h"

#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/base/bytes.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/random.h"

namespace tidemark::tls {
namespace {

namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kDayBytes = 8;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kHeadBytes = kDayBytes + kNonceBytes;
constexpr std::size_t kTagBytes = 16;
constexpr std::int64_t kDays = 7;          // RFC 8446 allows no more, for tickets of TLS 1.3
constexpr std::int64_t kDayMax = 106'751;  // the last that EventTime knows, in 2262
constexpr std::uint32_t kDaySeconds = 24 * 3600;

std::int64_t day_of(const Clock& clock) {
  return std::chrono::floor<std::chrono::days>(clock.wall().time_since_epoch()).count();
}

std::int64_t day_in(const unsigned char* bytes) {
  std::int64_t day = 0;
  std::memcpy(&day, bytes, kDayBytes);
  return day;
}

Digest next(const Digest& secret) { return hmac_sha256(secret, as_bytes("tidemark, a day on")); }

class Cipher {
 public:
  explicit Cipher(Digest key) {
    mbedtls_gcm_init(&gcm_);
    problem_ = mbedtls_gcm_setkey(&gcm_, MBEDTLS_CIPHER_ID_AES, key.data(), 8 * key.size());
    mbedtls_platform_zeroize(key.data(), key.size());
  }
  ~Cipher() { mbedtls_gcm_free(&gcm_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  // In place, behind the head, which has day and nonce; the tag goes behind the `size` bytes.
  int seal(unsigned char* head, std::size_t size) {
    if (problem_ != 0) return problem_;
    auto* body = head + kHeadBytes;
    return mbedtls_gcm_crypt_and_tag(&gcm_, MBEDTLS_GCM_ENCRYPT, size, head + kDayBytes,
                                     kNonceBytes, head, kDayBytes, body, body, kTagBytes,
                                     body + size);
  }
  int open(unsigned char* head, std::size_t size) {
    if (problem_ != 0) return problem_;
    auto* body = head + kHeadBytes;
    return mbedtls_gcm_auth_decrypt(&gcm_, size, head + kDayBytes, kNonceBytes, head, kDayBytes,
                                    body + size, kTagBytes, body, body);
  }

 private:
  mbedtls_gcm_context gcm_;
  int problem_;
};

}  // namespace

Tickets::Tickets(fs::path file, const Digest& servers, const Clock& clock)
    : file_(std::move(file)), servers_(servers), clock_(clock) {
  kept_.day = std::max<std::int64_t>(day_of(clock_) - kDays, 0);
  fill_random(kept_.secret);
  if (file_.empty()) return;
  std::error_code none;
  const bool there = fs::exists(file_, none);
  const auto loaded = there ? load() : Result<>{};
  if (!loaded) {
    log::warning("tickets of TLS sessions begin anew", "error={}", loaded.error().text());
  }
  if (!loaded && loaded.error().fault() == Fault::unavailable) {
    file_.clear();  // the next start may read it
  } else if (!there || !loaded) {
    save();
  }
  follow_clock();
}

Result<> Tickets::prepare(const fs::path& file, const Clock& clock) {
  return Tickets(file, {}, clock).saved_;
}

Result<> Tickets::load() {
  struct stat st {};
  if (::stat(file_.c_str(), &st) != 0) return system_error(file_.string(), errno);
  if ((st.st_mode & 077) != 0) return Error{Fault::denied, file_.string() + ": others may read it"};
  TIDE_ASSIGN(auto text, read_file(file_, 1024));
  ByteReader in(as_bytes(text));
  Kept kept;
  kept.day = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  const auto secret = in.raw(kept.secret.size());
  const bool whole = in.done() && kept.day >= 0 && kept.day <= kDayMax;
  if (whole) std::ranges::copy(secret, kept.secret.begin());
  mbedtls_platform_zeroize(text.data(), text.size());
  if (!whole) return Error{Fault::corrupt, file_.string() + ": no day and its secret"};
  kept_ = kept;
  return {};
}

void Tickets::save() {
  if (file_.empty()) return;
  ByteVector bytes;
  ByteWriter out(bytes);
  out.fixed(static_cast<std::uint64_t>(kept_.day));
  out.raw(kept_.secret);
  saved_ = write_file(file_, as_text(bytes), 0600);
  mbedtls_platform_zeroize(bytes.data(), bytes.size());
  if (!saved_) {
    log::warning("the secret of TLS tickets is not written", "error={}", saved_.error().text());
  }
}

std::int64_t Tickets::follow_clock() {
  const auto oldest = day_of(clock_) - kDays;
  if (kept_.day < oldest) {
    for (; kept_.day < oldest; ++kept_.day) kept_.secret = next(kept_.secret);
    save();
  }
  return kept_.day + kDays;
}

Digest Tickets::key_of(std::int64_t day) const {
  auto secret = kept_.secret;
  for (auto d = kept_.day; d < day; ++d) secret = next(secret);
  const auto key = hmac_sha256(secret, servers_);
  mbedtls_platform_zeroize(secret.data(), secret.size());
  return key;
}

int Tickets::write(void* self, const mbedtls_ssl_session* session, unsigned char* start,
                   const unsigned char* end, std::size_t* size, std::uint32_t* seconds) {
  auto& s = *static_cast<Tickets*>(self);
  *size = 0;
  *seconds = 0;
  // A verdict that is bad today may be good tomorrow, a ticket would keep it.
  if (session->verify_result != 0) return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
  const auto room = static_cast<std::size_t>(end - start);
  if (room < kHeadBytes + kTagBytes) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  const auto day = s.follow_clock();
  std::memcpy(start, &day, kDayBytes);
  fill_random({start + kDayBytes, kNonceBytes});
  std::size_t length = 0;
  int e = mbedtls_ssl_session_save(session, start + kHeadBytes, room - kHeadBytes - kTagBytes,
                                   &length);
  if (e == 0) e = Cipher(s.key_of(day)).seal(start, length);
  if (e != 0) return e;
  *size = kHeadBytes + length + kTagBytes;
  *seconds = kDays * kDaySeconds;
  return 0;
}

int Tickets::parse(void* self, mbedtls_ssl_session* session, unsigned char* bytes,
                   std::size_t size) {
  auto& s = *static_cast<Tickets*>(self);
  if (size < kHeadBytes + kTagBytes) return MBEDTLS_ERR_SSL_INVALID_MAC;
  const auto day = day_in(bytes);
  // The clock of another server may be a day on already.
  const auto today = s.follow_clock();
  if (day < today - kDays || day > today + 1) return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
  const auto length = size - kHeadBytes - kTagBytes;
  if (Cipher(s.key_of(day)).open(bytes, length) != 0) return MBEDTLS_ERR_SSL_INVALID_MAC;
  return mbedtls_ssl_session_load(session, bytes + kHeadBytes, length);
}

}  // namespace tidemark::tls
