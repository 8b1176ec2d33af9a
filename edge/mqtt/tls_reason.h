// Why a TLS connection of libmosquitto failed, in words that say what to do next.
//
// libmosquitto says "A TLS error occurred." and writes OpenSSL's own words into its log. Which
// certificate was not believed, and why, is known to OpenSSL alone, for as long as that line is
// being written: it is asked there. Its two functions are looked up in the process, where
// libmosquitto has brought them; where they are not, the log's words have to do.
#pragma once

#include <string>
#include <string_view>

struct mosquitto;

namespace tidemark::mqtt {

// For a line of libmosquitto's log at level error, inside its log callback. Empty: it is not about
// TLS. The texts of OpenSSL may be others in another version; then they are shown as they are.
std::string tls_reason(mosquitto* client, std::string_view line);

}  // namespace tidemark::mqtt
