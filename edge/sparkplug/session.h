// What a Sparkplug B host has to remember of edge nodes and their devices: who is alive, which name
// and type an alias stands for, which message comes next. Specification 3.0, chapters 4 to 6.
//
// Promise    a reading has the name and type of the last birth; one that nobody can name is refused
//            and counted, never guessed. A gap in the sequence asks for a rebirth: readings that
//            the birth names are taken all the same. A death with the bdSeq of another session
//            kills nobody. What is_historical was measured at another time than now: it says so.
// Restart    births are not remembered: readings before the first birth are refused, and one is
//            asked for. Who dies then is named all the same, but nobody knows what it had said.
// Asking     one node at most every kRebirthPause, whatever it answers, and all of them at most
//            kRebirthsASecond: after a restart a thousand births do not come at once.
// Bounds     kNodesMax, kDevicesMax and kMetricsKnownMax of all, names of kNameBytesMax; what is
//            beyond is refused.
// Threads    one at a time. Same calls, same answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/time.h"
#include "edge/sparkplug/payload.h"

namespace tidemark::sparkplug {

enum class MessageKind : std::uint8_t { nbirth, ndata, ndeath, dbirth, ddata, ddeath, other };

struct Topic {
  MessageKind kind = MessageKind::other;  // commands, and states of hosts
  std::string_view group, node, device;   // of the topic; device empty: the node itself
};
// "spBv1.0/GROUP/TYPE/NODE[/DEVICE]". Fault::bad_input for another one.
Result<Topic> parse_topic(std::string_view topic);

struct Value {
  enum class Kind : std::uint8_t { signed_integer, unsigned_integer, number, boolean, text };
  Kind kind = Kind::number;
  std::int64_t i64 = 0;
  std::uint64_t u64 = 0;
  double f64 = 0;
  bool boolean = false;
  std::string_view text;
};

struct Reading {
  std::string_view name;  // lives until the next call
  EventTime time{};
  Value value;
  std::size_t at = 0;     // byte offset in the payload
  bool historical = false;  // kept by the device while nobody listened; no word about now
};

struct Outcome {
  std::string device;  // "GROUP-NODE" or "GROUP-NODE-DEVICE", whose readings these are
  std::vector<Reading> readings;
  struct Refused {
    std::string reason;
    std::uint64_t readings = 0;
  };
  std::vector<Refused> refused;
  std::vector<std::string> born;  // devices that live, as this message says
  std::vector<std::string> died;  // what was last read of these devices is valid no more
  std::string rebirth;            // topic of the command to be sent; empty: none
};

class Session {
 public:
  static constexpr std::size_t kNodesMax = 1'000;
  static constexpr std::size_t kDevicesMax = 10'000;
  static constexpr std::size_t kMetricsKnownMax = 60'000;  // names and aliases
  static constexpr std::size_t kNameBytesMax = 1024;
  static constexpr Nanoseconds kRebirthPause = std::chrono::seconds(30);
  static constexpr unsigned kRebirthsASecond = 20;
  static constexpr std::string_view kRebirth = "Node Control/Rebirth";

  // `now`: steady time of the arrival, ns. `payload` has to live as long as the outcome is used.
  Outcome take(const Topic& topic, const Payload& payload, std::int64_t now);

 private:
  struct Known {
    std::string name;
    std::uint32_t type = 0;
  };
  struct Device {
    bool alive = false;
    std::unordered_map<std::uint64_t, Known> by_alias;
    std::unordered_map<std::string, std::uint32_t> by_name;  // types
    [[nodiscard]] std::size_t metrics() const { return by_alias.size() + by_name.size(); }
  };
  struct Node {
    bool born = false;
    std::optional<std::uint64_t> bd_seq;
    std::uint8_t next_seq = 0;
    std::optional<std::int64_t> asked;  // for a rebirth, steady ns
    Device self;
    std::map<std::string, Device, std::less<>> devices;
  };

  void birth(const Topic& topic, Device& device, const Payload& payload, Outcome& out);
  void data(Device& device, const Payload& payload, Outcome& out);
  void node_death(const Topic& topic, Node& node, const Payload& payload, Outcome& out);
  void check_sequence(const Topic& topic, Node& node, const Payload& payload, std::int64_t now,
                      Outcome& out);
  void ask_for_rebirth(const Topic& topic, Node& node, std::int64_t now, Outcome& out);
  bool remember(Device& device, const Metric& metric);
  void forget(Device& device);
  void read(const Metric& metric, std::string_view name, std::uint32_t type,
            const Payload& payload, Outcome& out) const;

  std::map<std::string, Node, std::less<>> nodes_;  // by "GROUP/NODE"
  std::size_t devices_ = 0;
  std::size_t metrics_ = 0;
  std::int64_t asking_since_ = 0;  // steady ns: the second in which asked_ nodes were asked
  unsigned asked_ = 0;
};

}  // namespace tidemark::sparkplug
