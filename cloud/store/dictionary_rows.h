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

struct DictionaryRow {
  EdgeId edge = 0;
  DictionaryHash hash;
  Said said;
  std::size_t bytes = 0;       // 0: they are gone, only `said` is left
  ArchivePosition position{};  // no archived block beyond it names it
};

class DictionaryRows {
 public:
  explicit DictionaryRows(sqlite::Database& database);
  // Of all edges. Those of which nobody knows where they were named were named until `end`.
  void each(ArchivePosition end, const std::function<void(const DictionaryRow&)>& visit);
  Result<ByteVector> bytes(EdgeId edge, DictionaryHash hash);  // corrupt when it is not there
  void add(EdgeId edge, DictionaryHash hash, ByteSpan bytes, ArchivePosition position);
  void save(EdgeId edge, DictionaryHash hash, const Said& said, ArchivePosition position);
  // Its bytes go; with `said` too, nothing of it is left.
  void drop(EdgeId edge, DictionaryHash hash, bool said_too);

 private:
  sqlite::Statement all_, bytes_, add_, save_, use_, empty_, remove_, forget_use_;
};

}  // namespace tidemark::store
