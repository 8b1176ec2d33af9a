// What other gateways say, into the file.
#include <algorithm>

#include "common/base/log.h"
#include "gateway/identity/registry.h"
#include "gateway/identity/registry_rows.h"

namespace tidemark::gateway {
namespace {

constexpr std::chrono::milliseconds kLook{500};  // for the end, once nearly all is here
constexpr int kBeginnings = 3;

}  // namespace

void Registry::share(std::unique_ptr<RegistryLog> log, std::int64_t from) {
  log_ = std::move(log);
  read_to_ = from;
  at_end_ = ready_ = false;
  whole_.reset();
  if (from == 0) whole_.emplace();
}

std::string Registry::problem() const {
  if (!log_) return "";
  auto why = log_->problem();
  if (why.empty() && whole_ && whole_->layout.empty() && log_->at_end()) {
    why = "no layout of topics is recorded; make them: tidemark gateway topics init";
  }
  return why;
}

Result<> Registry::may_change() const {
  if (ready()) return {};
  const auto why = problem();
  return Error{Fault::unavailable, "what other gateways have said in the registry is not here yet" +
                                       (why.empty() ? "; try again" : ": " + why)};
}

Result<Registry::SharedRow> Registry::shared() {
  TIDE_ASSIGN(auto query, db_->prepare("SELECT layout,next,said FROM shared"));
  TIDE_TRY(query.step());
  return SharedRow{query.text(0), query.integer(1), query.integer(2) != 0};
}

Result<std::int64_t> Registry::next() {
  TIDE_ASSIGN(const auto row, shared());
  return row.said ? row.next : 0;
}

Result<> Registry::catch_up(std::chrono::milliseconds within) {
  if (!log_) return {};
  for (int n = 0; n < kBeginnings; ++n) {
    TIDE_ASSIGN(const auto row, shared());
    TIDE_TRY(log_->catch_up(within));
    at_end_ = true;
    TIDE_TRY(absorb());
    if (ready_) break;
    if (whole_) continue;
    if (log_->next() >= row.next) {
      ready_ = true;
      break;
    }
    begin_again();  // it ends before what it once had
  }
  return may_change();
}

Result<> Registry::say(const Entries& entries) {
  if (log_) {
    TIDE_TRY(log_->append(entries));
    TIDE_TRY(absorb());
    return may_change();
  }
  TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
  TIDE_TRY(put(entries));
  TIDE_TRY(transaction.commit());
  return load_revoked();
}

Result<> Registry::put(const Entries& entries) {
  for (const auto& e : entries) TIDE_TRY(put_row(*db_, e));
  return {};
}

// The topic is another one now, or has lost its end.
void Registry::begin_again() {
  log::warning("the registry of all gateways is read from its beginning", "was_at={}", read_to_);
  log_->again();
  pending_.clear();
  whole_.emplace();
  read_to_ = 0;
  at_end_ = ready_ = false;
}

void Registry::collect() {
  for (auto& e : log_->take()) {
    const auto id = layout_id(e);
    if (whole_) {
      if (!id.empty()) whole_->layout = id;
      whole_->rows.insert_or_assign(e.key, e);
    } else if (e.place < read_to_ || !id.empty()) {
      return begin_again();
    } else {
      pending_.push_back(e);
    }
    read_to_ = e.place + 1;
  }
}

Result<> Registry::absorb() {
  if (!log_) return {};
  collect();
  if (whole_) return at_end_ || log_->at_end() ? settle() : Result<>{};
  if (pending_.empty()) return {};
  {
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    TIDE_ASSIGN(const auto row, shared());
    // Another process may have read the log, too, and further.
    for (const auto& e : pending_) {
      if (e.place >= row.next) TIDE_TRY(put_row(*db_, e));
    }
    TIDE_ASSIGN(auto note, db_->prepare("UPDATE shared SET next=max(next, ?)"));
    TIDE_TRY(note.execute(read_to_));
    TIDE_TRY(transaction.commit());
  }
  TIDE_TRY(load_revoked());
  pending_.clear();
  return {};
}

// Of this file, what the topic must have and has not: all of it where it was never there; and that
// an edge or a certificate is revoked that it believes good.
Result<Registry::Entries> Registry::unsaid() {
  TIDE_ASSIGN(auto rows, rows_of(*db_));
  std::erase_if(rows, [this](const RegistryEntry& mine) {
    const auto at = whole_->rows.find(mine.key);
    if (at == whole_->rows.end()) return false;
    return !at->second.value || !revokes(mine, at->second);
  });
  return rows;
}

Result<> Registry::settle() {
  TIDE_ASSIGN(const auto before, shared());
  // All that was durable when the file was looked at: the leader knows the end.
  if (!log_->catch_up(kLook)) return {};
  collect();
  if (whole_->layout.empty()) return {};
  const bool same = before.layout == whole_->layout;
  const bool cut = same && before.next > log_->next();
  if (!same || !before.said || cut) {
    TIDE_ASSIGN(const auto entries, unsaid());
    if (!entries.empty()) {
      log::info("the registry is shared with the other gateways", "entries={}", entries.size());
      TIDE_TRY(log_->append(entries));
      collect();
    }
  }
  std::vector<const RegistryEntry*> in_order;
  for (const auto& [key, e] : whole_->rows) {
    if (e.value) in_order.push_back(&e);
  }
  std::ranges::sort(in_order, {}, &RegistryEntry::place);
  {
    TIDE_ASSIGN(auto transaction, sqlite::Transaction::begin(*db_));
    TIDE_ASSIGN(const auto now, shared());
    // A command has put more into the file meanwhile: that is read first.
    if (now.layout == whole_->layout && now.next > log_->next() && !cut) return {};
    TIDE_TRY(db_->execute("DELETE FROM tokens; DELETE FROM claims; DELETE FROM edges; "
                          "DELETE FROM certificates"));
    for (const auto* e : in_order) TIDE_TRY(put_row(*db_, *e));
    TIDE_ASSIGN(auto note, db_->prepare("UPDATE shared SET layout=?, next=?, said=1"));
    TIDE_TRY(note.execute(whole_->layout, log_->next()));
    TIDE_TRY(transaction.commit());
  }
  TIDE_TRY(load_revoked());
  read_to_ = log_->next();
  whole_.reset();
  ready_ = true;
  return {};
}

}  // namespace tidemark::gateway
