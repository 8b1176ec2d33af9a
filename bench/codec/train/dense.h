// Makes the tables of the dense tier.
#pragma once

#include <string>

namespace tidemark::bench {

// The text of common/codec/dense_prior.inc: what a model believes that has seen
// training_residuals(). The same on every machine.
std::string dense_prior();

}  // namespace tidemark::bench
