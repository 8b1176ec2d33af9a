// One Modbus TCP slave on a thread of its own, serving the register image of a real device and
// telling the log of every request, answered or not, before the answer leaves.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "bench/plant/plant_log.h"
#include "bench/plant/scenario.h"
#include "common/base/result.h"

namespace tidemark::plant {

class Slave {
 public:
  // Listens on loopback when it returns. Fault::bad_input for an unknown model.
  static Result<std::unique_ptr<Slave>> start(const SlaveOptions& options, std::uint64_t seed,
                                              PlantLog& log);
  ~Slave();
  [[nodiscard]] int port() const;
  [[nodiscard]] const std::string& name() const;

 private:
  struct State;
  explicit Slave(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  std::thread thread_;
};

// Whether a slave answers in this second of the wall clock.
bool answers_at(const SlaveOptions& options, std::int64_t unix_s);

}  // namespace tidemark::plant
