#include "cloud/store/orders.h"

#include <fmt/format.h>

#include <charconv>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/base/text.h"

namespace tidemark::store {

std::string order_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > ' ' && c != '%' && c != '\x7f') {
      word += c;
    } else {
      word += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return word.empty() ? "%" : word;
}

std::string from_order_word(std::string_view word) {
  std::string text;
  for (std::size_t i = 0; i < word.size(); ++i) {
    unsigned code = 0;
    const auto* digits = word.data() + i + 1;
    const bool whole = word[i] == '%' && i + 2 < word.size() &&
                       std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2;
    if (whole) {
      text += static_cast<char>(code);
      i += 2;
    } else if (word != "%") {
      text += word[i];
    }
  }
  return text;
}

std::optional<EventTime> order_time(std::string_view word) {
  std::int64_t ns = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), ns);
  if (code != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return event_time(ns);
}

OrderSubject subject_of_order(std::string_view words) {
  using Kind = OrderSubject::Kind;
  const auto parts = split(words, ' ');
  const auto verb = parts[0];
  if (verb == "replay" || verb == "backfill") return {Kind::all};
  const bool names_edge = verb == "accept" || verb == "refuse";
  const bool names_its_own = verb == "waive" || verb == "retire" || verb == "unwaive" ||
                             verb == "swap" || verb == "unswap";
  if (parts.size() < 2 || !(names_edge || names_its_own)) return {Kind::store};
  const auto name = names_edge ? std::string(parts[1]) : from_order_word(parts[1]);
  return {Kind::edge, name.substr(0, name.find('/'))};
}

bool is_good(std::string_view outcome) { return outcome.starts_with("ok: "); }

Result<std::int64_t> give_order(const std::filesystem::path& data_dir, const std::string& words,
                                EventTime at) {
  // A reader first: a folder without a store is no place to leave an order.
  TIDE_TRY(open_reader(database_path(data_dir)));
  TIDE_ASSIGN(const auto database, open_writer(database_path(data_dir)));
  TIDE_ASSIGN(auto insert,
              database->prepare("INSERT INTO orders(at,words,outcome,done) VALUES(?,?,'',0)"));
  TIDE_TRY(insert.execute(count_ns(at), words));
  return database->last_row_id();
}

Result<std::optional<std::string>> order_outcome(const std::filesystem::path& data_dir,
                                                 std::int64_t order) {
  TIDE_ASSIGN(const auto database, open_reader(database_path(data_dir)));
  TIDE_ASSIGN(auto select, database->prepare("SELECT done,outcome FROM orders WHERE id=?"));
  TIDE_ASSIGN(const bool there, select.start(order).step());
  if (!there || select.integer(0) == 0) return std::optional<std::string>{};
  return std::optional<std::string>(select.text(1));
}

Result<std::vector<KnownOrder>> known_orders(const std::filesystem::path& data_dir) {
  TIDE_ASSIGN(const auto database, open_reader(database_path(data_dir)));
  TIDE_ASSIGN(auto select, database->prepare("SELECT words,at,outcome FROM orders ORDER BY id"));
  std::vector<KnownOrder> all;
  select.start();
  for (;;) {
    TIDE_ASSIGN(const bool there, select.step());
    if (!there) return all;
    all.push_back({std::string(select.text(0)), event_time(select.integer(1)),
                   std::string(select.text(2))});
  }
}

}  // namespace tidemark::store
