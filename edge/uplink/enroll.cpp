#include "edge/uplink/enroll.h"

#include "common/tls/connection.h"
#include "common/wire/enroll.h"
#include "common/wire/token.h"
#include "edge/uplink/channel.h"
#include "edge/uplink/identity.h"

namespace tidemark::uplink {
namespace {

using wire::FrameType;

// The frame that is expected, or what the gateway said instead.
Result<wire::Frame> expect(Channel& channel, FrameType type, Nanoseconds patience) {
  TIDE_ASSIGN(auto frame, channel.await(patience, -1));
  if (frame.type == type) return frame;
  if (frame.type == FrameType::refuse) {
    TIDE_ASSIGN(const auto refuse, wire::decode_refuse(frame.payload));
    return Error{Fault::denied, "the gateway refuses: " + refuse.text};
  }
  return Error{Fault::bad_input, "the gateway answers with something else (type " +
                                     std::to_string(static_cast<int>(frame.type)) + ")"};
}

void say(Channel& channel, FrameType type, ByteSpan payload) {
  wire::append_frame(channel.output(), type, payload);
}

}  // namespace

Result<Enrolled> enroll(const EnrollOptions& options, const Clock& clock) {
  TIDE_ASSIGN(const auto token, wire::Token::parse(options.token));
  if (is_enrolled(options.identity_folder) && !options.replace) {
    return Error{Fault::denied, options.identity_folder.string() +
                                    ": this edge is enrolled already; --replace gives it a new "
                                    "identity"};
  }
  const auto gateway = options.gateway.empty() ? token.gateway : options.gateway;
  TIDE_ASSIGN(const auto key, tls::PrivateKey::generate());
  TIDE_ASSIGN(auto csr, key.request(options.edge.empty() ? "edge" : options.edge));

  tls::ClientOptions pinned;
  pinned.pin = token.pin;
  TIDE_ASSIGN(const auto context, tls::ClientContext::make(std::move(pinned), clock));
  TIDE_ASSIGN(const auto channel,
              Channel::dial(gateway, options.proxy, *context, options.patience, -1));
  say(*channel, FrameType::enroll_hello, wire::encode(wire::EnrollHello{token.id, options.edge}));
  TIDE_ASSIGN(const auto asked, expect(*channel, FrameType::enroll_challenge, options.patience));
  TIDE_ASSIGN(const auto challenge, wire::decode_enroll_challenge(asked.payload));
  wire::EnrollRequest request;
  request.proof = tls::enrolment_proof(tls::enrolment_key(token.secret), challenge.nonce, csr);
  request.csr = std::move(csr);
  say(*channel, FrameType::enroll_request, wire::encode(request));
  TIDE_ASSIGN(const auto granted, expect(*channel, FrameType::enroll_grant, options.patience));
  TIDE_ASSIGN(const auto grant, wire::decode_enroll_grant(granted.payload));

  TIDE_ASSIGN(const auto facts, tls::inspect(grant.certificate));
  if (facts.spki != key.spki_hash() || facts.name != grant.edge) {
    return Error{Fault::bad_input, "the gateway sent a certificate for another key or name"};
  }
  const ByteVector* authority = nullptr;  // the one that the token pins; the handshake checked it
  for (const auto& der : channel->peer().chain) {
    TIDE_ASSIGN(const auto shown, tls::inspect(der));
    if (std::equal(token.pin.begin(), token.pin.end(), shown.spki.begin())) authority = &der;
  }
  TIDE_CHECK(authority != nullptr, "the handshake passed without the pinned CA");
  TIDE_TRY(save_identity(options.identity_folder, key, grant.certificate, *authority, gateway));
  return Enrolled{grant.edge, grant.site, gateway, to_hex(ByteSpan(token.pin).first(8)),
                  facts.not_after};
}

}  // namespace tidemark::uplink
