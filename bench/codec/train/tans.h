// Makes the tables of the standard tier.
#pragma once

#include <string>

namespace tidemark::bench {

// The text of common/codec/tans_tables.inc: how often each symbol came when training_residuals()
// were written, by tables that were made so before. The same on every machine.
std::string tans_tables();

}  // namespace tidemark::bench
