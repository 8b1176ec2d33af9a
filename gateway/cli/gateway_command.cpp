#include "gateway/cli/gateway_command.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/command.h"
#include "common/cli/doctor.h"
#include "common/cli/table.h"
#include "common/config/file.h"
#include "gateway/cli/gateway_files.h"
#include "gateway/cli/topics_words.h"
#include "gateway/daemon/control.h"

namespace tidemark::gateway {
namespace {

using cli::Align;
using cli::Command;
using cli::Output;
using cli::Table;
using json = nlohmann::ordered_json;

constexpr std::string_view kStart =
    "systemctl start tidemark-gateway, or tidemark-gateway --config FILE";
constexpr std::size_t kListMax = 1000;

std::string pin_text(const tls::Digest& spki) {
  return "sha256:" + to_hex(ByteSpan(spki).first(8));
}

std::string frame_name(wire::FrameType type) {
  switch (type) {
    case wire::FrameType::block: return "block";
    case wire::FrameType::seal: return "seal";
    case wire::FrameType::dictionary: return "dictionary";
    default: return "unknown";
  }
}

json letter_json(const DeadLetter& d) {
  return {{"id", d.id},         {"at", format_utc(d.at)},   {"edge", d.edge},
          {"reason", d.reason}, {"type", frame_name(d.type)}, {"bytes", d.size},
          {"retry", d.retry}};
}

// What the status says of Kafka; empty where the cloud is reached without.
json kafka_of(const json& status) {
  const auto at = status["cloud"].find("kafka");
  return at == status["cloud"].end() ? json::object() : *at;
}

std::string kafka_text(const json& k) {
  if (k.empty()) return "";
  auto text = fmt::format(" kafka    {}   {} records on their way   {} delivered   {} failed\n",
                          k["brokers"].get<std::string>(), k["waiting"].get<std::uint64_t>(),
                          k["delivered"].get<std::uint64_t>(), k["failed"].get<std::uint64_t>());
  for (const char* key : {"problem", "note"}) {
    if (k[key].is_string()) text += fmt::format("          {}: {}\n", key,
                                                k[key].get<std::string>());
  }
  return text;
}

std::string registry_text(const json& problem) {
  return fmt::format(" registry what other gateways have said of edges is not here yet, nobody "
                     "comes in{}\n"
                     "          try: tidemark gateway topics check\n",
                     problem.is_string() ? ": " + problem.get<std::string>() : "");
}

class Words {
 public:
  Words(Command& root, Output& out) : out_(out) {
    auto& gateway = root.add("gateway", "The gateway on this machine.");
    status(gateway.add("status", "Is it up, who is connected, what waits."));
    edges(gateway.add("edges", "Every edge: connected, enrolled, revoked."));
    token(gateway.add("token", "One-time tokens by which edges enrol."));
    edge(gateway.add("edge", "Identities of edges."));
    ca(gateway.add("ca", "The certificate authority of this site."));
    letters(gateway.add("dlq", "Frames that could not be forwarded."));
    topics_.emplace(gateway.add("topics", "The topics of Kafka."), out, json_,
                    [this](Command& c, const TopicsWords::Action& action) { act(c, action); });
    doctor(root.add("doctor", "Checks this part and says what to do."));
  }

 private:
  // Options that every word has, and the files for its action.
  void common(Command& c) {
    c.option("--config", config_, "The gateway's configuration.", "FILE");
    c.flag("--json", json_, "One JSON object.");
  }
  template <typename Action>
  void act(Command& c, Action action) {
    common(c);
    c.action([this, action] {
      const auto file = config::file_of(config_, "TIDEMARK_GATEWAY_CONFIG", kConfigFile);
      if (!file) {
        out_.fail(file.error());
        return static_cast<int>(kExitNoInput);
      }
      auto files = Files::find(file->string());
      if (!files) {
        out_.fail(files.error());
        return static_cast<int>(kExitConfig);
      }
      const Result<int> done = action(*files);
      return done ? *done : out_.fail(done.error());
    });
  }
  int print(json value) {
    json whole{{"v", 1}};
    whole.update(value);
    out_.out(whole.dump() + "\n");
    return kExitOk;
  }
  Result<json> live(const Files& files) const {
    TIDE_ASSIGN(const auto text, ask(files.config().socket(), R"({"command":"status"})"));
    auto parsed = json::parse(text, nullptr, false);
    if (!parsed.is_object()) return Error{Fault::corrupt, "the gateway's answer is no JSON"};
    return parsed;
  }

