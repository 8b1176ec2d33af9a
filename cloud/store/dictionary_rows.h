// Dictionaries as each edge sent them, and when each was used last.
#pragma once

#include <functional>

#include "cloud/store/rows.h"

namespace tidemark::store {

// The newest block that names a dictionary: blocks may come in any order, their starts and
// sequences say which was written last.
struct Said {
  std::uint64_t ordinal = 0;  // of the start
  Incarnation incarnation;
  Sequence sequence;
  friend auto operator<=>(const Said&, const Said&) = default;
};

class DictionaryRows {
 public:
  explicit DictionaryRows(sqlite::Database& database);
  // Of all edges, without their bytes but with the number of them.
  void each(const std::function<void(EdgeId, DictionaryHash, const Said&, std::size_t)>& visit);
  Result<ByteVector> bytes(EdgeId edge, DictionaryHash hash);  // corrupt when it is not there
  void add(EdgeId edge, DictionaryHash hash, ByteSpan bytes);
  void save(EdgeId edge, DictionaryHash hash, const Said& said);

 private:
  sqlite::Statement all_, bytes_, add_, save_;
};

}  // namespace tidemark::store
