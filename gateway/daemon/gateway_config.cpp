#include "gateway/daemon/gateway_config.h"

#include <unistd.h>

#include <array>

#include "common/kafka/section.h"
#include "common/tls/certificate.h"

namespace tidemark::gateway {

using config::Section;

void describe(Section& s, CloudSection& c) {
  s.text("zmq", c.zmq, {.preset = "ipc:///run/tidemark/cloud.zmq", .path = true,
                        .help = "Where the cloud takes frames in: ipc:// or a loopback address."});
  s.table("kafka", c.kafka);
}

void describe(Section& s, HttpSection& c) {
  s.text("listen", c.listen, {.preset = "127.0.0.1:7480",
                              .help = "/metrics, /healthz and /readyz. Empty: none of them."});
}

void describe(Section& s, QuotaSection& c) {
  s.integer("edges", c.edges, {.preset = "5000", .min = "1", .max = "100000",
                               .help = "Edges connected at once; each takes about 40 KiB."});
  s.bytes("in_flight", c.in_flight,
          {.preset = "256 MiB", .min = "16 MiB", .help = "Forwarded and not acknowledged by the "
                                                         "cloud, of all edges. Past it nothing is "
                                                         "read from edges."});
  s.bytes("edge_in_flight", c.edge_in_flight,
          {.preset = "4 MiB", .min = "1 MiB", .max = "64 MiB", .help = "The same of one edge."});
  s.bytes("dead_letters", c.dead_letters,
          {.preset = "64 MiB", .min = "1 MiB", .help = "Frames kept that could not be forwarded. "
                                                       "Past it the oldest go."});
  s.integer("strangers", c.strangers, {.preset = "256", .min = "4", .max = "10000",
                                       .help = "Connections that have not shown a certificate."});
  s.integer("strangers_of_one_address", c.strangers_of_one_address,
            {.preset = "64", .min = "2", .max = "10000", .help = "The same of one address."});
}

void describe(Section& s, GatewayConfig& c) {
  s.text("name", c.name, {.preset = "gateway", .help = "Of this gateway, towards the cloud. Every "
                                                       "gateway of one cloud has its own."});
  s.text("site", c.site, {.help = "Of edges whose token names no site."});
  s.text("listen", c.listen, {.preset = "0.0.0.0:7443", .help = "Where edges connect."});
  s.text("address", c.address,
         {.help = "What tokens tell edges to dial, if that is not this machine's name.",
          .example = "gw1.example:7443"});
  s.text("data_dir", c.data_dir, {.preset = "/var/lib/tidemark/gateway", .path = true,
                                  .help = "CA, registry of edges and dead letters. A relative "
                                          "path, as all in this file, counts from the file's "
                                          "folder."});
  s.text("run_dir", c.run_dir, {.preset = "/run/tidemark", .path = true,
                                .help = "The control socket."});
  s.table("cloud", c.cloud);
  s.table("http", c.http);
  s.table("quota", c.quota);
  const auto check_name = [&](const char* key, const std::string& value) {
    if (!value.empty() && !tls::fits_certificate(value)) {
      s.complain(key, "'" + value + "': letters, digits, '.', '_' and '-' only, at most 63");
    }
  };
  check_name("name", c.name);
  check_name("site", c.site);
  if (c.quota.in_flight.count < c.quota.edge_in_flight.count) {
    s.complain("quota", "in_flight is less than edge_in_flight");
  }
}

std::string GatewayConfig::dialled() const {
  if (!address.empty()) return address;
  const auto colon = listen.rfind(':');
  const auto host = listen.substr(0, colon);
  if (host != "0.0.0.0" && host != "[::]") return listen;
  std::array<char, 256> own{};
  if (gethostname(own.data(), own.size() - 1) != 0) return listen;
  return std::string(own.data()) + listen.substr(colon);
}

namespace {
Loaded finish(config::Document document) {
  Loaded out;
  document.fill(out.config);
  out.problems = document.problems();
  out.settings = document.settings();
  out.ok = document.ok();
  return out;
}
}  // namespace

Loaded load_gateway(const std::filesystem::path& file) {
  return finish(config::Document::read(
      {file, file.parent_path() / "gateway.d", "TIDEMARK_GATEWAY__"}));
}
Loaded parse_gateway(std::string_view toml, std::string name) {
  return finish(config::Document::parse(toml, std::move(name)));
}

}  // namespace tidemark::gateway
