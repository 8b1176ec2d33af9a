// The oracle of order_property_test: one Python process for as long as this object lives.
#pragma once

#include <cstdio>
#include <string>

namespace tidemark::test {

class OrderOracle {
 public:
  explicit OrderOracle(const std::string& script);
  ~OrderOracle();
  OrderOracle(const OrderOracle&) = delete;
  OrderOracle& operator=(const OrderOracle&) = delete;
  // One case as JSON without line breaks; "ok N" or "no WHY". Empty when the process is gone.
  std::string ask(const std::string& line);

 private:
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  int process_ = -1;
};

}  // namespace tidemark::test
