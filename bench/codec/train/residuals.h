// What predictors leave over, made up: the noise of sensors at all scales. Tables that ship are
// counted over these, so that anyone can make them again and no recording is in them.
#pragma once

#include <cstdint>
#include <vector>

namespace tidemark::bench {

// 3,000 streams of 60 to 6,000 residuals. The same on every machine: +, -, *, / and sqrt only.
std::vector<std::vector<std::int64_t>> training_residuals();

}  // namespace tidemark::bench