  void status(Command& c) {
    act(c, [this](Files& files) -> Result<int> {
      auto reply = live(files);
      if (!reply) {
        out_.err("error: the gateway does not answer: " + reply.error().text() +
                 "\n  try: " + std::string(kStart) + "\n");
        return static_cast<int>(kExitUnreachable);
      }
      auto s = std::move(*reply);
      TIDE_ASSIGN(const auto store, files.dead_letters());
      TIDE_ASSIGN(const auto totals, store->totals());
      TIDE_ASSIGN(const auto authority, files.authority());
      s["dead_letters"] = {{"letters", totals.letters},
                           {"bytes", totals.bytes},
                           {"discarded", totals.discarded}};
      s["ca"] = {{"pin", pin_text(authority->facts().spki)},
                 {"until", format_utc(authority->facts().not_after)}};
      const bool up = s["cloud"]["state"] == "up";
      const auto registry = s.value("registry", json::object());  // a daemon of before has none
      const bool all_known = registry.value("ready", true);
      const bool good = up && kafka_of(s).value("problem", json()).is_null() && all_known;
      const int code = good ? kExitOk : kExitDegraded;
      if (json_) {
        print(s);
        return code;
      }
      out_.out(fmt::format(
          "{}   version {}   since {}\n listen   {}   CA {}\n cloud    {}   rtt {:.2f} ms   {} not "
          "acknowledged yet\n edges    {} connected   {} strangers\n letters  {} ({}){}\n",
          s["gateway"].get<std::string>(), s["version"].get<std::string>(),
          s["since"].get<std::string>(), s["listen"].get<std::string>(),
          s["ca"]["pin"].get<std::string>(), up ? "up" : "does not answer",
          s["cloud"]["rtt_ms"].get<double>(),
          format_bytes({s["in_flight_bytes"].get<std::uint64_t>()}), s["edges"].size(),
          s["strangers"].get<std::uint64_t>(), totals.letters, format_bytes({totals.bytes}),
          totals.letters > 0 ? "   look at them: tidemark gateway dlq list" : ""));
      out_.out(kafka_text(kafka_of(s)));
      if (!all_known) out_.out(registry_text(registry.value("problem", json())));
      return code;
    });
  }

  void edges(Command& c) {
    act(c, [this](Files& files) -> Result<int> {
      TIDE_ASSIGN(const auto registry, files.registry());
      TIDE_ASSIGN(const auto enrolled, registry->edges());
      const auto reply = live(files);  // not running: only what the registry knows
      std::map<std::string, json> connected;
      if (reply) {
        for (const auto& e : (*reply)["edges"]) connected[e["edge"]] = e;
      }
      auto list = json::array();
      for (const auto& e : enrolled) {
        json row = to_json(e);
        const auto at = connected.find(e.name);
        row["connected"] = !reply ? json() : json(at != connected.end());
        if (at != connected.end()) row.update(at->second);
        if (at != connected.end()) connected.erase(at);
        list.push_back(std::move(row));
      }
      for (auto& [name, row] : connected) {  // enrolled at another gateway of the same CA
        row["connected"] = true;
        list.push_back(row);
      }
      if (json_) return print({{"edges", std::move(list)}});
      Table table({{"EDGE"}, {"SITE"}, {"STATE"}, {"ADDRESS"}, {"BLOCKS", Align::right},
                   {"WAITING", Align::right}, {"CERTIFICATE UNTIL"}});
      for (const auto& e : list) {
        const auto text = [&](const char* key) { return e.value(key, std::string()); };
        const auto state = e.contains("revoked") && !e["revoked"].is_null() ? "revoked"
                           : e.contains("state")                            ? text("state")
                           : e["connected"].is_null()                       ? "unknown"
                                                                            : "away";
        table.row({text("edge"), text("site"), state, text("address"),
                   e.contains("blocks") ? std::to_string(e["blocks"].get<std::uint64_t>()) : "",
                   e.contains("in_flight_bytes")
                       ? format_bytes({e["in_flight_bytes"].get<std::uint64_t>()})
                       : "",
                   text("expires")});
      }
      out_.out(table.empty() ? "no edges yet; make a token: tidemark gateway token create\n"
                             : table.text(out_.terminal()));
      if (!reply) out_.err("the gateway does not run: who is connected is not known\n");
      return static_cast<int>(kExitOk);
    });
  }

