// Where profiles are found and read. Local folders win over installed ones.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/section.h"
#include "edge/profile/mqtt_profile.h"
#include "edge/profile/profile.h"

namespace tidemark::profile {

// `first` (--profiles, profile_path), then /etc/tidemark/profiles, /usr/share/tidemark/profiles,
// share/ beside the program's bin/, and the source tree of a build that was not installed.
std::vector<std::filesystem::path> search_folders(const std::vector<std::string>& first);

// The JSON Schema of profile files of all protocols, for editors (`#:schema FILE` in the first
// line). Rules that join several keys are `profile check`'s alone.
std::string json_schema();

class Library {
 public:
  static constexpr std::uint64_t kFileBytesMax = 1 << 20;
  static constexpr int kExtendsMax = 8;

  explicit Library(std::vector<std::filesystem::path> folders) : folders_(std::move(folders)) {}

  // Of all protocols, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  // The file of a profile of any protocol. Fault::bad_input with the nearest name and the folders.
  [[nodiscard]] Result<std::filesystem::path> find(const std::string& name) const;
  // Of a profile and of those that it extends, as far as they can be found and read.
  [[nodiscard]] std::vector<std::filesystem::path> files(const std::string& name) const;
  // "modbus", "mqtt-json", …; Fault::bad_input when it is missing or the file is not TOML.
  [[nodiscard]] Result<std::string> protocol(const std::string& name) const;

  // A Modbus profile. Fault::bad_input with every problem of the file, rendered.
  [[nodiscard]] Result<Profile> load(const std::string& name) const;
  // One of an MQTT device, likewise.
  [[nodiscard]] Result<MqttProfile> load_mqtt(const std::string& name) const;
  // A file of any protocol, with the list of what is wrong (`profile check`).
  struct Checked {
    Profile profile;   // of protocol modbus
    MqttProfile mqtt;  // of is_mqtt() protocols
    std::vector<config::Problem> problems;
    bool ok = false;
  };
  [[nodiscard]] Checked check(const std::filesystem::path& file) const;
  // The same of a text that is to become `file`.
  [[nodiscard]] Checked check_text(const std::string& text,
                                   const std::filesystem::path& file) const;
  [[nodiscard]] const std::vector<std::filesystem::path>& folders() const { return folders_; }

 private:
  [[nodiscard]] Result<Checked> load_of(const std::string& name, bool mqtt) const;
  [[nodiscard]] Checked check(const std::filesystem::path& file,
                              std::vector<std::string> children) const;
  [[nodiscard]] Checked check_text(const std::string& text, const std::filesystem::path& file,
                                   std::vector<std::string> children) const;
  std::vector<std::filesystem::path> folders_;
};

}  // namespace tidemark::profile
