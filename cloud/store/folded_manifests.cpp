#include "cloud/store/folded_manifests.h"

#include <algorithm>
#include <map>

namespace tidemark::store {
namespace {

constexpr Nanoseconds kQuarter = std::chrono::minutes(15);
constexpr Nanoseconds kDay = std::chrono::hours(24);
constexpr std::int64_t kMinuteNs = 60'000'000'000;

constexpr auto kAdd =
    "INSERT INTO folded VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET due=due+excluded.due,"
    " good=good+excluded.good, taken=taken+excluded.taken, sent=sent+excluded.sent,"
    " received=received+excluded.received, lacking=lacking+excluded.lacking";
// Of quarters that start before ?2; ?3 is a day.
constexpr auto kAddDays =
    "INSERT INTO folded SELECT source, start-start%?3, ?3, SUM(due), SUM(good), SUM(taken),"
    " SUM(sent), SUM(received), SUM(lacking) FROM folded"
    " WHERE source=?1 AND width<?3 AND start<?2 GROUP BY 2"
    " ON CONFLICT DO UPDATE SET due=due+excluded.due, good=good+excluded.good,"
    " taken=taken+excluded.taken, sent=sent+excluded.sent, received=received+excluded.received,"
    " lacking=lacking+excluded.lacking";

}  // namespace

FoldedManifests::FoldedManifests(sqlite::Database& database)
    : select_(database, "SELECT due, good, taken, sent, received, lacking FROM folded"
                        " WHERE source=? AND start>? AND start<? AND start+width>?") {}

reconcile::ManifestSum FoldedManifests::sum(SourceId source, EventTime from, EventTime to) {
  reconcile::ManifestSum sum;
  select_.start(source, count_ns(from - kDay), count_ns(to), count_ns(from));
  while (select_.next()) {
    sum += {select_.count(0), select_.count(1), select_.count(2), select_.count(3),
            select_.count(4), select_.count(5)};
  }
  return sum;
}

ManifestFolder::ManifestFolder(sqlite::Database& database)
    : newest_(database, "SELECT start+width FROM folded WHERE source=?"
                        " ORDER BY start DESC, width DESC LIMIT 1"),
      minutes_(database, "SELECT minute, state FROM minutes WHERE source=? AND minute<?"
                         " ORDER BY minute LIMIT ?"),
      forget_minutes_(database, "DELETE FROM minutes WHERE source=? AND minute<=?"),
      add_(database, kAdd),
      add_days_(database, kAddDays),
      forget_quarters_(database, "DELETE FROM folded WHERE source=? AND width<? AND start<?"),
      forget_days_(database, "DELETE FROM folded WHERE source=? AND start<?") {}

EventTime ManifestFolder::folded_until(SourceId source) {
  const auto [at, fresh] = until_.try_emplace(source, kEventTimeMin);
  if (fresh) {
    if (newest_.start(source).next()) at->second = event_time(newest_.integer(0));
    newest_.rewind();
  }
  return at->second;
}

bool ManifestFolder::due(SourceId source, const Floors& floors) {
  return floors.minutes > kEventTimeMin &&
         floor_to(floors.minutes, kQuarter) > folded_until(source);
}

ManifestFolder::Folded ManifestFolder::fold(SourceId source, const Floors& floors) {
  std::map<std::int64_t, reconcile::ManifestSum> quarters;
  std::size_t read = 0;
  std::int64_t last = 0;
  const auto until = floor_to(floors.minutes, kQuarter);
  minutes_.start(source, count_ns(until) / kMinuteNs, std::int64_t{kMinutesAtATime});
  for (; minutes_.next(); ++read) {
    last = minutes_.integer(0);
    ByteReader in(minutes_.blob(1));
    quarters[count_ns(floor_to(event_time(last * kMinuteNs), kQuarter))] +=
        reconcile::MinuteManifest::decode(in).sum();
  }
  for (const auto& [start, sum] : quarters) {
    add_.run(source, start, kQuarter.count(), sum.due, sum.good, sum.taken, sum.sent,
             sum.received, sum.lacking);
  }
  if (read > 0) forget_minutes_.run(source, last);
  auto& done = until_[source];
  if (read < kMinutesAtATime) {
    done = until;
  } else {
    done = std::max(done, floor_to(event_time(last * kMinuteNs), kQuarter) + kQuarter);
  }
  if (floors.quarters > kEventTimeMin) {
    const auto before = count_ns(floor_to(floors.quarters, kDay));
    add_days_.run(source, before, kDay.count());
    forget_quarters_.run(source, kDay.count(), before);
  }
  if (floors.days > kEventTimeMin) forget_days_.run(source, count_ns(floors.days));
  if (quarters.empty()) return {until, until};
  return {event_time(quarters.begin()->first), event_time(quarters.rbegin()->first) + kQuarter};
}

}  // namespace tidemark::store