  static json to_json(const EdgeFacts& e) {
    return {{"edge", e.name},
            {"site", e.site},
            {"serial", e.serial},
            {"key", pin_text(e.spki)},
            {"enrolled", format_utc(e.enrolled)},
            {"expires", format_utc(e.expires)},
            {"revoked", e.revoked ? json(format_utc(*e.revoked)) : json()}};
  }

  void token(Command& c) {
    auto& create = c.add("create", "A token to be typed at the edge: tidemark enroll TOKEN.");
    create.option("--edge,--name", order_.edge, "Only this edge may use it.", "EDGE");
    create.option("--replace", replace_, "New hardware for this edge: ends its old identity.",
                  "EDGE");
    create.option("--site", order_.site, "The edge's site.", "SITE");
    create.option("--uses", uses_, "How many edges may use it.", "N");
    create.option("--gateway", address_, "What edges dial, if not what gateway.toml says.",
                  "HOST:PORT");
    create.parsed(
        "--expires",
        [this](const std::string& text) -> Result<> {
          TIDE_ASSIGN(order_.life, parse_duration(text));
          if (order_.life <= Nanoseconds(0)) return Error{Fault::bad_input, "more than nothing"};
          return {};
        },
        "For how long it may be used; 1h if not given.", "TIME");
    act(create, [this](Files& files) { return create_token(files); });
    act(c.add("list", "Tokens and what is left of them; never their secrets."),
        [this](Files& files) { return list_tokens(files); });
    auto& drop = c.add("drop", "Ends a token.");
    drop.argument("ID", id_, "From: tidemark gateway token list.");
    act(drop, [this](Files& files) -> Result<int> {
      TIDE_ASSIGN(const auto registry, files.shared_registry());
      TIDE_ASSIGN(const bool known, registry->drop_token(id_));
      return told(known, "token " + id_ + " ended", "no token " + id_);
    });
  }

  Result<int> create_token(Files& files) {
    TIDE_ASSIGN(const auto authority, files.authority());
    TIDE_ASSIGN(const auto registry, files.shared_registry());
    order_.uses = static_cast<std::int64_t>(uses_);
    if (order_.site.empty()) order_.site = files.config().site;
    if (!replace_.empty()) {
      order_.edge = replace_;
      order_.replace = true;
    }
    const auto address = address_.empty() ? files.config().dialled() : address_;
    TIDE_ASSIGN(const auto token,
                registry->create_token(order_, address, authority->facts().spki));
    const auto expires = format_utc(files.clock().wall() + order_.life);
    if (json_) {
      return print({{"token", token.text()},
                    {"id", token.id},
                    {"gateway", address},
                    {"site", order_.site},
                    {"edge", order_.edge.empty() ? json() : json(order_.edge)},
                    {"uses", order_.uses},
                    {"expires", expires}});
    }
    out_.out(token.text() + "\n");
    out_.err(fmt::format("good for {} until {}; at the edge: sudo tidemark enroll TOKEN\n",
                         order_.edge.empty() ? fmt::format("{} edge(s)", order_.uses)
                                             : "edge " + order_.edge,
                         expires));
    return static_cast<int>(kExitOk);
  }

