#include "common/wire/enroll.h"

#include <algorithm>

namespace tidemark::wire {
namespace {

constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kCertificateBytesMax = 4096;

Error damaged(const char* what) {
  return Error{Fault::bad_input, std::string(what) + ": damaged or longer than it may be"};
}

std::string name(ByteReader& in) {
  const auto text = in.text();
  if (text.size() > kNameBytesMax) in.fail();
  return std::string(in.ok() ? text : std::string_view{});
}

ByteVector der(ByteReader& in) {
  const auto bytes = in.blob();
  if (bytes.size() > kCertificateBytesMax) in.fail();
  return in.ok() ? ByteVector(bytes.begin(), bytes.end()) : ByteVector{};
}

template <std::size_t n>
void take(ByteReader& in, std::array<std::uint8_t, n>& to) {
  const auto bytes = in.raw(n);
  std::copy(bytes.begin(), bytes.end(), to.begin());
}

}  // namespace

ByteVector encode(const EnrollHello& m) {
  ByteVector out;
  ByteWriter w(out);
  w.text(m.token_id);
  w.text(m.edge);
  return out;
}
ByteVector encode(const EnrollChallenge& m) { return {m.nonce.begin(), m.nonce.end()}; }
ByteVector encode(const EnrollRequest& m) {
  ByteVector out;
  ByteWriter w(out);
  w.blob(m.csr);
  w.raw(m.proof);
  return out;
}
ByteVector encode(const EnrollGrant& m) {
  ByteVector out;
  ByteWriter w(out);
  w.text(m.edge);
  w.text(m.site);
  w.blob(m.certificate);
  return out;
}

Result<EnrollHello> decode_enroll_hello(ByteSpan payload) {
  ByteReader in(payload);
  EnrollHello m;
  m.token_id = name(in);
  m.edge = name(in);
  if (!in.done()) return damaged("enrolment hello");
  return m;
}
Result<EnrollChallenge> decode_enroll_challenge(ByteSpan payload) {
  ByteReader in(payload);
  EnrollChallenge m;
  take(in, m.nonce);
  if (!in.done()) return damaged("enrolment challenge");
  return m;
}
Result<EnrollRequest> decode_enroll_request(ByteSpan payload) {
  ByteReader in(payload);
  EnrollRequest m;
  m.csr = der(in);
  take(in, m.proof);
  if (!in.done()) return damaged("enrolment request");
  return m;
}
Result<EnrollGrant> decode_enroll_grant(ByteSpan payload) {
  ByteReader in(payload);
  EnrollGrant m;
  m.edge = name(in);
  m.site = name(in);
  m.certificate = der(in);
  if (!in.done()) return damaged("enrolment grant");
  return m;
}

}  // namespace tidemark::wire
