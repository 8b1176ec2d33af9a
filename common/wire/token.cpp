#include "common/wire/token.h"

#include <array>

#include "common/base/text.h"

namespace tidemark::wire {
namespace {

constexpr std::string_view kPrefix = "tm1-";
constexpr std::size_t kIdDigits = 8;
constexpr std::size_t kTextMax = 512;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool from_hex(std::string_view text, std::size_t bytes, ByteVector& out) {
  if (text.size() != bytes * 2) return false;
  for (std::size_t i = 0; i < bytes; ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return true;
}

}  // namespace

std::string Token::text() const {
  return std::string(kPrefix) + gateway + "-" + id + "-" + to_hex(secret) + "-" + to_hex(pin);
}

Result<Token> Token::parse(std::string_view text) {
  const Error bad{Fault::bad_input,
                  "token: expected the whole line that 'tidemark gateway token create' printed "
                  "(tm1-HOST:PORT-…)"};
  text = trim(text);
  if (!text.starts_with(kPrefix) || text.size() > kTextMax) return bad;
  text.remove_prefix(kPrefix.size());
  std::array<std::string_view, 3> fields;  // id, secret, pin, found from the end
  for (auto i = fields.size(); i-- > 0;) {
    const auto dash = text.rfind('-');
    if (dash == std::string_view::npos) return bad;
    fields[i] = text.substr(dash + 1);
    text = text.substr(0, dash);
  }
  Token t;
  t.gateway = text;
  t.id = fields[0];
  ByteVector id;
  const bool fits = from_hex(fields[0], kIdDigits / 2, id) &&
                    from_hex(fields[1], kTokenSecretBytes, t.secret) &&
                    from_hex(fields[2], kTokenPinBytes, t.pin);
  if (!fits || t.gateway.rfind(':') == std::string::npos) return bad;
  return t;
}

}  // namespace tidemark::wire
