// Topics: does a filter match, what did its wildcards match, and which names follow from a topic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tidemark::mqtt {

// MQTT 4.7: '+' is one level, '#' at the end any number, neither matches a first level that begins
// with '$'. "$share/GROUP/FILTER" matches as FILTER. On a match `wild` holds the levels that the
// wildcards matched.
bool topic_matches(std::string_view filter, std::string_view topic,
                   std::vector<std::string_view>& wild);
// A filter that a broker takes: wildcards alone in their level, '#' last, not empty, 65,535 bytes.
// Shared: a group that is neither empty nor has wildcards, and such a filter behind it.
Result<> check_filter(std::string_view filter);

// "$share/GROUP/FILTER": the broker deals the messages out among the clients of the group.
bool is_shared(std::string_view filter);
// FILTER of a shared one, any other as it is.
std::string_view bare_filter(std::string_view filter);

// The N of "topic[N]": levels count from 0, negative from the end (-1 is the last). Nothing for a
// constant.
Result<std::optional<int>> level_of(std::string_view expression);
// How many levels every topic of a filter has; nothing for one with '#'.
std::optional<int> levels_of(std::string_view filter);
// "topic[1]" or a constant. Fault::bad_input when the topic has no such level.
Result<std::string> name_from_topic(std::string_view expression, std::string_view topic);
Result<> check_name_expression(std::string_view expression);

// "$.params.{topic[2]}" with that level of the topic (the empty topic: with '_'), canonical.
// Fault::bad_input: it is no path, or the topic has no such level.
Result<std::string> path_from_topic(std::string_view path, std::string_view topic);

}  // namespace tidemark::mqtt
