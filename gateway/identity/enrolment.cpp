#include "gateway/identity/enrolment.h"

#include "common/base/log.h"
#include "common/base/random.h"

namespace tidemark::gateway {

Result<wire::Frame> Enrolment::on_frame(const wire::Frame& frame) {
  if (frame.type == wire::FrameType::enroll_hello && !nonce_) return challenge(frame.payload);
  if (frame.type == wire::FrameType::enroll_request && nonce_ && !granted_) {
    return grant(frame.payload);
  }
  return Error{Fault::bad_input, "only enrolment is possible without a certificate: 'tidemark "
                                 "enroll TOKEN'"};
}

Result<wire::Frame> Enrolment::challenge(ByteSpan payload) {
  TIDE_ASSIGN(hello_, wire::decode_enroll_hello(payload));
  nonce_.emplace();
  fill_random(*nonce_);
  return wire::Frame{wire::FrameType::enroll_challenge,
                     wire::encode(wire::EnrollChallenge{*nonce_})};
}

Result<wire::Frame> Enrolment::grant(ByteSpan payload) {
  TIDE_ASSIGN(const auto request, wire::decode_enroll_request(payload));
  TIDE_ASSIGN(const auto key, registry_.token_key_of(hello_.token_id));
  if (!key ||
      !tls::equal_secret(tls::enrolment_proof(*key, *nonce_, request.csr), request.proof)) {
    return Error{Fault::denied, "token: not of this gateway, or mistyped"};
  }
  TIDE_ASSIGN(const auto would, registry_.check_token(hello_.token_id, hello_.edge));
  TIDE_ASSIGN(auto der, authority_.issue_edge(request.csr, would.edge, would.site));
  TIDE_ASSIGN(const auto facts, tls::inspect(der));
  TIDE_ASSIGN(const auto granted, registry_.use_token(hello_.token_id, would.edge, facts));
  granted_ = true;
  hello_.edge = granted.edge;
  log::info("edge enrolled", "edge={} site={} token={} serial={}", granted.edge, granted.site,
            hello_.token_id, facts.serial);
  return wire::Frame{wire::FrameType::enroll_grant,
                     wire::encode(wire::EnrollGrant{granted.edge, granted.site, std::move(der)})};
}

}  // namespace tidemark::gateway
