// The agent's own series of each of its sources: what anomaly filters raised and cleared.
//
// Its rows are copies (Group::copy, never counted), at the time of the reading that an event speaks
// of, and travel on the alarm lane. The text of a row is one event:
//   {"v":1,"type":"event","id":7,"series":"press-07/line1/power_total","time":"…","cause":"spike",
//    "state":"raised","value":98.2,"expected":21.4,"score":3.1,"unit":"W","text":"…"}
// `id` as the machine's own history has it, which gives none twice: "cleared" has that of what it
// ends. `skipped`, where it is there: so many events of this edge came before it since the one
// before and were not sent.
// Of a later version it may say more, and `cause` may be another word.
#pragma once

#include <string_view>

#include "common/model/series.h"

namespace tidemark {

inline constexpr std::string_view kEventsMetric = "$events";  // the device is the source's name
inline constexpr std::size_t kEventBytesMax = 4096;           // of one, as text

inline bool is_events(const SeriesDescription& d) {
  return d.metric == kEventsMetric && d.type == ValueType::text;
}

}  // namespace tidemark
