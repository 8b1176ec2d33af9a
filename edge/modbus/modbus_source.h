// Modbus devices as sources. Devices of one url share a connection and a thread, since a bus speaks
// with one of them at a time.
//
// Promise    every scheduled poll leaves exactly one entry in the journal: what was read, or why it
//            was not (exception, no answer, connection lost, left alone for a while). Slots that
//            passed while the bus was busy are entries too, counted together. So due polls and good
//            polls add up, whatever happens (semantics B8).
// When full  a full journal holds the bus up; the slots that pass meanwhile are counted.
// Dead       a device that is silent three polls in a row rests (5 timeouts, doubling to a minute
//            or 40 timeouts, with jitter), so that it takes less than 5 % of its bus; several dead
//            ones rest longer, at most 10 minutes. A lost connection is tried again after half a
//            second, doubling to half a minute, a serial port to two seconds.
// Writes     none: functions 1 to 4 only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "edge/config/edge_config.h"
#include "edge/journal/journal.h"
#include "edge/profile/library.h"
#include "edge/source/source.h"

namespace tidemark::modbus {

struct DeviceOptions {
  std::uint32_t id = 0;  // journal::Entry::source
  std::string name;
  std::uint8_t unit = 1;
  profile::Profile profile;
  std::map<std::string, Nanoseconds> periods;  // by poll class
  Nanoseconds timeout = std::chrono::seconds(1);
  unsigned retries = 1;
};

class Bus;
// Those that this agent owns, by BusUrl::place(): commands read through them.
using Buses = std::map<std::string, std::shared_ptr<Bus>>;

// In the order of `configs`. Fault::bad_input names the source. `random` is used by all their
// threads.
Result<std::vector<std::unique_ptr<source::Source>>> make_sources(
    const std::vector<config::ModbusConfig>& configs, const profile::Library& profiles,
    const std::function<std::uint32_t(const std::string& name)>& id_of, journal::Journal& journal,
    Clock& clock, Random& random, Buses* buses = nullptr);

}  // namespace tidemark::modbus
