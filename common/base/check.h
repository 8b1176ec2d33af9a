// TIDE_CHECK(condition, why): a promise of our own code, checked in release too. A daemon that
// stops and restarts from durable state beats one that goes on with wrong numbers. Never for input.
#pragma once

#include <string_view>

namespace tidemark {
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view why);
}

#define TIDE_CHECK(condition, why)                                                       \
  do {                                                                                   \
    if (!(condition)) ::tidemark::check_failed(__FILE__, __LINE__, #condition, why);     \
  } while (false)
