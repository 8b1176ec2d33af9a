// Through which gateway each edge is connected, and which gateways have gone without a word: nobody
// says bye for the edges of one that was killed, or whose host is gone. Plain state: no I/O.
//
// Silence    is time in which somebody listened and nothing came of a gateway, not time that
//            passed: a look counts for kLookMost at most, so that a node that stood still, or could
//            not reach its brokers, takes nobody for dead.
// Bounds     kRoutesMax edges; those beyond it get no answers and are not watched.
// Threads    one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/time.h"

namespace tidemark::intake {

class Gateways {
 public:
  static constexpr std::size_t kRoutesMax = 100'000;
  static constexpr Nanoseconds kLookMost = std::chrono::seconds(2);

  struct Route {  // where answers to an edge go
    std::string gateway;
    std::uint64_t session = 0;
  };
  // A connection that has ended, though nobody said so.
  struct Ended {
    std::string edge;
    std::uint64_t session = 0;
    std::string gateway;
    bool anew = false;     // the gateway is there, and is another start of it
    Nanoseconds silent{};  // otherwise: for so long
  };

  explicit Gateways(Nanoseconds patience) : patience_(patience) {}

  // A frame of this edge came through this gateway.
  void heard(std::string_view gateway, const std::string& edge, std::uint64_t session);
  // A frame of the gateway itself, or the last one of an edge. `instance` is drawn at each of its
  // starts; 0: it does not say.
  void heard(std::string_view gateway, std::uint64_t instance = 0);
  // Nothing of one whose gateway is gone.
  [[nodiscard]] const Route* route(const std::string& edge) const;
  // Connections that have ended since the last look. To be called about each second, and only
  // while frames can come.
  std::vector<Ended> look(SteadyTime now);

 private:
  struct Gateway {
    std::uint64_t instance = 0;
    Nanoseconds heard_at{};  // by listened_
  };
  Gateway& gateway(std::string_view name);
  void end(std::string_view gateway, bool anew, Nanoseconds silent);

  Nanoseconds patience_;
  Nanoseconds listened_{};
  SteadyTime looked_at_ = SteadyTime::min();
  std::map<std::string, Gateway, std::less<>> gateways_;
  std::unordered_map<std::string, Route> routes_;
  std::vector<Ended> ended_;
};

// "gateway gw-1 silent since …", as of this wall time.
std::string to_words(const Gateways::Ended& ended, EventTime now);

}  // namespace tidemark::intake
