// What a configuration names and this machine does not have just now. All of it is a warning, since
// a configuration is also checked elsewhere and an adapter may be plugged in later; only a secret
// that others can read is an error, as the agent does not start with it.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/disk.h"
#include "edge/config/bus_url.h"
#include "edge/config/schema.h"

namespace tidemark::config {
namespace {

// Why the file cannot be read, or nothing.
std::string missing(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return fmt::format("{}: there is no such file", path);
  if (std::filesystem::is_directory(status)) return fmt::format("{} is a folder", path);
  if (::access(path.c_str(), R_OK) == 0) return {};
  return fmt::format("{}: this user may not read it; the agent's own has to", path);
}

void check_file(Section& s, const std::string& key, const std::string& path,
                std::string_view without) {
  if (path.empty()) return;
  const auto why = missing(path);
  if (!why.empty()) s.warn(key, fmt::format("{}; {}", why, without));
}

template <typename Check>
void check_guarded(Section& s, const std::string& key, const std::string& path, Check check) {
  if (path.empty()) return;
  if (const auto why = missing(path); !why.empty()) {
    s.warn(key, why + "; the agent does not start without it: put the secret there, mode 0600");
  } else if (const auto good = check(path); !good) {
    s.complain(key, good.error().text());
  }
}

void check_secret(Section& s, const std::string& key, const std::string& path) {
  check_guarded(s, key, path, read_secret);
}

template <typename Connection>
void check_connection(Section& s, const std::string& at, const Connection& c,
                      std::string_view without) {
  check_file(s, at + "ca_file", c.ca_file, without);
  check_file(s, at + "cert_file", c.cert_file, without);
  check_secret(s, at + "password_file", c.password_file);
}

void check_port(Section& s, const std::string& key, const std::string& text) {
  const auto url = parse_bus_url(text);
  if (!url || url->kind != BusUrl::Kind::rtu) return;
  std::error_code error;
  const auto status = std::filesystem::status(url->device, error);
  if (!std::filesystem::exists(status)) {
    s.warn(key, fmt::format("{} is not there now; is the adapter plugged in? look at "
                            "/dev/serial/by-id. The agent waits for it", url->device));
  } else if (!std::filesystem::is_character_file(status)) {
    s.warn(key, fmt::format("{} is no serial port", url->device));
  } else if (::access(url->device.c_str(), R_OK | W_OK) != 0) {
    s.warn(key, fmt::format("{}: this user may not use it; the agent's own has to be in the group "
                            "dialout", url->device));
  }
}

}  // namespace

void check_presence(Section& s, const EdgeConfig& c) {
  for (const auto& folder : c.profile_path) {
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) continue;
    s.warn("profile_path", folder + ": there is no such folder; no profile comes from there");
  }
  for (std::size_t i = 0; i < c.mqtt.size(); ++i) {
    const auto at = fmt::format("source.mqtt[{}].", i);
    check_connection(s, at, c.mqtt[i], "the agent does not start without it");
    check_guarded(s, at + "key_file", c.mqtt[i].key_file, check_key_file);
  }
  for (std::size_t i = 0; i < c.modbus.size(); ++i) {
    check_port(s, fmt::format("source.modbus[{}].url", i), c.modbus[i].url);
  }
  constexpr std::string_view kNotYet = "no connection is made until it is there";
  check_connection(s, "publish.", c.publish, kNotYet);
  check_file(s, "publish.key_file", c.publish.key_file, kNotYet);
  check_secret(s, "uplink.proxy_login_file", c.uplink.proxy_login_file);
}

}  // namespace tidemark::config
