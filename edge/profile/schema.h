// The files of firmware-profiles/ as they are written. Private to the folder.
#pragma once

#include "common/config/section.h"
#include "edge/profile/profile.h"

namespace tidemark::profile {

inline constexpr std::int64_t kRegistersMax = 125;  // Modbus 6.3: in one answer

struct PointFile {
  Point point;
  std::int64_t function = 0;  // 0: as [modbus] says
  std::string byte_order;     // empty: as [modbus] says
  std::string doc;
};
void describe(config::Section& s, PointFile& f);

// What [modbus] says of all points.
struct ModbusPart {
  std::int64_t function = 3, max_gap = 8, max_registers = kRegistersMax, address_shift = 0;
  std::string byte_order;
  bool says_function = false, says_order = false, says_gap = false, says_registers = false;
};
void describe(config::Section& s, ModbusPart& m);
// Fills in what only the whole file knows of a point; `at` is its place, "point[3]".
void finish_point(config::Section& s, const std::string& at, PointFile& f,
                  const ModbusPart& modbus);

// [profile], of any protocol.
struct Meta {
  std::string id, vendor, model, firmware, protocol, extends, source, verified, note;
  std::vector<std::string> omit;
};
void describe(config::Section& s, Meta& m);

struct ProfileFile {
  std::string expected_id;          // the file's name; set before describe()
  const Profile* parent = nullptr;  // what it extends; set before describe()
  std::string extends;
  Profile profile;
};
void describe(config::Section& s, ProfileFile& f);

// Warns of what is allowed and yet has led people wrong (device-profiles.md, traps). `points` are
// those of this file, without what it takes over.
void lint(config::Section& s, const Profile& profile, const std::vector<PointFile>& points);

// Only what says how to read the rest.
struct ProfileHead {
  std::string protocol;
  std::string extends;
};
void describe(config::Section& s, ProfileHead& f);

std::vector<std::string> order_names();

}  // namespace tidemark::profile
