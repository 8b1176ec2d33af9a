// The one string that a person carries from gateway to edge:
//   tm1-<gateway host:port>-<token id>-<secret>-<first 128 bits of SHA-256 of the CA's public key>
// id, secret and pin are lower-case hex, so the address may contain '-'.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::wire {

inline constexpr std::size_t kTokenSecretBytes = 16;
inline constexpr std::size_t kTokenPinBytes = 16;

struct Token {
  std::string gateway;  // host:port
  std::string id;       // 8 hex digits
  ByteVector secret;
  ByteVector pin;
  friend bool operator==(const Token&, const Token&) = default;

  [[nodiscard]] std::string text() const;
  static Result<Token> parse(std::string_view text);
};

}  // namespace tidemark::wire
