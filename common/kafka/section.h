// The settings of Kafka as a table of a configuration, of gateways and cloud nodes alike.
#pragma once

#include "common/config/section.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

void describe(config::Section& s, Settings& c);

}  // namespace tidemark::kafka
