#include "cloud/store/dictionary_rows.h"

namespace tidemark::store {

DictionaryRows::DictionaryRows(sqlite::Database& database)
    : all_(database, "SELECT edge,hash,ordinal,incarnation,sequence,length(bytes)"
                     " FROM dictionaries"),
      bytes_(database, "SELECT bytes FROM dictionaries WHERE edge=? AND hash=?"),
      add_(database, "INSERT OR IGNORE INTO dictionaries(edge,hash,bytes) VALUES(?,?,?)"),
      save_(database, "UPDATE dictionaries SET ordinal=?,incarnation=?,sequence=?"
                      " WHERE edge=? AND hash=?") {}

void DictionaryRows::each(
    const std::function<void(EdgeId, DictionaryHash, const Said&, std::size_t)>& visit) {
  all_.start();
  while (all_.next()) {
    visit(static_cast<EdgeId>(all_.integer(0)), {all_.count(1)},
          {all_.count(2), {all_.count(3)}, {all_.count(4)}}, all_.count(5));
  }
}

Result<ByteVector> DictionaryRows::bytes(EdgeId edge, DictionaryHash hash) {
  if (!bytes_.start(edge, hash.count).next()) {
    return Error(Fault::corrupt, "cloud.db: a dictionary that is known is not there");
  }
  const auto blob = bytes_.blob(0);
  ByteVector bytes(blob.begin(), blob.end());
  bytes_.rewind();
  return bytes;
}

void DictionaryRows::add(EdgeId edge, DictionaryHash hash, ByteSpan bytes) {
  add_.run(edge, hash.count, bytes);
}

void DictionaryRows::save(EdgeId edge, DictionaryHash hash, const Said& said) {
  save_.run(said.ordinal, said.incarnation.count, said.sequence.count, edge, hash.count);
}

}  // namespace tidemark::store
