#include "common/kafka/section.h"

#include <filesystem>

#include "common/base/disk.h"

namespace tidemark::kafka {
namespace {

// Of what is passed on to librdkafka; "probe" has it look for the system's certificates.
bool names_file(std::string_view key, std::string_view value) {
  return (key.ends_with(".location") && value != "probe") || key == "sasl.kerberos.keytab";
}

}  // namespace

void describe(config::Section& s, Settings& c) {
  s.text("brokers", c.brokers,
         {.help = "Brokers to begin with. With them blocks go by Kafka, and zmq is not used.",
          .example = "kafka1:9092,kafka2:9092"});
  s.text("prefix", c.prefix, {.preset = "tidemark", .help = "Of the names of topics."});
  s.pairs("client", c.client,
          {.help = "Passed on to librdkafka: security.protocol, sasl.*, ssl.*, linger.ms and what "
                   "else no promise rests on.",
           .example = "{ \"security.protocol\" = \"SASL_SSL\" }"});
  s.pairs("secret_files", c.secret_files,
          {.path = true,
           .help = "Files, mode 0600, that hold sasl.password, ssl.key.password, "
                   "ssl.keystore.password or sasl.oauthbearer.client.secret.",
           .example = "{ \"sasl.password\" = \"/etc/tidemark/kafka.password\" }"});
  for (auto& [key, value] : c.client) {
    if (names_file(key, value)) value = s.located(value);
  }
  if (c.brokers.empty()) return;
  if (const auto good = check(c); !good) {
    const auto& text = good.error().text();
    const auto key = text.substr(0, text.find(':'));
    s.complain(s.has(key) ? key : "brokers", text);
  }
  std::error_code fault;
  for (const auto& [key, value] : c.client) {
    if (!names_file(key, value) || std::filesystem::exists(value, fault)) continue;
    s.warn("client", key + ": " + value + ": there is no such file; no connection is made "
                                          "without it");
  }
  for (const auto& [key, file] : c.secret_files) {
    if (!std::filesystem::exists(file, fault)) {
      s.warn("secret_files", file + ": there is no such file; no connection is made without it: "
                                    "put the secret there, mode 0600");
    } else if (const auto good = read_secret(file); !good) {
      s.complain("secret_files", good.error().text());
    }
  }
}

}  // namespace tidemark::kafka
