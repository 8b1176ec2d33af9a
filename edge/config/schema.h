// The describe() functions of the parts of edge.toml, and what they share. Private to the folder.
#pragma once

#include "edge/config/edge_config.h"

namespace tidemark::config {

void describe(Section& s, RingConfig& c);
void describe(Section& s, UplinkConfig& c);
void describe(Section& s, JournalConfig& c);
void describe(Section& s, MqttConfig& c);
void describe(Section& s, MqttSeriesConfig& c);
void describe(Section& s, ModbusConfig& c);
void describe(Section& s, PollConfig& c);
void describe(Section& s, RuleConfig& c);
void describe(Section& s, WindowConfig& c);
void describe(Section& s, ContextConfig& c);
void describe(Section& s, PublishConfig& c);
void describe(Section& s, HistoryConfig& c);
void describe(Section& s, RecorderConfig& c);
void check_loops(Section& s, const EdgeConfig& c);

// Names are levels of series names: letters, digits and ._- only, at most 64.
void check_name(Section& s, std::string_view key, const std::string& name);

}  // namespace tidemark::config
