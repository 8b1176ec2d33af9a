// Session tickets (RFC 5077) that outlive the server that gave them: a restart, or another gateway
// of the same CA, does not cost every client a whole handshake (12 ms of CPU of both sides, with a
// ticket 0.1).
//
// Keys       one for each day (UTC). The file holds the secret of the oldest day whose tickets are
//            taken; each day's makes the next one by HMAC-SHA-256, and the file moves on with the
//            first handshake of a day. Servers that have copies of it go on alike and take each
//            other's tickets.
// Secret     who has it can pose as any client, as with the CA's key, and can read what was sent
//            under tickets from its day on, for ever: it belongs into no backup. To end that,
//            remove the file everywhere; clients then make whole handshakes once.
// Ticket     day (8 bytes, little-endian), nonce (12), the library's session in AES-256-GCM, tag
//            (16). It is taken for seven days behind its own, by servers that trust the same CAs.
//            A client whose certificate is not good gets none.
// Clock      the day never goes back. One that was far ahead leaves it there: remove the file.
// Faults     a ticket that is not taken means a whole handshake, no more. A file that is damaged or
//            that others may read is made anew; one that cannot be read just now is left alone, one
//            that cannot be written is logged.
// Threads    one, as a context.
#pragma once

#include <cstdint>
#include <filesystem>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/key.h"

struct mbedtls_ssl_session;

namespace tidemark::tls {

class Tickets {
 public:
  // `servers` says by whom they are taken. An empty path: by this process alone.
  Tickets(std::filesystem::path file, const Digest& servers, const Clock& clock);
  // A file whose copies several servers may have; one that is there stays.
  static Result<> prepare(const std::filesystem::path& file, const Clock& clock);

  // As mbedtls_ssl_conf_session_tickets_cb() wants them; `self` is a Tickets.
  static int write(void* self, const mbedtls_ssl_session* session, unsigned char* start,
                   const unsigned char* end, std::size_t* size, std::uint32_t* seconds);
  static int parse(void* self, mbedtls_ssl_session* session, unsigned char* bytes,
                   std::size_t size);

 private:
  struct Kept {
    std::int64_t day = 0;  // since 1970
    Digest secret{};
  };
  Result<> load();
  void save();
  // Today. What is kept is then of seven days before.
  std::int64_t follow_clock();
  [[nodiscard]] Digest key_of(std::int64_t day) const;

  std::filesystem::path file_;
  const Digest servers_;
  const Clock& clock_;
  Kept kept_;
  Result<> saved_;
};

}  // namespace tidemark::tls
