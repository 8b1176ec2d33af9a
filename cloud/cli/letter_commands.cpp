#include <fmt/format.h>

#include <charconv>
#include <set>

#include "cloud/cli/commands.h"
#include "cloud/store/letter_rows.h"
#include "cloud/store/orders.h"
#include "common/base/disk.h"
#include "common/base/exit_code.h"

namespace tidemark::cloud_cli {
namespace {

// "7", or "3/7" of partition 3.
struct LetterName {
  std::int64_t id = 0;
  std::optional<int> partition;
};

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc{} && end == text.data() + text.size();
}

std::optional<LetterName> letter_called(std::string_view text) {
  LetterName name;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    if (!read_number(text.substr(0, slash), name.partition.emplace())) return std::nullopt;
    text.remove_prefix(slash + 1);
  }
  if (!read_number(text, name.id) || name.id <= 0) return std::nullopt;
  return name;
}

Parameters parameters_of(const LetterName& name) {
  Parameters all{{"id", std::to_string(name.id)}};
  if (name.partition) all.emplace_back("partition", std::to_string(*name.partition));
  return all;
}

}  // namespace

void CloudCommands::add_letter_commands(cli::Command& cloud) {
  auto& w = words_;
  auto& letter = cloud.add("deadletter", "What could not be taken: why, and what becomes of it.");
  auto& list = letter.add("list", "The same.");
  for (auto* command : {&letter, &list}) {
    command->option("--why", w.why, "For this reason only: dictionary_missing, unreadable, "
                                    "contradiction, bound, second_box, foreign.", "WORD")
        .option("--state", w.state, "Only those: kept, taken, dropped, discarded.", "WORD")
        .option("--limit", w.limit, "At most so many (1000).", "N");
    common(*command);
    command->action([this, &w] {
      return show("/v1/deadletters", {{"why", w.why}, {"state", w.state}, {"limit", w.limit}},
                  [this](const Json& body, const std::string&) {
                    return print_letters(body, output_);
                  });
    });
  }
  auto& one = letter.add("show", "One of them, and what can be done.");
  one.argument("LETTER", w.letter, "Its number, as list shows it.")
      .option("--raw", w.raw, "Writes its bytes, as they came, into this file.", "FILE");
  common(one);
  one.action([this] { return show_letter(); });
  auto& retry = letter.add("retry", "Takes it now, if it can be: its readings go into their "
                                    "windows.");
  retry.argument("WHICH", w.letter, "Its number, a reason (all kept for it), or all.");
  auto& drop = letter.add("drop", "Gives it up: its readings count as lost, and windows say so.");
  drop.argument("WHICH", w.letter, "Its number, or a reason (all kept for it).")
      .option("--reason", w.reason, "Why; answers tell it.", "TEXT");
  for (auto* command : {&retry, &drop}) {
    command->option("--by", w.by_whom, "Who says so (the user of this shell).", "NAME");
    common(*command);
  }
  retry.action([this] { return settle_letters(false); });
  drop.action([this] { return settle_letters(true); });
}

int CloudCommands::show_letter() {
  const auto name = letter_called(words_.letter);
  if (!name) {
    return output_.usage(fmt::format("'{}' is no dead letter's number", words_.letter),
                         "tidemark cloud deadletter list");
  }
  const auto which = parameters_of(*name);
  if (const auto missing = letter_missing(which)) return *missing;
  if (!words_.raw.empty()) return write_letter(which);
  return show("/v1/deadletters/one", which, [this](const Json& body, const std::string&) {
    return print_letter(body, output_);
  });
}

std::optional<int> CloudCommands::letter_missing(const Parameters& which) {
  cli::TextOutput quiet;  // whose store it is read from is said by what follows
  Source source(world_, words_.config, words_.url, quiet);
  if (!source.settle()) return std::nullopt;
  const auto letter = source.get("/v1/deadletters/one", which);
  if (letter || letter.error().fault() != Fault::bad_input) return std::nullopt;
  constexpr std::size_t kShown = 5;
  std::string known;
  if (const auto list = source.get("/v1/deadletters", {{"limit", std::to_string(kShown)}})) {
    const auto parsed = Json::parse(*list, nullptr, false);
    for (const auto& l : parsed.value("deadletters", Json::array())) {
      known += (known.empty() ? "" : ", ") + letter_name(l);
    }
    known = known.empty() ? ": there are none at all" : "; among those there are: " + known;
  }
  output_.err(fmt::format("error: there is no dead letter {}{}\n"
                          "  try: tidemark cloud deadletter list\n", words_.letter, known));
  return kExitNoInput;
}

int CloudCommands::write_letter(const Parameters& which) {
  Source source(world_, words_.config, words_.url, output_);
  const auto bytes = source.get("/v1/deadletters/raw", which);
  if (!bytes) return output_.fail(bytes.error(), "tidemark cloud deadletter list");
  if (bytes->empty()) {
    return output_.fail(Error(Fault::bad_input, "of this one there are no bytes"),
                        "tidemark cloud deadletter show " + words_.letter);
  }
  if (const auto written = write_file(words_.raw, *bytes, 0600); !written) {
    output_.fail(written.error());
    return kExitCannotCreate;
  }
  const auto text = fmt::format("{} bytes in {}", bytes->size(), words_.raw);
  output_.out(words_.json ? Json{{"v", 1}, {"ok", true}, {"text", text}}.dump() + "\n"
                          : text + "\n");
  return kExitOk;
}

// Where a node has a store for each partition, each that has such letters gets the order.
int CloudCommands::settle_letters(bool drop) {
  const auto& w = words_;
  const auto help = fmt::format("tidemark cloud deadletter {} --help", drop ? "drop" : "retry");
  if (drop && w.reason.empty()) {
    return output_.usage("--reason says why, for who reads the answers", help);
  }
  const auto name = letter_called(w.letter);
  const auto why = store::letter_reason(w.letter);
  if (!name && !why && (drop || w.letter != "all")) {
    return output_.usage(fmt::format("'{}' is neither a dead letter's number nor a reason",
                                     w.letter), help);
  }
  const auto words = [&](const std::string& which) {
    auto all = fmt::format("letter {} {} {}", drop ? "drop" : "retry", which,
                           store::order_word(who()));
    return drop ? all + " " + store::order_word(w.reason) : all;
  };
  if (name) {
    if (const auto missing = letter_missing(parameters_of(*name))) return *missing;
    std::vector<int> at;
    if (name->partition) at.push_back(*name->partition);
    return order(words(std::to_string(name->id)), at);
  }
  Source source(world_, w.config, w.url, output_);
  const auto body = source.get("/v1/deadletters", {{"why", why ? w.letter : ""}, {"state", "kept"},
                                                   {"limit", "100000"}});
  if (!body) return output_.fail(body.error(), "tidemark cloud deadletter list");
  const auto parsed = Json::parse(*body, nullptr, false);
  std::set<int> stores;
  for (const auto& l : parsed.value("deadletters", Json::array())) {
    const auto at = l.find("partition");
    if (at != l.end() && at->is_number()) stores.insert(at->get<int>());
  }
  return order(words(w.letter), {stores.begin(), stores.end()});
}

}  // namespace tidemark::cloud_cli
