// The TCP connection that a channel runs on: straight to the gateway, or through an HTTP proxy.
// A function of its caller's thread; nothing is kept.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/uplink/uplink.h"

namespace tidemark::uplink {

// A connected, non-blocking socket on which the gateway at "host:port" hears what is written; the
// caller owns it. With a proxy, the proxy was asked for the way (CONNECT, RFC 9110 section 9.3.6)
// and resolves the gateway's name itself. Both within `until`, or until `interrupt` is readable
// (-1: nothing interrupts).
// Fault::bad_input: an address that is none; denied: the proxy wants a login, another one, or does
// not let us go there; unavailable: nobody answers, or the proxy cannot reach the gateway.
Result<int> dial(const std::string& gateway, const Proxy& proxy, SteadyTime until, int interrupt);

// Waits for the socket; false: the time is over or it was interrupted.
bool wait_for(int descriptor, short events, SteadyTime until, int interrupt);
int milliseconds_until(SteadyTime until);  // for poll()

}  // namespace tidemark::uplink
