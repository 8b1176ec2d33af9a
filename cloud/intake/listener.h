// Where frames come from and where answers go: the intake's end of the way to the gateways.
//
// Batches    kBatchFramesMax frames, or kBatchWait after the last commit, whichever is sooner.
//            Under load one sync serves many frames; one that comes alone waits kCompany only, for
//            what was said with it. While frames never run out (a log that is read again, a node
//            that is behind) a batch of live data lasts kBusyBatchWait: nobody hears later of it
//            than of those that wait behind it, and panes that many blocks meet are written once.
//            kCatchUpBatchWait before all that was there at the start has been read: hardly anybody
//            waits for answers of that.
// Threads    run() is the intake's only thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cloud/intake/gateways.h"
#include "cloud/intake/intake.h"
#include "common/base/random.h"
#include "common/base/stop_signal.h"

namespace tidemark::intake {

inline constexpr std::size_t kBatchFramesMax = 4096;
inline constexpr std::size_t kBatchBytesMax = 32 << 20;
inline constexpr std::chrono::milliseconds kBatchWait{50};
inline constexpr std::chrono::milliseconds kBusyBatchWait{250};
inline constexpr std::chrono::milliseconds kCatchUpBatchWait{1000};
inline constexpr std::chrono::milliseconds kCompany{5};
// Of a gateway's, which pings each second: what is longer ends the sessions of its edges.
inline constexpr Nanoseconds kSilenceMax = std::chrono::seconds(10);

class Listener {
 public:
  virtual ~Listener() = default;
  [[nodiscard]] virtual std::string address() const = 0;
  // Until stop is asked: takes, commits, answers; then commits what it has. `committed` is called
  // after each commit, and about once a second without one.
  Result<> run(Intake& intake, const StopSignal& stop, const std::function<void()>& committed);

 protected:
  Listener(const Clock& clock, Nanoseconds silence_max) : clock_(clock), gateways_(silence_max) {}
  // One frame into the batch; its size, 0 when there was none.
  virtual std::size_t receive(Intake& intake) = 0;
  // Until a frame may be there, stop is asked, or so long.
  virtual void wait(std::chrono::milliseconds most, const StopSignal& stop) = 0;
  // Until the batch may be committed. A fault ends run() without it: what was taken is let go.
  virtual Result<> may_commit(const StopSignal& /*stop*/) { return {}; }
  // What was there at the start is still being read.
  [[nodiscard]] virtual bool catches_up() const { return false; }
  // What belongs to the batch beside its frames.
  virtual void seal_batch(Intake& /*intake*/) {}
  // The batch is on the medium.
  virtual void answer(Intake& intake, std::vector<Reply> replies) = 0;
  // To be called often while frames can come: ends sessions of gateways that are gone.
  void look_at_gateways(Intake& intake);

  const Clock& clock_;
  Gateways gateways_;

 private:
  Result<> commit(Intake& intake, const StopSignal& stop, bool last);
  SteadyTime gateways_looked_at_{};
};

// A ZeroMQ ROUTER that gateways connect to.
//
// Messages   both ways: edge's name, session (u64, little-endian), one frame with its header. An
//            empty name is the gateway itself: its ping is answered with the same eight bytes and
//            the instance of this node, so that it learns of a restart and lets its edges say hello
//            again. In place of a session a ping has a number that the gateway drew at its start
//            (0: none): with another one, or when nothing came for `silence_max`, the sessions of
//            its edges have ended.
// When full  a gateway that does not take its answers loses them; edges ask again by offering
//            again.
// Binds. bad_input for an address that leaves this machine: nothing protects that way yet.
Result<std::unique_ptr<Listener>> open_zmq_listener(const std::string& address, const Clock& clock,
                                                    Random& random,
                                                    Nanoseconds silence_max = kSilenceMax);

}  // namespace tidemark::intake
