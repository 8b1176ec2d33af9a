#include "cloud/cli/cloud_cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "cloud/cli/commands.h"
#include "cloud/store/orders.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/command.h"
#include "common/cli/doctor.h"
#include "common/http/client.h"

namespace tidemark::cloud_cli {
namespace {

constexpr int kHealthSeconds = 5;

// The series that an expression is about; those of a view are its own.
std::string selected_by(const std::string& expression) {
  const auto query = query::Reader::parse(expression);
  return query && query->view.empty() ? query->select.text() : "**";
}

bool has_rows(const Json& body) {
  for (const auto& [key, value] : body.items()) {
    if (value.is_array() && !value.empty()) return true;
  }
  return false;
}

}  // namespace

void CloudCommands::add_commands() {
  auto& cloud = root_.add("cloud", "The cloud node: what it has, and how well.");
  auto& w = words_;

  auto& status = cloud.add("status", "Edges, watermarks and the ledger. Exit 2 when one is away.");
  common(status);
  status.action([this] {
    const auto print = [this](const Json& body, const std::string& node) {
      return print_status(body, node, output_);
    };
    return show("/v1/edges", {}, print, "**", Wants::the_node);
  });

  auto& query = cloud.add("query", "Answers: \"AGG SERIES [by WINDOW]\", or a view's name.");
  query.argument("EXPR", w.expression, "Such as \"avg line1/power_total by 1m\".");
  range(query);
  query.option("--by", w.by, "Window, when EXPR names none.", "W")
      .option("--tz", w.tz, "Time zone in which 1day, 1week and 1month begin (UTC).", "Z")
      .option("--as-of", w.as_of, "What was known then.", "T")
      .option("--view-version", w.view_version, "Of the view's definition: view list.", "N")
      .option("--newest", w.newest, "Of each series its so many newest windows (to 10000).", "N")
      .flag("--sealed", w.sealed, "Sealed answers only.");
  common(query);
  query.action([this, &w] {
    return show("/v1/answers",
                {{"q", w.expression}, {"from", w.from}, {"to", w.to}, {"by", w.by}, {"tz", w.tz},
                 {"as_of", w.as_of}, {"sealed", w.sealed ? "true" : ""},
                 {"newest", w.newest}, {"limit", w.limit}, {"view_version", w.view_version}},
                [this](const Json& body, const std::string&) {
                  return print_answers(body, false, output_);
                },
                selected_by(w.expression));
  });

  auto& revisions = cloud.add("revisions", "Every revision of the answers of a series.");
  revisions.argument("SERIES", w.glob, "Series or glob.");
  range(revisions);
  revisions.option("--view", w.view, "Of this view only.", "VIEW")
      .option("--view-version", w.view_version, "Of this definition of it only.", "N");
  common(revisions);
  revisions.action([this, &w] {
    return show("/v1/revisions",
                {{"series", w.glob}, {"view", w.view}, {"from", w.from}, {"to", w.to},
                 {"limit", w.limit}, {"view_version", w.view_version}},
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

  auto& events = cloud.add("events", "Anomalies as the edges' filters saw them, the newest first.");
  events.argument("GLOB", w.glob, "Of these series only.", false)
      .option("--from", w.from, "Start: RFC 3339, a date, now, -10m.", "T")
      .option("--to", w.to, "End, likewise.", "T")
      .option("--cause", w.cause, "Only those: range, rate, stuck, spike, hihi, hi, lo, lolo.",
              "WORD")
      .option("--state", w.state, "Only those: raised, cleared.", "WORD")
      .option("--limit", w.limit, "At most so many (1000, up to 100000).", "N");
  common(events);
  events.action([this, &w] {
    return show("/v1/events",
                {{"series", w.glob}, {"from", w.from}, {"to", w.to}, {"cause", w.cause},
                 {"state", w.state}, {"limit", w.limit}},
                [this, &w](const Json& body, const std::string&) {
                  return print_events(body, w.limit.empty() ? "1000" : w.limit, output_);
                },
                w.glob);
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

  auto& orders = cloud.add("orders", "What was ordered, by whom, and what came of it.");
  orders.option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
      .flag("--json", w.json, "One JSON object.");
  orders.action([this] { return list_orders(); });

  add_source_commands(cloud);
  add_letter_commands(cloud);
  add_meter_commands();
  auto& doctor_command = root_.add("doctor", "Checks the cloud node.");
  common(doctor_command);
  doctor_command.action([this] { return doctor(); });
}

void CloudCommands::add_view_commands(cli::Command& cloud) {
  auto& w = words_;
  auto& view = cloud.add("view", "Views: their definitions by version, and since when.");
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

void CloudCommands::add_meter_commands() {
  auto& w = words_;
  auto& series = root_.add("series", "Swapped meters among the cloud's series.");
  auto& swap = series.add("swap-meter", "A meter was swapped: increases count the old one to its "
                                        "end and the new one from its start.");
  auto& revoke = swap.add("revoke", "It was not.");
  for (auto* command : {&swap, &revoke}) {
    command->argument("SERIES", w.glob, "Its name: edge/device/metric.")
        .option("--at", w.at, "When: RFC 3339, a date, now, -10m.", "T")
        .option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
        .flag("--json", w.json, "One JSON object.");
  }
  swap.option("--old-end", w.old_end, "What the old meter showed last.", "V")
      .option("--new-start", w.new_start, "What the new one showed first.", "V");
  swap.action([this] { return swap_meter(false); });
  revoke.action([this] { return swap_meter(true); });
  auto& list = swap.add("list", "Those that were said.");
  list.argument("GLOB", w.glob, "Of these series only.", false);
  common(list);
  list.action([this, &w] {
    return show("/v1/swaps", {{"series", w.glob}},
                [this](const Json& body, const std::string&) {
                  return print_swaps(body, output_);
                },
                w.glob);
  });
}

int CloudCommands::swap_meter(bool revoke) {
  const auto& w = words_;
  if (w.at.empty() || (!revoke && (w.old_end.empty() || w.new_start.empty()))) {
    return output_.usage(revoke ? "--at says which" : "--at, --old-end and --new-start are needed",
                         "tidemark series swap-meter --help");
  }
  const auto at = parse_time(w.at, world_.clock.wall());
  if (!at) {
    output_.fail(at.error());
    return kExitUsage;
  }
  const auto name = store::order_word(w.glob);
  return order(revoke ? fmt::format("unswap {} {}", name, count_ns(*at))
                      : fmt::format("swap {} {} {} {}", name, count_ns(*at),
                                    store::order_word(w.old_end),
                                    store::order_word(w.new_start)));
}

void CloudCommands::add_source_commands(cli::Command& cloud) {
  auto& w = words_;
  auto& source = cloud.add("source", "Sources that the cloud need not wait for.");
  auto& retire = source.add("retire", "It will never come back: no window waits for it any more.");
  auto& waive_command = source.add("waive", "Windows until a time do not wait for it.");
  auto& revoke = source.add("revoke", "They do wait for it again.");
  for (auto* command : {&retire, &waive_command, &revoke}) {
    command->argument("SOURCE", w.source, "EDGE/SOURCE, or EDGE/* for all of its sources.")
        .option("--by", w.by_whom, "Who says so (the user of this shell).", "NAME")
        .option("--config", w.config, "cloud.toml, for the folder of the node.", "FILE")
        .flag("--json", w.json, "One JSON object.");
  }
  retire.option("--reason", w.reason, "Why; answers tell it.", "TEXT")
      .option("--at", w.at, "Since when (now): RFC 3339, a date, -10m.", "T");
  waive_command.option("--reason", w.reason, "Why; answers tell it.", "TEXT")
      .option("--until", w.until, "Until when: RFC 3339, a date, now.", "T");
  retire.action([this] { return waive(true); });
  waive_command.action([this] { return waive(false); });
  revoke.action([this] { return end_waiver(); });
  auto& list = source.add("list", "What was said of sources, and by whom.");
  common(list);
  list.action([this] {
    return show("/v1/waived", {}, [this](const Json& body, const std::string&) {
      return print_waived(body, output_);
    });
  });
}

std::string CloudCommands::who() const {
  if (!words_.by_whom.empty()) return words_.by_whom;
  for (const char* variable : {"SUDO_USER", "USER", "LOGNAME"}) {
    const char* name = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    if (name != nullptr && *name != '\0') return name;
  }
  return fmt::format("uid {}", ::getuid());
}

int CloudCommands::waive(bool retire) {
  const auto& w = words_;
  const auto help = fmt::format("tidemark cloud source {} --help", retire ? "retire" : "waive");
  if (w.reason.empty()) return output_.usage("--reason says why, for who reads the answers", help);
  if (!retire && w.until.empty()) return output_.usage("--until says until when", help);
  const auto text = !retire ? w.until : w.at.empty() ? std::string("now") : w.at;
  const auto time = parse_time(text, world_.clock.wall());
  if (!time) {
    output_.fail(time.error());
    return kExitUsage;
  }
  return order(fmt::format("{} {} {} {} {}", retire ? "retire" : "waive",
                           store::order_word(w.source), count_ns(*time),
                           store::order_word(who()), store::order_word(w.reason)));
}

int CloudCommands::end_waiver() {
  return order(fmt::format("unwaive {} {}", store::order_word(words_.source),
                           store::order_word(who())));
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
  if (apply) return order_views();
  output_.out(words_.json ? Json{{"v", 1}, {"ok", true}, {"text", "ok"}}.dump() + "\n"
                          : words_.file + ": ok\n");
  return kExitOk;
}

// An order about a range of time: of these series, or of that view.
int CloudCommands::bring_back(const std::string& verb, const std::string& name) {
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
  return order(fmt::format("{} {} {} {}", verb, store::order_word(name), count_ns(from),
                           count_ns(to)));
}

// Each node has a file of its own, and each partition that is open there has read it.
int CloudCommands::order_views() {
  const auto settings = world_.settings(words_.config);
  if (!settings || !settings->grouped) return order("views");
  cli::TextOutput quiet;  // whether the node runs is said by what follows
  Source source(world_, words_.config, "", quiet);
  const auto body = source.get("/v1/edges", {});
  const auto status = body ? Json::parse(*body, nullptr, false) : Json();
  if (!status.contains("owners")) {
    output_.fail({Fault::unavailable,
                  "which partitions are open here is not known: " +
                      (body ? "the node's answer does not read" : body.error().text())},
                 "in views.d all the same; `tidemark cloud view apply` once the node answers");
    return kExitTryAgain;
  }
  std::vector<int> here;
  for (const auto& owner : status.value("owners", Json::array())) {
    if (owner.value("here", false)) here.push_back(owner.value("partition", 0));
  }
  if (!here.empty()) return order("views", here);
  const std::string text = "in views.d; no partition is open on this node just now, and it reads "
                           "its views with each that it gets";
  output_.out(words_.json ? Json{{"v", 1}, {"ok", true}, {"text", text}}.dump() + "\n"
                          : text + "\n");
  return kExitOk;
}

int CloudCommands::order(const std::string& words, const std::vector<int>& partitions) {
  const auto settings = world_.settings(words_.config);
  if (!settings) {
    output_.fail(settings.error());
    return settings.error().fault() == Fault::unavailable ? kExitNoInput : kExitConfig;
  }
  const bool by_kafka = settings->grouped && partitions.empty();
  const auto outcomes = world_.order({words, who(), partitions});
  if (!outcomes) {
    return output_.fail(outcomes.error(), by_kafka ? "tidemark cloud orders, which says whether it "
                                                     "lies in Kafka; else give it again"
                                                   : "run it as the node's user, on its machine");
  }
  return print_outcomes(*outcomes,
                        by_kafka ? "no node has answered yet; the order lies in Kafka and will be "
                                   "obeyed\n  try: tidemark cloud orders\n"
                                 : "the node has not finished with it yet; it goes on as long as "
                                   "it runs\n  try: tidemark cloud orders\n",
                        words_.json, output_);
}

int CloudCommands::list_orders() {
  const auto settings = world_.settings(words_.config);
  if (!settings) {
    output_.fail(settings.error());
    return settings.error().fault() == Fault::unavailable ? kExitNoInput : kExitConfig;
  }
  const auto orders = world_.orders();
  if (!orders && orders.error().fault() == Fault::unsupported) return output_.fail(orders.error());
  if (!orders) return output_.fail(orders.error(), "tidemark doctor");
  return print_orders(*orders, words_.json, output_);
}

int CloudCommands::show(const std::string& path, const Parameters& parameters, const Print& print,
                        const std::string& select, Wants wants) {
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
  if (missing != kExitOk && !words_.json) {
    note_other_parts(source);
    return missing;
  }
  if (!words_.json) {
    const int code = print(parsed, source.name());
    if (path != "/v1/edges" && !has_rows(parsed)) note_other_parts(source);
    return wants == Wants::the_node ? status_code(code, source) : code;
  }
  output_.out(*body);
  if (missing != kExitOk) return missing;
  if (path != "/v1/edges") return kExitOk;
  // Scripts get the same exit code as people.
  cli::TextOutput quiet;
  const int code = print_status(parsed, source.name(), quiet);
  return wants == Wants::the_node ? status_code(code, source) : code;
}

// A node that does not answer is away, whatever its store says.
int CloudCommands::status_code(int code, const Source& source) {
  if (code != kExitOk || !source.direct()) return code;
  output_.err("exit 2: degraded (the node does not answer)\n");
  return kExitDegraded;
}

// Of nodes of a group each has its partitions alone, and what is not here may be there.
void CloudCommands::note_other_parts(Source& source) {
  const auto body = source.get("/v1/edges", {});
  const auto status = body ? Json::parse(*body, nullptr, false) : Json();
  if (!status.is_object() || !status.contains("owners")) return;
  std::string others;
  for (const auto& o : status["owners"]) {
    if (o.value("here", true)) continue;
    others += (others.empty() ? "" : ", ") + std::to_string(o.value("partition", 0));
  }
  if (others.empty()) return;
  output_.err(fmt::format("note: partitions {} are on other nodes of the group; ask these, or one "
                          "that serves: --url http://host:port\n", others));
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
  if (serves_only(status)) {
    const auto refused = status["serves"].value("refused", std::uint64_t{0});
    checks.push_back({refused == 0 ? CheckState::ok : CheckState::warn, "answers",
                      refused == 0 ? "every record of them was read"
                                   : fmt::format("{} records cannot be read", refused),
                      refused == 0 ? "" : "tidemark cloud status"});
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

int run(const std::vector<std::string>& words, const World& world, cli::Output& output) {
  return CloudCommands(world, output).run(words);
}

}  // namespace tidemark::cloud_cli
