// What `tidemark edge status` shows of the agent's status object (contract.md).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "common/cli/command.h"

namespace tidemark::edge {

// A source, the uplink or the ring is not as it should be, or the time is unknown.
bool degraded(const nlohmann::ordered_json& status);
std::string status_text(const nlohmann::ordered_json& status);

// "room for 244 MiB more: at least 4.5 h if nothing is sent, at the rate of the last 10 min".
std::string room_text(const nlohmann::ordered_json& ring);

// A field of an answer; empty or 0 where there is none of that kind.
std::string text_of(const nlohmann::ordered_json& object, const char* key);
double number_of(const nlohmann::ordered_json& object, const char* key);
std::uint64_t count_of(const nlohmann::ordered_json& object, const char* key);

// What there is to say of a window's result beside its figures: "revision 2, cut".
std::string remarks_of(const nlohmann::ordered_json& window);
cli::Command::Glossary remark_words();  // what these mean

// "41 d 3 h", "7 min".
std::string short_time(double seconds);
// Why messages or answers of a source could not be used, and how many; empty where all could.
[[nodiscard]] std::string rejected_of(const nlohmann::ordered_json& source);
// How many events did not go to the cloud, and why; empty where all did.
[[nodiscard]] std::string skipped_events(const nlohmann::ordered_json& status);

}  // namespace tidemark::edge
