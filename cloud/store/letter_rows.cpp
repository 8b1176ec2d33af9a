#include "cloud/store/letter_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tidemark::store {
namespace {

constexpr std::array<std::string_view, kLetterReasons> kReasons{
    "dictionary_missing", "unreadable", "contradiction", "bound", "second_box", "foreign"};
constexpr int kColumns = 19;  // of kLetterColumns
constexpr std::array<std::string_view, 4> kStates{"kept", "taken", "dropped", "discarded"};

LetterReason reason_of(std::int64_t number) {
  const bool known = number > 0 && number <= static_cast<std::int64_t>(kLetterReasons);
  return known ? static_cast<LetterReason>(number) : LetterReason::unreadable;
}

std::string select(std::string_view behind) {
  return fmt::format("SELECT {} FROM deadletters {}", kLetterColumns, behind);
}

}  // namespace

std::string_view to_string(LetterReason reason) {
  return kReasons[static_cast<std::size_t>(reason) - 1];
}
std::string_view to_string(LetterState state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<LetterReason> letter_reason(std::string_view word) {
  const auto at = std::ranges::find(kReasons, word);
  if (at == kReasons.end()) return std::nullopt;
  return static_cast<LetterReason>(at - kReasons.begin() + 1);
}

std::optional<LetterState> letter_state(std::string_view word) {
  const auto at = std::ranges::find(kStates, word);
  if (at == kStates.end()) return std::nullopt;
  return static_cast<LetterState>(at - kStates.begin());
}

Letter read_letter(const sqlite::Statement& row) {
  Letter l;
  l.id = row.integer(0);
  l.edge = row.text(1);
  l.reason = row.text(2);
  l.at = event_time(row.integer(3));
  l.size = row.count(4);
  l.readings = row.count(5);
  l.why = reason_of(row.integer(6));
  l.state = static_cast<LetterState>(std::min<std::uint64_t>(row.count(7), kStates.size() - 1));
  l.frame = row.text(8);
  l.lane = static_cast<Lane>(std::min<std::uint64_t>(row.count(9), 2));
  l.block = {Incarnation{row.count(10)}, Sequence{row.count(11)}};
  l.time_min = row.integer(12);
  l.time_max = row.integer(13);
  l.wants = DictionaryHash{row.count(14)};
  l.booked = row.integer(15) != 0;
  l.origin = row.text(16);
  l.outcome = row.text(17);
  l.closed = event_time(row.integer(18));
  return l;
}

Letter read_whole_letter(const sqlite::Statement& row) {
  auto letter = read_letter(row);
  const auto bytes = row.blob(kColumns);
  letter.bytes.assign(bytes.begin(), bytes.end());
  return letter;
}

LetterRows::LetterRows(sqlite::Database& database)
    : database_(database),
      add_(database, "INSERT INTO deadletters(edge,reason,at,size,readings,why,state,frame,lane,"
                     "incarnation,sequence,time_min,time_max,wants,booked,origin,outcome,closed,"
                     "bytes) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'',0,?)"),
      find_(database, fmt::format("SELECT {},bytes FROM deadletters WHERE id=?", kLetterColumns)),
      kept_(database, "SELECT id FROM deadletters WHERE state=0 AND (?1=0 OR why=?1)"
                      " AND (?2='' OR edge=?2) ORDER BY id"),
      wanted_(database, "SELECT DISTINCT wants FROM deadletters WHERE state=0 AND wants<>0"
                        " AND edge=?"),
      stay_(database, "UPDATE deadletters SET reason=?,why=?,wants=? WHERE id=?"),
      close_(database, "UPDATE deadletters SET state=?,outcome=?,closed=?,booked=?,bytes=x''"
                       " WHERE id=?"),
      aside_(database, select("WHERE booked=1 AND state<>1 ORDER BY id")),
      sizes_(database, "SELECT id,length(bytes) FROM deadletters WHERE state=0 ORDER BY id DESC"),
      newest_(database, "SELECT MAX(id) FROM deadletters"),
      forget_(database, "DELETE FROM deadletters WHERE state<>0 AND id<=?") {
  sqlite::Statement count(database, "SELECT why,COUNT(*),SUM(length(bytes)) FROM deadletters"
                                    " WHERE state=0 GROUP BY why");
  count.start();
  while (count.next()) {
    counted(reason_of(count.integer(0))) += count.count(1);
    bytes_ += count.count(2);
  }
}

std::int64_t LetterRows::add(const Letter& l) {
  add_.run(l.edge, l.reason, count_ns(l.at), l.size, l.readings, static_cast<int>(l.why),
           static_cast<int>(l.state), l.frame, static_cast<int>(l.lane), l.block.incarnation.count,
           l.block.sequence.count, l.time_min, l.time_max, l.wants.count, l.booked ? 1 : 0,
           l.origin, l.bytes);
  ++counted(l.why);
  bytes_ += l.bytes.size();
  return database_.last_row_id();
}

std::optional<Letter> LetterRows::find(std::int64_t id) {
  std::optional<Letter> letter;
  if (find_.start(id).next()) {
    letter = read_whole_letter(find_);
  }
  find_.rewind();
  return letter;
}

std::vector<std::int64_t> LetterRows::kept(std::optional<LetterReason> why,
                                           const std::string& edge) {
  std::vector<std::int64_t> ids;
  kept_.start(why ? static_cast<int>(*why) : 0, edge);
  while (kept_.next()) ids.push_back(kept_.integer(0));
  return ids;
}

std::vector<DictionaryHash> LetterRows::wanted(const std::string& edge) {
  std::vector<DictionaryHash> hashes;
  wanted_.start(edge);
  while (wanted_.next()) hashes.push_back(DictionaryHash{wanted_.count(0)});
  return hashes;
}

void LetterRows::stay(const Letter& l) {
  const auto before = find(l.id);
  if (!before || before->state != LetterState::kept) return;
  --counted(before->why);
  ++counted(l.why);
  stay_.run(l.reason, static_cast<int>(l.why), l.wants.count, l.id);
}

void LetterRows::close(const Letter& l, LetterState state, const std::string& outcome,
                       EventTime at) {
  close_.run(static_cast<int>(state), outcome, count_ns(at), l.booked ? 1 : 0, l.id);
  --counted(l.why);
  bytes_ -= std::min<std::uint64_t>(bytes_, l.bytes.size());
}

void LetterRows::each_aside(const std::function<void(const Letter&)>& visit) {
  aside_.start();
  while (aside_.next()) visit(read_letter(aside_));
}

std::vector<std::int64_t> LetterRows::past_bounds() {
  std::vector<std::int64_t> ids;
  const auto all = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  if (all <= kLettersMax && bytes_ <= kLetterBytesAllMax) return ids;
  std::uint64_t rows = 0, bytes = 0;
  sizes_.start();
  while (sizes_.next()) {
    bytes += sizes_.count(1);
    if (++rows > kLettersMax || bytes > kLetterBytesAllMax) ids.push_back(sizes_.integer(0));
  }
  std::ranges::reverse(ids);
  return ids;
}

void LetterRows::forget_closed() {
  const auto newest = newest_.start().next() ? newest_.integer(0) : 0;
  newest_.rewind();
  if (newest > static_cast<std::int64_t>(kLettersMax)) {
    forget_.run(newest - static_cast<std::int64_t>(kLettersMax));
  }
}

}  // namespace tidemark::store
