// Sources that need not be waited for, as persons say it: `waive SOURCE UNTIL BY REASON`,
// `retire SOURCE AT BY REASON`, `unwaive SOURCE BY`. SOURCE is edge/source, or edge/* for all that
// the edge has.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "cloud/store/orders.h"
#include "common/base/text.h"

namespace tidemark::intake {
namespace {

constexpr std::size_t kTextMax = 500;  // of a name or a reason

}  // namespace

// Names of the edge's sources, each once.
Result<Intake::NamedSources> Intake::sources_called(const std::string& text) const {
  const auto slash = text.find('/');
  const auto session = sessions_.find(text.substr(0, slash));
  if (slash == std::string::npos || session == sessions_.end()) {
    return Error(Fault::bad_input, fmt::format("'{}': expected EDGE/SOURCE of an edge that the "
                                               "cloud knows, as `tidemark cloud watermark` shows "
                                               "them, or EDGE/*", text));
  }
  NamedSources found{session->second->edge, {}};
  const auto wanted = text.substr(slash + 1);
  std::set<std::string> known;
  for (const auto& source : found.edge->books.sources()) known.insert(source.name);
  if (wanted == "*") {
    found.names.assign(known.begin(), known.end());
  } else if (known.contains(wanted)) {
    found.names.push_back(wanted);
  }
  if (!found.names.empty()) return found;
  const std::vector<std::string> names(known.begin(), known.end());
  const auto near = nearest(wanted, names);
  return Error(Fault::bad_input,
               fmt::format("{} has no source '{}'{}", found.edge->row.name, wanted,
                           near.empty() ? "" : ", did you mean '" + near + "'?"));
}

Result<std::string> Intake::waive(const std::vector<std::string_view>& parts, EventTime at) {
  const bool retire = parts[0] == "retire";
  const auto until = parts.size() == 5 ? store::order_time(parts[2]) : std::nullopt;
  if (!until) {
    return Error(Fault::bad_input, fmt::format("expected: {} SOURCE TIME BY REASON, the time in ns",
                                               parts[0]));
  }
  const auto by = store::from_order_word(parts[3]);
  const auto reason = store::from_order_word(parts[4]);
  if (by.empty() || reason.empty() || by.size() > kTextMax || reason.size() > kTextMax) {
    return Error(Fault::bad_input, fmt::format("who says it and why are needed, each of at most {} "
                                               "characters", kTextMax));
  }
  if (retire && *until > at) {
    return Error(Fault::bad_input, "a source is retired from a time on that has come; until then "
                                   "it can be waived");
  }
  TIDE_ASSIGN(const auto named, sources_called(store::from_order_word(parts[1])));
  for (const auto& name : named.names) {
    store::Waiver waiver;
    waiver.edge = named.edge->row.id;
    waiver.edge_name = named.edge->row.name;
    waiver.source = name;
    waiver.retired = retire;
    waiver.until = *until;
    waiver.by = by;
    waiver.reason = reason;
    waiver.at = at;
    TIDE_ASSIGN(const bool ends, store_->waivers().add(waiver));
    if (ends) forget_words(*named.edge, name);
    tell_words(*named.edge, name);
  }
  return fmt::format("{} source{} of {}: {}", named.names.size(),
                     named.names.size() == 1 ? "" : "s", named.edge->row.name,
                     retire ? fmt::format("retired at {}", format_utc(*until))
                            : fmt::format("waived until {}", format_utc(*until)));
}

Result<std::string> Intake::end_waiver(const std::vector<std::string_view>& parts, EventTime at) {
  if (parts.size() != 3) return Error(Fault::bad_input, "expected: unwaive SOURCE BY");
  TIDE_ASSIGN(const auto named, sources_called(store::from_order_word(parts[1])));
  const auto by = store::from_order_word(parts[2]);
  std::size_t ended = 0;
  for (const auto& name : named.names) {
    if (!store_->waivers().end(named.edge->row.id, name, by, at)) continue;
    ++ended;
    forget_words(*named.edge, name);
  }
  if (ended == 0) {
    return Error(Fault::bad_input, fmt::format("'{}' is neither retired nor waived",
                                               store::from_order_word(parts[1])));
  }
  return fmt::format("{} source{} of {}: windows wait for {} again", ended, ended == 1 ? "" : "s",
                     named.edge->row.name, ended == 1 ? "it" : "them");
}

// What is said of a source holds in all of its poll classes, also of one that comes later.
void Intake::tell_words(const Edge& edge, const std::string& name) {
  const auto words = store_->waivers().in_force(edge.row.id, name);
  if (words.empty()) return;
  for (const auto& source : edge.books.sources()) {
    if (source.name == name) emitter_->waive(source.id, words);
  }
}

void Intake::forget_words(const Edge& edge, const std::string& name) {
  for (const auto& source : edge.books.sources()) {
    if (source.name == name) emitter_->end_waiver(source.id, clock_.steady());
  }
}

}  // namespace tidemark::intake
