#include "cloud/cluster/plain_sink.h"

#include "common/base/log.h"

namespace tidemark::cluster {

void IntakeSink::take(const plain::PlainEdge& edge, PlainFlush flush) {
  for (const auto& frame : flush.frames) {
    const auto parked = intake_.counters().parked;
    intake_.take(name_, kPlainSession, frame);
    if (intake_.counters().parked == parked) continue;
    log::info("dictionaries of plain readings are said again", "edge={}", name_);
    for (const auto& d : edge.dictionaries()) intake_.take(name_, kPlainSession, d);
  }
  for (const auto& l : flush.letters) intake_.keep_foreign(l.from, l.reason, l.bytes);
  for (const auto& [name, value] : flush.notes) intake_.note(name, value);
}

}  // namespace tidemark::cluster
