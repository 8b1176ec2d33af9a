#include "cloud/store/order_rows.h"

namespace tidemark::store {
namespace {

// `live` of an order that nobody has obeyed yet, as far as is known.
constexpr std::int64_t kNowhere = -1;

}  // namespace

OrderRows::OrderRows(sqlite::Database& db)
    : open_(db, "SELECT o.id,o.words,o.at,g.name,g.giver,g.live,g.backlog FROM orders o"
                " LEFT JOIN given_orders g ON g.id=o.id WHERE o.done=0 ORDER BY o.id"),
      find_(db, "SELECT id FROM given_orders WHERE name=?"),
      add_(db, "INSERT INTO orders(at,words,outcome,done) VALUES(?,?,'',0)"),
      give_(db, "INSERT INTO given_orders VALUES(last_insert_rowid(),?,?,?,0,0)"),
      know_(db, "UPDATE given_orders SET live=?,backlog=?,said=1 WHERE name=?"),
      refuse_(db, "UPDATE orders SET done=1,outcome=? WHERE done=0 AND id="
                  "(SELECT id FROM given_orders WHERE name=?)"),
      close_(db, "UPDATE orders SET done=1,outcome=? WHERE id=?"),
      at_(db, "UPDATE given_orders SET live=?,backlog=? WHERE id=? AND said=0"),
      forget_(db, "DELETE FROM orders WHERE done=1 AND at<?"
                  " AND id NOT IN (SELECT id FROM given_orders WHERE said=0)"),
      clean_(db, "DELETE FROM given_orders WHERE id NOT IN (SELECT id FROM orders)") {}

std::vector<Order> OrderRows::open() {
  std::vector<Order> all;
  open_.start();
  while (open_.next()) {
    Order o;
    o.id = open_.integer(0);
    o.words = open_.text(1);
    o.at = event_time(open_.integer(2));
    o.name = open_.text(3);
    o.by = open_.text(4);
    const bool known = !o.name.empty() && open_.integer(5) != kNowhere;
    if (known) o.obeyed_at = {open_.integer(5), open_.integer(6)};
    all.push_back(std::move(o));
  }
  return all;
}

bool OrderRows::add(const std::string& name, const std::string& words, const std::string& by,
                    EventTime at) {
  const bool known = find_.start(name).next();
  find_.rewind();
  if (known) return false;
  add_.run(count_ns(at), words);
  give_.run(name, by, kNowhere);
  return true;
}

void OrderRows::know(const std::string& name, const std::string& outcome,
                     const InputPosition& at) {
  know_.run(at.live, at.backlog, name);
  if (!is_good(outcome)) refuse_.run(outcome, name);
}

void OrderRows::close(const Order& order, const std::string& outcome, const InputPosition& at) {
  close_.run(outcome, order.id);
  if (!order.name.empty()) at_.run(at.live, at.backlog, order.id);
}

void OrderRows::forget(EventTime before) {
  forget_.run(count_ns(before));
  clean_.run();
}

Outcome read_outcome(const sqlite::Statement& row) {
  return {row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
          {row.integer(3), row.integer(4)}};
}

}  // namespace tidemark::store
