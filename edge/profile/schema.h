// The files of firmware-profiles/ as they are written. Private to the folder.
#pragma once

#include "common/config/section.h"
#include "edge/profile/profile.h"

namespace tidemark::profile {

struct PointFile {
  Point point;
  std::int64_t function = 0;  // 0: as [modbus] says
  std::string byte_order;     // empty: as [modbus] says
};

struct ProfileFile {
  std::string expected_id;          // the file's name; set before describe()
  const Profile* parent = nullptr;  // what it extends; set before describe()
  std::string extends;
  Profile profile;
};
void describe(config::Section& s, ProfileFile& f);

// Only what says how to read the rest.
struct ProfileHead {
  std::string protocol;
  std::string extends;
};
void describe(config::Section& s, ProfileHead& f);

}  // namespace tidemark::profile