  Result<int> list_tokens(Files& files) {
    TIDE_ASSIGN(const auto registry, files.registry());
    TIDE_ASSIGN(const auto all, registry->tokens());
    const auto state = [&](const TokenFacts& t) {
      return t.uses_left <= 0 ? "used" : t.expires <= files.clock().wall() ? "expired" : "good";
    };
    auto list = json::array();
    Table table({{"ID"}, {"STATE"}, {"SITE"}, {"EDGE"}, {"USES LEFT", Align::right}, {"EXPIRES"}});
    for (const auto& t : all) {
      list.push_back({{"id", t.id}, {"state", state(t)}, {"site", t.site},
                      {"edge", t.edge.empty() ? json() : json(t.edge)}, {"replace", t.replace},
                      {"uses", t.uses}, {"uses_left", t.uses_left},
                      {"created", format_utc(t.created)}, {"expires", format_utc(t.expires)}});
      table.row({t.id, state(t), t.site, t.edge.empty() ? "any" : t.edge,
                 fmt::format("{} of {}", t.uses_left, t.uses), format_utc(t.expires)});
    }
    if (json_) return print({{"tokens", std::move(list)}});
    out_.out(table.empty() ? "no tokens\n" : table.text(out_.terminal()));
    return static_cast<int>(kExitOk);
  }

  // What was done, or that there is nothing of that name.
  Result<int> told(bool known, const std::string& done, const std::string& missing) {
    if (!known) {
      out_.err("error: " + missing + "\n");
      return static_cast<int>(kExitNoInput);
    }
    if (json_) return print({{"done", done}});
    out_.out(done + "\n");
    return static_cast<int>(kExitOk);
  }

  void edge(Command& c) {
    edges(c.add("list", "Every edge: connected, enrolled, revoked."));
    auto& revoke = c.add("revoke", "Ends an edge's identity; within seconds its connection too.");
    revoke.argument("EDGE", id_, "The edge.");
    act(revoke, [this](Files& files) -> Result<int> {
      TIDE_ASSIGN(const auto registry, files.shared_registry());
      TIDE_ASSIGN(const bool known, registry->revoke(id_));
      return told(known, "edge " + id_ + " is revoked; a new token enrols it again",
                  "no edge '" + id_ + "' with a good identity; see: tidemark gateway edges");
    });
  }

  void ca(Command& c) {
    act(c.add("init", "Makes the CA; a gateway that starts without one does it too."),
        [this](Files& files) -> Result<int> {
          TIDE_TRY(files.make_authority());
          return show_ca(files);
        });
    act(c.add("show", "The CA's pin and its last day."),
        [this](Files& files) { return show_ca(files); });
  }
  Result<int> show_ca(Files& files) {
    TIDE_ASSIGN(const auto authority, files.authority());
    const auto& f = authority->facts();
    if (json_) {
      return print({{"ca", f.name}, {"pin", pin_text(f.spki)}, {"until", format_utc(f.not_after)}});
    }
    out_.out(fmt::format("{}   {}   until {}\n", f.name, pin_text(f.spki),
                         format_utc(f.not_after)));
    return static_cast<int>(kExitOk);
  }

