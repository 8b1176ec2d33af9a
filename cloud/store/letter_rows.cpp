#include "cloud/store/letter_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <queue>

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
      sizes_(database, "SELECT id,length(bytes),edge,booked OR readings>0 OR frame='seal'"
                       " FROM deadletters WHERE state=0 ORDER BY booked DESC,id"),
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

namespace {

// What is kept of one edge, what goes first in front.
struct Kept {
  std::deque<std::pair<std::int64_t, std::uint64_t>> letters;  // with their bytes
  std::uint64_t bytes = 0;
};

// What has to go, one after the other.
class Shedding {
 public:
  Shedding(std::uint64_t rows, std::uint64_t bytes) : rows_(rows), bytes_(bytes) {}
  [[nodiscard]] bool too_many() const { return rows_ > kLettersMax; }
  [[nodiscard]] bool too_large() const { return bytes_ > kLetterBytesAllMax; }
  void take_first(Kept& of) {
    const auto [id, bytes] = of.letters.front();
    of.letters.pop_front();
    of.bytes -= bytes;
    bytes_ -= std::min(bytes_, bytes);
    --rows_;
    gone_.push_back(id);
  }
  // Of who has most by that measure, while that holds.
  template <typename Measure, typename Holds>
  void take_most(std::map<std::string, Kept>& edges, Measure measure, Holds holds) {
    const auto less = [&](const Kept* a, const Kept* b) { return measure(*a) < measure(*b); };
    std::priority_queue<Kept*, std::vector<Kept*>, decltype(less)> most(less);
    for (auto& [name, kept] : edges) {
      if (!kept.letters.empty()) most.push(&kept);
    }
    while (holds() && !most.empty()) {
      auto* const of = most.top();
      most.pop();
      take_first(*of);
      if (!of->letters.empty()) most.push(of);
    }
  }
  [[nodiscard]] std::vector<std::int64_t> gone() && { return std::move(gone_); }

 private:
  std::uint64_t rows_, bytes_;
  std::vector<std::int64_t> gone_;
};

}  // namespace

// First what nobody misses a reading for; then those of the edge that has most, so that none pushes
// out another's: what is booked before what would leave a hole in a start that is not known yet.
std::vector<std::int64_t> LetterRows::past_bounds() {
  Shedding shed(std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}), bytes_);
  if (!shed.too_many() && !shed.too_large()) return {};
  Kept missed_by_none;
  std::map<std::string, Kept> edges;
  sizes_.start();
  while (sizes_.next()) {
    auto& kept = sizes_.integer(3) == 0 ? missed_by_none : edges[sizes_.text(2)];
    kept.letters.emplace_back(sizes_.integer(0), sizes_.count(1));
    kept.bytes += sizes_.count(1);
  }
  while ((shed.too_many() || shed.too_large()) && !missed_by_none.letters.empty()) {
    shed.take_first(missed_by_none);
  }
  shed.take_most(edges, [](const Kept& k) { return k.letters.size(); },
                 [&] { return shed.too_many(); });
  shed.take_most(edges, [](const Kept& k) { return k.bytes; }, [&] { return shed.too_large(); });
  return std::move(shed).gone();
}

void LetterRows::forget_closed() {
  const auto newest = newest_.start().next() ? newest_.integer(0) : 0;
  newest_.rewind();
  if (newest > static_cast<std::int64_t>(kLettersMax)) {
    forget_.run(newest - static_cast<std::int64_t>(kLettersMax));
  }
}

}  // namespace tidemark::store
