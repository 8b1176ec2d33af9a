#include "cloud/store/dictionary_rows.h"

namespace tidemark::store {

DictionaryRows::DictionaryRows(sqlite::Database& database)
    : all_(database, "SELECT d.edge,d.hash,ordinal,incarnation,sequence,length(bytes),"
                     "COALESCE(position,?) FROM dictionaries d LEFT JOIN dictionary_uses u"
                     " ON u.edge=d.edge AND u.hash=d.hash"),
      bytes_(database, "SELECT bytes FROM dictionaries WHERE edge=? AND hash=?"),
      add_(database, "INSERT INTO dictionaries(edge,hash,bytes) VALUES(?,?,?)"
                     " ON CONFLICT DO UPDATE SET bytes=excluded.bytes"),
      save_(database, "UPDATE dictionaries SET ordinal=?,incarnation=?,sequence=?"
                      " WHERE edge=? AND hash=?"),
      use_(database, "INSERT INTO dictionary_uses VALUES(?,?,?)"
                     " ON CONFLICT DO UPDATE SET position=excluded.position"),
      empty_(database, "UPDATE dictionaries SET bytes=x'' WHERE edge=? AND hash=?"),
      remove_(database, "DELETE FROM dictionaries WHERE edge=? AND hash=?"),
      forget_use_(database, "DELETE FROM dictionary_uses WHERE edge=? AND hash=?") {}

void DictionaryRows::each(ArchivePosition end,
                          const std::function<void(const DictionaryRow&)>& visit) {
  all_.start(end.value);
  while (all_.next()) {
    visit({static_cast<EdgeId>(all_.integer(0)), {all_.count(1)},
           {all_.count(2), {all_.count(3)}, {all_.count(4)}}, all_.count(5), {all_.count(6)}});
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

void DictionaryRows::add(EdgeId edge, DictionaryHash hash, ByteSpan bytes,
                         ArchivePosition position) {
  add_.run(edge, hash.count, bytes);
  use_.run(edge, hash.count, position.value);
}

void DictionaryRows::save(EdgeId edge, DictionaryHash hash, const Said& said,
                          ArchivePosition position) {
  save_.run(said.ordinal, said.incarnation.count, said.sequence.count, edge, hash.count);
  use_.run(edge, hash.count, position.value);
}

void DictionaryRows::drop(EdgeId edge, DictionaryHash hash, bool said_too) {
  (said_too ? remove_ : empty_).run(edge, hash.count);
  forget_use_.run(edge, hash.count);
}

}  // namespace tidemark::store
