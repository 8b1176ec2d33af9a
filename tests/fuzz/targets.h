// Every entry point that takes bytes from outside, by name. A new decoder: add its fuzz_one here
// and a few inputs under corpus/<name>/.
#pragma once

#include <span>

#include "common/base/bytes.h"

namespace tidemark::fuzz {

struct Target {
  const char* name;
  void (*fuzz_one)(ByteSpan input);  // aborts by TIDE_CHECK or a sanitiser; returns nothing
};
std::span<const Target> targets();

}  // namespace tidemark::fuzz
