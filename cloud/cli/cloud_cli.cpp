#include "cloud/cli/cloud_cli.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cloud/cli/print.h"
#include "cloud/cli/source.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/command.h"
#include "common/cli/doctor.h"
#include "common/http/client.h"

namespace tidemark::cloud_cli {
namespace {

constexpr int kHealthSeconds = 5;

// What all commands share, and what the single ones add.
struct Words {
  bool json = false;
  bool sealed = false;
  std::string config, url;
  std::string expression, glob = "**";
  std::string view, from, to, by, tz, as_of, newest, limit;
  std::string edge, incarnation;
  std::string file;
};

// The series that an expression is about; those of a view are its own.
std::string selected_by(const std::string& expression) {
  const auto query = query::Reader::parse(expression);
  return query && query->view.empty() ? query->select : "**";
}

bool has_rows(const Json& body) {
  for (const auto& [key, value] : body.items()) {
    if (value.is_array() && !value.empty()) return true;
  }
  return false;
}

class CloudCommands {
 public:
  CloudCommands(const World& world, cli::Output& output) : world_(world), output_(output) {
    add_commands();
  }
  int run(const std::vector<std::string>& words) { return root_.run(words, output_); }

 private:
  void add_commands();
  void common(cli::Command& command) {
    command.flag("--json", words_.json, "One JSON object.")
        .option("--config", words_.config, "cloud.toml to take the address from.", "FILE")
        .option("--url", words_.url, "Another node: http://host:port.", "URL");
  }
  void range(cli::Command& command) {
    command.option("--from", words_.from, "Start: RFC 3339, a date, now, -10m.", "T")
        .option("--to", words_.to, "End, likewise.", "T")
        .option("--limit", words_.limit, "At most so many answers (10000, up to 100000).", "N");
  }
  template <typename Print>
  int show(const std::string& path, const Parameters& parameters, Print&& print,
           const std::string& select = "**");
  int order(const std::string& words);
  int bring_back(const std::string& order_word, const std::string& name);
  void add_view_commands(cli::Command& cloud);
  int take_view(bool apply);
  int no_such_series(Source& source, const std::string& select);
  int doctor();

