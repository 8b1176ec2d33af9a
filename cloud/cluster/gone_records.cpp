#include "cloud/cluster/gone_records.h"

#include <fmt/format.h>

#include "common/base/log.h"

namespace tidemark::cluster {

std::uint64_t gone_before(const std::string& topic, const kafka::Record& record,
                          std::int64_t read_to, std::int64_t oldest, std::string_view then) {
  if (oldest > read_to && read_to > 0) {
    const auto gone = static_cast<std::uint64_t>(oldest - read_to);
    log::error(fmt::format("records are gone before they were read: retention has passed them{}",
                           then),
               "topic={} partition={} records={}", topic, record.partition, gone);
    return gone;
  }
  if (record.offset < read_to) {
    log::error("a topic goes on before where it was read to: records were lost at the brokers, or "
               "it was made anew",
               "topic={} partition={} read_to={} goes_on_at={}", topic, record.partition, read_to,
               record.offset);
  }
  return 0;
}

}  // namespace tidemark::cluster
