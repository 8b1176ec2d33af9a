// The edges of bench/cluster: what they take they pack, name, seal and send as an agent does, by
// the product's own codec, frames and gateway, into Kafka.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/cluster/readings.h"
#include "common/codec/codec.h"
#include "common/kafka/settings.h"
#include "common/model/series.h"
#include "common/wire/frame.h"
#include "gateway/log/kafka_log.h"

namespace tidemark::bench {

inline constexpr unsigned kDevicesOfEdge = 10;

struct FleetOptions {
  std::int64_t start = 0;  // of the run, ms since 1970
  bool stamped = true;     // the times are the devices' own
};

class Edge {
 public:
  Edge(unsigned number, const FleetOptions& options);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t session() const { return number_ + 1; }
  [[nodiscard]] wire::Frame hello() const;
  [[nodiscard]] wire::Frame dictionary() const;
  // A block of what its devices sent in [from, until); empty when that is nothing.
  std::optional<wire::Frame> block(const Readings& readings, std::int64_t from,
                                   std::int64_t until);
  // Nothing with a time before that comes any more; so it says, whatever comes later.
  wire::Frame seal(std::int64_t until);

 private:
  unsigned number_;
  FleetOptions options_;
  std::string name_;
  DictionaryPtr dictionary_;
  codec::Memories memories_;
  std::vector<Reading> arrived_;
  std::map<std::int64_t, std::uint64_t> minutes_;  // readings taken, of all minutes
  std::map<std::int64_t, std::uint64_t> changed_;  // of those since the last seal
  std::uint64_t taken_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t seals_ = 0;
};

// All that the edges send of these readings, in blocks of `round` ms each, in the order in which
// they send it.
using Visit = std::function<Result<>(const Edge&, wire::Frame)>;
Result<> each_frame(const Readings& readings, std::int64_t round, const FleetOptions& options,
                    const Visit& visit);

// The same through the gateway's own way into Kafka. Topics are there. Returns the bytes of the
// blocks.
Result<std::uint64_t> send_blocks(const kafka::Settings& settings, const Readings& readings,
                                  std::int64_t round, const FleetOptions& options);

}  // namespace tidemark::bench