  const World& world_;
  cli::Output& output_;
  Words words_;
  cli::Command root_{"tidemark", "The cloud node's commands."};
};

void CloudCommands::add_commands() {
  auto& cloud = root_.add("cloud", "The cloud node: what it has, and how well.");
  auto& w = words_;

  auto& status = cloud.add("status", "Edges, watermarks and the ledger. Exit 2 when one is away.");
  common(status);
  status.action([this] {
    return show("/v1/edges", {}, [this](const Json& body, const std::string& node) {
      return print_status(body, node, output_);
    });
  });

  auto& query = cloud.add("query", "Answers: \"AGG GLOB [by WINDOW]\", or a view's name.");
  query.argument("EXPR", w.expression, "Such as \"avg line1/power_total by 1m\".");
  range(query);
  query.option("--by", w.by, "Window, when EXPR names none.", "W")
      .option("--tz", w.tz, "Time zone in which 1day, 1week and 1month begin (UTC).", "Z")
      .option("--as-of", w.as_of, "What was known then.", "T")
      .option("--newest", w.newest, "Of each series its so many newest windows (to 10000).", "N")
      .flag("--sealed", w.sealed, "Sealed answers only.");
  common(query);
  query.action([this, &w] {
    return show("/v1/answers",
                {{"q", w.expression}, {"from", w.from}, {"to", w.to}, {"by", w.by}, {"tz", w.tz},
                 {"as_of", w.as_of}, {"sealed", w.sealed ? "true" : ""},
                 {"newest", w.newest}, {"limit", w.limit}},
                [this](const Json& body, const std::string&) {
                  return print_answers(body, false, output_);
                },
                selected_by(w.expression));
  });

  auto& revisions = cloud.add("revisions", "Every revision of the answers of a series.");
  revisions.argument("SERIES", w.glob, "Series or glob.");
  range(revisions);
  revisions.option("--view", w.view, "Of this view only.", "VIEW");
  common(revisions);
  revisions.action([this, &w] {
    return show("/v1/revisions",
                {{"series", w.glob}, {"view", w.view}, {"from", w.from}, {"to", w.to},
                 {"limit", w.limit}},
                [this](const Json& body, const std::string&) {
                  return print_answers(body, true, output_);
                },
                w.glob);
  });

  auto& series = cloud.add("series", "What is measured, and the last value of each.");
  series.argument("GLOB", w.glob, "Only those.", false);
  common(series);
  series.action([this, &w] {
    return show("/v1/series", {{"series", w.glob}},
                [this](const Json& body, const std::string&) {
                  return print_series(body, output_);
                },
                w.glob);
  });

  auto& watermark = cloud.add("watermark", "How far each source is proved to be in.");
  common(watermark);
  watermark.action([this] {
    return show("/v1/edges", {}, [this](const Json& body, const std::string&) {
      return print_watermark(body, output_);
    });
  });

  auto& late = cloud.add("late", "Readings that came after their window's first answer.");
  late.argument("GLOB", w.glob, "Of these series only.", false)
      .option("--limit", w.limit, "At most so many rows (1000).", "N");
  common(late);
  auto& late_list = late.add("list", "The same.");
  late_list.argument("GLOB", w.glob, "Of these series only.", false)
      .option("--limit", w.limit, "At most so many rows (1000).", "N");
  common(late_list);
  for (auto* command : {&late, &late_list}) {
    command->action([this, &w] {
      return show("/v1/late", {{"series", w.glob}, {"limit", w.limit}},
                  [this](const Json& body, const std::string&) {
                    return print_late(body, output_);
                  },
                  w.glob);
    });
  }
  auto& replay = late.add("replay", "Readings of the late ledger go back into their windows.");
  replay.argument("GLOB", w.glob, "Of these series only.", false)
      .option("--from", w.from, "Days from: RFC 3339, a date, now, -10m.", "T")
      .option("--to", w.to, "Days until, likewise.", "T")
      .option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
      .flag("--json", w.json, "One JSON object.");
  replay.action([this] { return bring_back("replay", words_.glob); });
  add_view_commands(cloud);

  auto& edge = cloud.add("edge", "Decides which of two boxes that share a name is the edge.");
  for (const auto& [verb, help] :
       {std::pair{"accept", "This start is the edge's: it is welcome again."},
        std::pair{"refuse", "This start, and those that follow it, are not the edge's."}}) {
    auto& decide = edge.add(verb, help);
    decide.argument("EDGE", w.edge, "Its name.")
        .argument("INCARNATION", w.incarnation, "Of the start, as cloud status shows it.")
        .option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
        .flag("--json", w.json, "One JSON object.");
    decide.action([this, &w, verb = std::string(verb)] {
      return order(fmt::format("{} {} {}", verb, w.edge, w.incarnation));
    });
  }

  auto& doctor_command = root_.add("doctor", "Checks the cloud node.");
  common(doctor_command);
  doctor_command.action([this] { return doctor(); });
}

void CloudCommands::add_view_commands(cli::Command& cloud) {
  auto& w = words_;
  auto& view = cloud.add("view", "Names of the views.");
  auto& list = view.add("list", "The same.");
  for (auto* command : {&view, &list}) {
    common(*command);
    command->action([this] {
      return show("/v1/views", {}, [this](const Json& body, const std::string&) {
        return print_views(body, output_);
      });
    });
  }
  auto& backfill = view.add("backfill", "Fills a view that is new, or finer, from the archive.");
  backfill.argument("VIEW", w.view, "Its name.")
      .option("--from", w.from, "Days from: RFC 3339, a date, now, -10m.", "T")
      .option("--to", w.to, "Days until, likewise.", "T")
      .option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
      .flag("--json", w.json, "One JSON object.");
  backfill.action([this] { return bring_back("backfill", words_.view); });
  for (const bool apply : {false, true}) {
    auto& command = apply ? view.add("apply", "Puts a file into views.d; the node goes on with it. "
                                              "Its windows are filled from what there is.")
                          : view.add("check", "Whether a file of views would be right. Exit 78 if "
                                              "not.");
    command.argument("FILE", w.file, "As in views.d: [[view]] with a name.")
        .option("--config", w.config, "cloud.toml; views.d is beside it.", "FILE")
        .flag("--json", w.json, "One JSON object.");
    command.action([this, apply] { return take_view(apply); });
  }
}

int CloudCommands::take_view(bool apply) {
  if (const auto taken = world_.take_view(words_.config, words_.file, apply); !taken) {
    if (words_.json) {
      output_.out(Json{{"v", 1}, {"ok", false}, {"text", taken.error().text()}}.dump() + "\n");
    }
    output_.fail(taken.error());
    return taken.error().fault() == Fault::bad_input     ? int{kExitConfig}
           : taken.error().fault() == Fault::unavailable ? int{kExitNoInput}
                                                         : cli::exit_code(taken.error().fault());
  }
  if (apply) return order("views");
  output_.out(words_.json ? Json{{"v", 1}, {"ok", true}, {"text", "ok"}}.dump() + "\n"
                          : words_.file + ": ok\n");
  return kExitOk;
}

// An order about a range of time: of these series, or of that view.
int CloudCommands::bring_back(const std::string& order_word, const std::string& name) {
  auto from = kEventTimeMin;
  auto to = kEventTimeMax;
  for (const auto& [text, time] : {std::pair{&words_.from, &from}, std::pair{&words_.to, &to}}) {
    if (text->empty()) continue;
    const auto parsed = parse_time(*text, world_.clock.wall());
    if (!parsed) {
      output_.fail(parsed.error());
      return kExitUsage;
    }
    *time = *parsed;
  }
  if (name.find(' ') != std::string::npos) {
    output_.err(fmt::format("error: '{}' has a space, which no name has\n", name));
    return kExitUsage;
  }
  return order(fmt::format("{} {} {} {}", order_word, name, count_ns(from), count_ns(to)));
}

int CloudCommands::order(const std::string& words) {
  const auto settings = world_.settings(words_.config);
  if (!settings) {
    output_.fail(settings.error());
    return settings.error().fault() == Fault::unavailable ? kExitNoInput : kExitConfig;
  }
  const auto outcome = world_.order(settings->data_dir, words);
  if (!outcome) return output_.fail(outcome.error(), "run it as the node's user, on its machine");
  if (!*outcome) {
    output_.err("the node has not finished with it yet; it goes on as long as it runs\n"
                "  try: tidemark cloud status\n");
    return kExitTryAgain;
  }
  const bool good = (*outcome)->starts_with("ok: ");
  const auto text = (*outcome)->substr(good ? 4 : 7);
  if (words_.json) {
    output_.out(Json{{"v", 1}, {"ok", good}, {"text", text}}.dump() + "\n");
  } else if (good) {
    output_.out(text + "\n");
  } else {
    output_.err("error: " + text + "\n");
  }
  return good ? kExitOk : kExitBadData;
}

template <typename Print>
int CloudCommands::show(const std::string& path, const Parameters& parameters, Print&& print,
                        const std::string& select) {
  Source source(world_, words_.config, words_.url, output_);
  if (const auto settled = source.settle(); !settled) {
    output_.fail(settled.error());
    return settled.error().fault() == Fault::unavailable ? kExitNoInput : kExitConfig;
  }
  const auto body = source.get(path, parameters);
  if (!body) {
    if (body.error().fault() == Fault::unavailable) {
      return output_.fail(body.error(), "tidemark doctor");
    }
    output_.fail(body.error());
    // The words were wrong, not the data: an expression, a time, a name.
    return body.error().fault() == Fault::bad_input ? int{kExitUsage}
                                                    : cli::exit_code(body.error().fault());
  }
  const auto parsed = Json::parse(*body, nullptr, false);
  if (!parsed.is_object()) {
    return output_.fail(Error(Fault::corrupt, source.name() + " sent something else than JSON"),
                        "tidemark cloud status --url http://host:port");
  }
  const int missing = has_rows(parsed) ? int{kExitOk} : no_such_series(source, select);
  if (missing != kExitOk && !words_.json) return missing;
  if (!words_.json) return print(parsed, source.name());
  output_.out(*body);
  if (missing != kExitOk) return missing;
  if (path != "/v1/edges") return kExitOk;
  // Scripts get the same exit code as people.
  cli::TextOutput quiet;
  return print_status(parsed, source.name(), quiet);
}

// Says so when nothing is measured under that name, which no answer would show: a wrong word must
// not look like a range in which nothing happened. kExitOk when there is such a series.
int CloudCommands::no_such_series(Source& source, const std::string& select) {
  if (select == "**") return kExitOk;
  const auto series = [&](const std::string& glob) {
    const auto body = source.get("/v1/series", {{"series", glob}});
    const auto parsed = body ? Json::parse(*body, nullptr, false) : Json();
    return parsed.is_object() ? parsed.value("series", Json()) : Json();
  };
  if (const auto found = series(select); !found.is_array() || !found.empty()) return kExitOk;
  std::vector<std::string> names;
  for (const auto& s : series("**")) names.push_back(s.value("series", std::string()));
  const auto near = nearest_series(select, names);
  output_.err(fmt::format("error: no such series '{}'{}\n  try: tidemark cloud series\n", select,
                          near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
  return kExitNoInput;
}

int CloudCommands::doctor() {
  using cli::Check;
  using cli::CheckState;
  std::vector<Check> checks;
  const auto settings = world_.settings(words_.config);
  if (!settings) {
    checks.push_back({CheckState::fail, "configuration", settings.error().text(),
                      "tidemark config check cloud.toml"});
    return cli::print_checks(output_, checks, words_.json);
  }
  for (auto& c : cli::check_folder("store", settings->data_dir)) checks.push_back(std::move(c));
  const auto& url = words_.url.empty() ? settings->listen : words_.url;
  const auto ready = http::get(url, "/readyz", kHealthSeconds);
  if (!ready) {
    checks.push_back({CheckState::fail, "http", ready.error().text(),
                      "systemctl start tidemark-cloud"});
    return cli::print_checks(output_, checks, words_.json);
  }
  checks.push_back({ready->status == 200 ? CheckState::ok : CheckState::fail, "http",
                    fmt::format("{} answers {}", url, ready->status),
                    ready->status == 200 ? "" : "journalctl -u tidemark-cloud"});

  Source source(world_, words_.config, words_.url, output_);
  const auto body = source.get("/v1/edges", {});
  const auto status = body ? Json::parse(*body, nullptr, false) : Json();
  if (!status.is_object() || !status.contains("edges")) {
    checks.push_back({CheckState::fail, "state",
                      body ? "not the JSON that was expected" : body.error().text(),
                      "journalctl -u tidemark-cloud"});
    return cli::print_checks(output_, checks, words_.json);
  }
  std::string away;
  for (const auto& e : status["edges"]) {
    if (e.value("state", "") == "away") {
      away += (away.empty() ? "" : ", ") + e.value("name", std::string());
    }
  }
  checks.push_back({away.empty() ? CheckState::ok : CheckState::warn, "edges",
                    away.empty() ? fmt::format("{} connected", status["edges"].size())
                                 : "away: " + away,
                    away.empty() ? "" : "tidemark cloud status"});
  const bool right = adds_up(status);
  checks.push_back({right ? CheckState::ok : CheckState::fail, "ledger",
                    right ? "every reading has its place" : "does not add up",
                    right ? "" : "tidemark cloud status --json"});
  return cli::print_checks(output_, checks, words_.json);
}

}  // namespace

int run(const std::vector<std::string>& words, const World& world, cli::Output& output) {
  return CloudCommands(world, output).run(words);
}

}  // namespace tidemark::cloud_cli