  void letters(Command& c) {
    act(c.add("list", "Newest first."), [this](Files& files) -> Result<int> {
      TIDE_ASSIGN(const auto store, files.dead_letters());
      TIDE_ASSIGN(const auto all, store->list(kListMax));
      auto list = json::array();
      Table table({{"ID", Align::right}, {"AT"}, {"EDGE"}, {"TYPE"}, {"SIZE", Align::right},
                   {"REASON"}});
      for (const auto& d : all) {
        list.push_back(letter_json(d));
        table.row({std::to_string(d.id), format_utc(d.at), d.edge, frame_name(d.type),
                   format_bytes({d.size}), d.reason});
      }
      if (json_) return print({{"letters", std::move(list)}});
      out_.out(table.empty() ? "no dead letters\n" : table.text(out_.terminal()));
      return static_cast<int>(kExitOk);
    });
    auto& show = c.add("show", "One letter with its bytes in hex.");
    act(show.argument("ID", id_, "From: tidemark gateway dlq list."), [this](Files& files) {
      return with_letter(files, [this](DeadLetters& store, std::int64_t id) -> Result<int> {
        TIDE_ASSIGN(const auto letter, store.get(id));
        if (!letter) return told(false, "", "no dead letter " + id_);
        auto row = letter_json(*letter);
        row["payload"] = to_hex(letter->payload);
        if (json_) return print(row);
        for (const auto& [key, value] : row.items()) {
          out_.out(fmt::format("{:<8} {}\n", key,
                               value.is_string() ? value.get<std::string>() : value.dump()));
        }
        return static_cast<int>(kExitOk);
      });
    });
    auto& retry = c.add("retry", "Has the gateway check and forward it once more.");
    act(retry.argument("ID", id_, "The letter."), [this](Files& files) {
      return with_letter(files, [this](DeadLetters& store, std::int64_t id) -> Result<int> {
        TIDE_ASSIGN(const bool known, store.retry(id));
        return told(known, "dead letter " + id_ + " is tried within a second of the cloud being up",
                    "no dead letter " + id_);
      });
    });
    auto& drop = c.add("drop", "Throws a letter away.");
    act(drop.argument("ID", id_, "The letter."), [this](Files& files) {
      return with_letter(files, [this](DeadLetters& store, std::int64_t id) -> Result<int> {
        TIDE_ASSIGN(const bool known, store.drop(id));
        return told(known, "dead letter " + id_ + " dropped", "no dead letter " + id_);
      });
    });
  }
  template <typename Action>
  Result<int> with_letter(Files& files, Action action) {
    std::int64_t id = 0;
    const auto [end, code] = std::from_chars(id_.data(), id_.data() + id_.size(), id);
    if (code != std::errc{} || end != id_.data() + id_.size()) {
      return out_.usage("'" + id_ + "' is no number", "tidemark gateway dlq list");
    }
    TIDE_ASSIGN(const auto store, files.dead_letters());
    return action(*store, id);
  }

  void doctor(Command& c) {
    act(c, [this](Files& files) -> Result<int> {
      using cli::CheckState;
      auto checks = cli::check_folder("data", files.config().data_path());
      const auto authority = files.authority();
      checks.push_back({authority ? CheckState::ok : CheckState::fail, "ca",
                        authority ? pin_text((*authority)->facts().spki) : authority.error().text(),
                        authority ? "" : "tidemark gateway ca init"});
      const auto reply = live(files);
      checks.push_back({reply ? CheckState::ok : CheckState::fail, "gateway",
                        reply ? "listens on " + (*reply)["listen"].get<std::string>()
                              : reply.error().text(),
                        reply ? "" : std::string(kStart)});
      if (reply) {
        const bool up = (*reply)["cloud"]["state"] == "up";
        checks.push_back({up ? CheckState::ok : CheckState::fail, "cloud",
                          (up ? "answers on " : "does not answer on ") +
                              files.config().cloud.address(),
                          up                               ? ""
                          : files.config().cloud.by_kafka() ? "tidemark gateway topics check"
                                                            : "systemctl start tidemark-cloud"});
      }
      if (const auto store = files.dead_letters(); store) {
        const auto totals = (*store)->totals();
        const bool some = totals && totals->letters > 0;
        checks.push_back({some ? CheckState::warn : CheckState::ok, "dead letters",
                          totals ? std::to_string(totals->letters) : totals.error().text(),
                          some ? "tidemark gateway dlq list" : ""});
      }
      return cli::print_checks(out_, checks, json_);
    });
  }

  Output& out_;
  std::optional<TopicsWords> topics_;
  std::string config_;
  bool json_ = false;
  std::string id_;
  TokenOrder order_;
  std::string replace_;
  std::string address_;
  std::uint64_t uses_ = 1;
};

}  // namespace

int run_cli(const std::vector<std::string>& words, Output& output) {
  Command root("tidemark", "The gateway's words.");
  const Words declared(root, output);
  return root.run(words, output);
}

}  // namespace tidemark::gateway
