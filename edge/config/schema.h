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
// Warns of rules behind one that takes all their series.
void check_reach(Section& s, const std::vector<RuleConfig>& rules);
// Warns of named files and ports that are not there; complains of secrets that others may read.
void check_presence(Section& s, const EdgeConfig& c);
// Of a source that hears Sparkplug; its keys are at `at` of the section: "" or "source.mqtt[1].".
void check_sparkplug(Section& s, const std::string& at, const MqttConfig& c);

// Complains at `key` of "topic[N]" where a filter's topics have no such level.
void check_level(Section& s, const std::string& key, const std::string& expression,
                 const std::vector<std::string>& filters);

// Warns of topics of presence that a source of the plug-in does not hear as wills.
void check_wills(Section& s, const std::string& at, const MqttConfig& c,
                 const std::vector<profile::MqttPresence>& presence);

// Complains of more labels, and longer ones, than a series can have, whose own win over the edge's;
// warns of more than fit together.
using Labels = std::map<std::string, std::string>;
void check_labels(Section& s, std::string_view key, const Labels& own, const Labels& of_the_edge);

// Names are levels of series names: letters, digits and ._- only, at most 64.
void check_name(Section& s, std::string_view key, const std::string& name);

}  // namespace tidemark::config
