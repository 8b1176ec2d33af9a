// Orders of persons, and what came of them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cloud/cli/print.h"
#include "cloud/store/orders.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/table.h"

namespace tidemark::cloud_cli {
namespace {

using Text = std::optional<std::string>;

// Partitions that say the same, those that said it first before the others.
std::vector<std::pair<Text, std::vector<int>>> by_text(const std::vector<Outcome>& outcomes) {
  std::vector<std::pair<Text, std::vector<int>>> all;
  for (const auto& o : outcomes) {
    auto at = std::ranges::find(all, o.text, &std::pair<Text, std::vector<int>>::first);
    if (at == all.end()) at = all.insert(all.end(), {o.text, {}});
    if (o.partition) at->second.push_back(*o.partition);
  }
  return all;
}

std::string name_of(const std::vector<int>& partitions) {
  return fmt::format("{} {}", partitions.size() == 1 ? "partition" : "partitions",
                     fmt::join(partitions, ", "));
}

// Without "ok: " or "error: ".
std::string bare(const std::string& outcome) {
  const auto colon = outcome.find(": ");
  return colon == std::string::npos ? outcome : outcome.substr(colon + 2);
}

Json json_of(const Outcome& o) {
  return {{"partition", o.partition ? Json(*o.partition) : Json()},
          {"ok", o.text ? Json(store::is_good(*o.text)) : Json()},
          {"text", o.text ? bare(*o.text) : ""}};
}

Json json_of(const std::vector<Outcome>& outcomes) {
  auto all = Json::array();
  for (const auto& o : outcomes) all.push_back(json_of(o));
  return all;
}

// A word of an order; times as people read them.
std::string readable(std::string_view word) {
  constexpr std::size_t kDigitsOfTime = 19;  // ns of 2001 and later
  if (word.size() < kDigitsOfTime) return store::from_order_word(word);
  const auto time = store::order_time(word);
  if (!time.has_value()) return store::from_order_word(word);
  const bool open = *time == kEventTimeMin || *time == kEventTimeMax;
  return open ? "…" : format_utc(*time);
}

std::string all_readable(const std::string& words) {
  std::string text;
  for (const auto word : split(words, ' ')) text += (text.empty() ? "" : " ") + readable(word);
  return text;
}

}  // namespace

int print_outcomes(const std::vector<Outcome>& outcomes, const std::string& waits, bool as_json,
                   cli::Output& output) {
  const auto texts = by_text(outcomes);
  bool good = true;
  bool all = true;
  std::vector<std::string> told;
  for (const auto& [text, partitions] : texts) {
    const auto place = texts.size() == 1 ? "" : name_of(partitions) + ": ";
    all = all && text;
    if (!text) {
      output.err(place + waits);
      continue;
    }
    const bool obeyed = store::is_good(*text);
    good = good && obeyed;
    told.push_back(place + bare(*text));
    if (as_json) continue;
    if (obeyed) output.out(told.back() + "\n");
    if (!obeyed) output.err("error: " + told.back() + "\n");
  }
  if (as_json && !told.empty()) {
    Json body{{"v", 1}, {"ok", good && all}, {"text", fmt::format("{}", fmt::join(told, "; "))}};
    if (outcomes.size() > 1) body["partitions"] = json_of(outcomes);
    output.out(body.dump() + "\n");
  }
  if (!good) return kExitBadData;
  return all ? kExitOk : kExitTryAgain;
}

int print_orders(const std::vector<ListedOrder>& orders, bool as_json, cli::Output& output) {
  if (as_json) {
    auto all = Json::array();
    for (const auto& o : orders) {
      all.push_back({{"at", format_utc(o.at)}, {"words", o.words}, {"by", o.by},
                     {"outcomes", json_of(o.outcomes)}});
    }
    output.out(Json{{"v", 1}, {"orders", std::move(all)}}.dump() + "\n");
    return kExitOk;
  }
  cli::Table table({{"given"}, {"by"}, {"order"}, {"partition"}, {"what came of it"}});
  for (const auto& o : orders) {
    for (const auto& [text, partitions] : by_text(o.outcomes)) {
      table.row({format_utc(o.at), o.by.empty() ? "–" : o.by, all_readable(o.words),
                 partitions.empty() ? "–" : fmt::format("{}", fmt::join(partitions, ", ")),
                 text ? *text : "not obeyed yet"});
    }
  }
  if (table.empty()) {
    output.err("nothing was ordered\n");
    return kExitOk;
  }
  output.out(table.text(output.terminal()));
  return kExitOk;
}

}  // namespace tidemark::cloud_cli
