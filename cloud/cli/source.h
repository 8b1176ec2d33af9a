// Where the answers come from: the node, or its store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/cli/cloud_cli.h"

namespace tidemark::cloud_cli {

using Parameters = std::vector<std::pair<std::string, std::string>>;

class Source {
 public:
  // `url` given: that node and no other. Else that of the configuration, and its store.
  Source(const World& world, std::string config, std::string url, cli::Output& output)
      : world_(world), config_(std::move(config)), url_(std::move(url)), output_(output) {}

  // Reads the configuration unless a node was named; its faults are those of World::settings.
  Result<> settle();
  // The JSON of a path of the API. Its errors are those of the API, bad_input with what was
  // expected; unavailable when neither node nor store is there.
  Result<std::string> get(const std::string& path, const Parameters& parameters);
  // "127.0.0.1:8080", or the store's folder; after the first get().
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool direct() const { return reader_ != nullptr; }

 private:
  Result<std::string> from_store(const std::string& path, const Parameters& parameters);

  const World& world_;
  std::string config_;
  std::string url_;
  cli::Output& output_;
  std::string name_;
  std::optional<Settings> settings_;
  std::unique_ptr<query::Reader> reader_;
};

}  // namespace tidemark::cloud_cli
