// gateway.toml, and gateway.d/*.toml beside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/config/section.h"
#include "common/kafka/settings.h"

namespace tidemark::gateway {

struct CloudSection {
  std::string zmq;
  kafka::Settings kafka;  // without brokers: the cloud is reached by zmq

  [[nodiscard]] bool by_kafka() const { return !kafka.brokers.empty(); }
  [[nodiscard]] const std::string& address() const { return by_kafka() ? kafka.brokers : zmq; }
};
struct HttpSection {
  std::string listen;
};
struct QuotaSection {
  std::int64_t edges = 0;
  Bytes in_flight{};      // of all edges
  Bytes edge_in_flight{};
  Bytes dead_letters{};
  std::int64_t strangers = 0;
  std::int64_t strangers_of_one_address = 0;
};
struct GatewayConfig {
  std::string name;
  std::string site;     // of tokens that name none
  std::string listen;
  std::string address;  // what tokens tell edges to dial; empty: made from listen
  std::string data_dir;
  std::string run_dir;
  CloudSection cloud;
  HttpSection http;
  QuotaSection quota;

  [[nodiscard]] std::filesystem::path registry() const { return data_path() / "gateway.db"; }
  [[nodiscard]] std::filesystem::path dead_letters() const {
    return data_path() / "deadletters.db";
  }
  [[nodiscard]] std::filesystem::path socket() const {
    return std::filesystem::path(run_dir) / "gateway.sock";
  }
  [[nodiscard]] std::filesystem::path data_path() const { return data_dir; }
  // host:port for edges: `address`, else `listen`, with this machine's name for "all addresses".
  [[nodiscard]] std::string dialled() const;
};

void describe(config::Section& s, CloudSection& c);
void describe(config::Section& s, HttpSection& c);
void describe(config::Section& s, QuotaSection& c);
void describe(config::Section& s, GatewayConfig& c);

struct Loaded {
  GatewayConfig config;
  std::vector<config::Problem> problems;
  std::vector<config::Setting> settings;
  bool ok = false;
};
Loaded load_gateway(const std::filesystem::path& file);
Loaded parse_gateway(std::string_view toml, std::string name);

}  // namespace tidemark::gateway
