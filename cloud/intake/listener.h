// The intake's socket: a ZeroMQ ROUTER that gateways connect to.
//
// Messages   both ways: edge's name, session (u64, little-endian), one frame with its header. An
//            empty name is the gateway itself: its ping is answered with the same eight bytes and
//            the instance of this node, so that it learns of a restart and lets its edges say hello
//            again.
// Batches    kBatchFramesMax frames, or kBatchWait after the last commit, whichever is sooner.
//            Under load one sync serves many frames; one that comes alone waits kCompany only, for
//            what was said with it.
// When full  a gateway that does not take its answers loses them; edges ask again by offering
//            again.
// Threads    run() is the intake's only thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cloud/intake/intake.h"
#include "common/base/random.h"
#include "common/base/stop_signal.h"

namespace tidemark::intake {

inline constexpr std::size_t kBatchFramesMax = 4096;
inline constexpr std::size_t kBatchBytesMax = 32 << 20;
inline constexpr std::chrono::milliseconds kBatchWait{50};
inline constexpr std::chrono::milliseconds kCompany{5};

class Listener {
 public:
  // Binds. bad_input for an address that leaves this machine: nothing protects that way yet.
  static Result<std::unique_ptr<Listener>> open(const std::string& address, const Clock& clock,
                                                Random& random);
  ~Listener();
  [[nodiscard]] std::string address() const;  // with the port that a wildcard got
  // Until stop is asked: takes, commits, answers; then commits what it has. `committed` is called
  // after each commit, and about once a second without one.
  Result<> run(Intake& intake, const StopSignal& stop, const std::function<void()>& committed);

 private:
  struct State;
  explicit Listener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::intake
