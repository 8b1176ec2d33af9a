// One stranger's way to a certificate, as frames in and out: hello, challenge, request, grant. No
// I/O but the registry's.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/wire/enroll.h"
#include "common/wire/frame.h"
#include "gateway/identity/authority.h"
#include "gateway/identity/registry.h"

namespace tidemark::gateway {

class Enrolment {
 public:
  Enrolment(Registry& registry, const Authority& authority)
      : registry_(registry), authority_(authority) {}

  // The frame to answer with. A fault ends the conversation: its text is for the one at the edge.
  // That a token is unknown, used up or expired is told only to who has its secret.
  Result<wire::Frame> on_frame(const wire::Frame& frame);
  [[nodiscard]] bool granted() const { return granted_; }
  [[nodiscard]] const std::string& edge() const { return hello_.edge; }

 private:
  Result<wire::Frame> challenge(ByteSpan payload);
  Result<wire::Frame> grant(ByteSpan payload);

  Registry& registry_;
  const Authority& authority_;
  wire::EnrollHello hello_;
  std::optional<wire::Nonce> nonce_;
  bool granted_ = false;
};

}  // namespace tidemark::gateway
