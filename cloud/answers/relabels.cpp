#include "cloud/answers/relabels.h"

#include "common/base/log.h"

namespace tidemark::answers {

void save_relabels(sqlite::Database& database, const std::vector<Relabel>& relabels) {
  database.run("DELETE FROM relabels");
  sqlite::Statement add(database, "INSERT INTO relabels(definition) VALUES(?)");
  for (const auto& r : relabels) add.run(r.encode());
}

std::vector<Relabel> load_relabels(sqlite::Database& database) {
  std::vector<Relabel> all;
  sqlite::Statement select(database, "SELECT definition FROM relabels ORDER BY position");
  select.start();
  while (select.next()) {
    auto relabel = Relabel::decode(select.blob(0));
    if (relabel) {
      all.push_back(std::move(relabel).value());
    } else {
      log::error("labels that the node gives cannot be read, they are missing here", "error={}",
                 relabel.error().text());
    }
  }
  return all;
}

}  // namespace tidemark::answers
