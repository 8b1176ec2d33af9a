#include "cloud/http/json.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"

namespace tidemark::http {
namespace {

double seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }

std::string_view word(SeriesKind kind) {
  switch (kind) {
    case SeriesKind::gauge: return "gauge";
    case SeriesKind::counter: return "counter";
    case SeriesKind::state: return "state";
  }
  return "unknown";
}

std::string_view word(ValueType type) {
  switch (type) {
    case ValueType::f64: return "f64";
    case ValueType::i64: return "i64";
    case ValueType::boolean: return "bool";
    case ValueType::text: return "text";
  }
  return "unknown";
}

std::string lag_or_null(EventTime frontier, EventTime now) {
  return frontier == kEventTimeMin ? "null" : json_number(seconds(now - frontier));
}

std::string to_json(const query::SourceState& s) {
  return fmt::format(
      R"({{"name":{},"poll_class":{},"sealed_until":{},"frontier":{},"device_stamped":{},)"
      R"("due":{},"good":{},"taken":{}}})",
      json_quote(s.name), json_quote(s.poll_class), time_or_null(s.sealed_until),
      time_or_null(s.frontier), s.device_stamped, s.due, s.good, s.taken);
}

std::string to_json(const query::PartitionState& p) {
  const auto owner = p.owner.empty() ? "null" : json_quote(p.owner);
  if (!p.here) {
    return fmt::format(R"({{"partition":{},"owner":{},"here":false,"since":null,"behind":null}})",
                       p.number, owner);
  }
  const auto ready = p.ready ? std::to_string(*p.ready / std::chrono::milliseconds(1)) : "null";
  return fmt::format(
      R"({{"partition":{},"owner":{},"here":true,"since":{},"behind":{},"unpublished":{},)"
      R"("problem":{},"restored":{},"takeover_ms":{},"checkpoint":{},"checkpoint_problem":{}}})",
      p.number, owner, time_or_null(p.since), p.behind, p.unpublished,
      p.problem.empty() ? "null" : json_quote(p.problem), p.restored, ready,
      p.checkpoint == EventTime{} ? "null" : time_or_null(p.checkpoint),
      p.checkpoint_problem.empty() ? "null" : json_quote(p.checkpoint_problem));
}

std::string to_json(const query::Alarm& a) {
  return fmt::format(R"({{"kind":{},"text":{},"first":{},"last":{},"times":{}}})",
                     json_quote(a.kind), json_quote(a.text), time_or_null(a.first),
                     time_or_null(a.last), a.times);
}

std::string to_json(const query::Serving::Refused& r) {
  return fmt::format(R"({{"record":{},"reason":{},"at":{}}})", json_quote(r.record),
                     json_quote(r.reason), time_or_null(r.at));
}

// Of a node that has no edges, and no ledger, of its own.
std::string serving_json(const query::Serving& s, std::uint64_t position, EventTime now) {
  const auto live = [&](std::string json) { return s.running ? std::move(json) : "null"; };
  return fmt::format(
      R"({{"v":1,"now":"{}","position":{},"serves":{{"ready":{},"behind":{},"problem":{},)"
      R"("records":{},"repeated":{},"older":{},"refused":{},"lost":{},"known_from":{},)"
      R"("newest_refused":{}}},"partitions":0,"owners":[],"lag":null,"ledger":null,)"
      R"("dead_letters":{{}},"edges":[]}})",
      format_utc(now), position, live(s.ready ? "true" : "false"), live(std::to_string(s.behind)),
      s.problem.empty() ? "null" : json_quote(s.problem), s.records, s.repeated, s.older, s.refused,
      s.lost, time_or_null(s.known_from),
      json_list(s.newest_refused, [](const auto& r) { return to_json(r); }));
}

// Those that there are.
std::string by_reason(const store::LetterRows::Counts& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",",
                        store::to_string(static_cast<store::LetterReason>(i + 1)), counts[i]);
  }
  return text;
}

}  // namespace

std::string time_or_null(EventTime t) {
  return t == kEventTimeMin || t == kEventTimeMax ? "null" : json_quote(format_utc(t));
}

EventTime frontier_of(const query::EdgeState& edge) {
  EventTime oldest = kEventTimeMax;
  for (const auto& s : edge.sources) oldest = std::min(oldest, s.frontier);
  return oldest == kEventTimeMax ? kEventTimeMin : oldest;
}

std::string to_json(const Ledger& l) {
  return fmt::format(
      R"({{"taken":{},"answered":{},"thinned":{},"duplicate":{},"local":{},"late_ledger":{},)"
      R"("quarantined":{},"evicted":{},"lost":{},"pending":{}}})",
      l.taken, l.answered, l.thinned, l.duplicate, l.local, l.late_ledger, l.quarantined,
      l.evicted, l.lost, l.pending);
}

std::string to_json(const query::EdgeState& e, EventTime now) {
  const auto frontier = frontier_of(e);
  const auto& l = e.ledger;
  const auto missing = l.pending + l.evicted + l.lost;
  const auto completeness =
      l.taken == 0 ? "null"
                   : json_number(static_cast<double>(l.taken - std::min(missing, l.taken)) /
                                   static_cast<double>(l.taken));
  return fmt::format(
      R"({{"name":{},"site":{},"version":{},"state":"{}","away":{},)"
      R"("incarnation":"{:016x}","starts":{},)"
      R"("seen":{},"blocks":{},"blocks_missing":{},"frontier":{},"frontier_lag_s":{},)"
      R"("completeness":{},"ledger":{},"alarms":{},"sources":{}}})",
      json_quote(e.name), json_quote(e.site), json_quote(e.program_version),
      e.connected ? "connected" : "away", e.away.empty() ? "null" : json_quote(e.away),
      e.incarnation.count, e.start_ordinal,
      e.seen == EventTime{} ? "null" : time_or_null(e.seen), e.blocks, e.blocks_missing,
      time_or_null(frontier), lag_or_null(frontier, now), completeness, to_json(l),
      json_list(e.alarms, [](const auto& a) { return to_json(a); }),
      json_list(e.sources, [](const auto& s) { return to_json(s); }));
}

std::string to_json(const query::SeriesState& s) {
  const auto& d = s.description;
  std::string labels;
  for (const auto& [key, value] : d.labels) {
    labels += fmt::format("{}{}:{}", labels.empty() ? "" : ",", json_quote(key),
                          json_quote(value));
  }
  const bool text = d.type == ValueType::text || (!s.described && !s.text.empty());
  const auto described = [&](std::string json) { return s.described ? std::move(json) : "null"; };
  const auto word_of = [&](std::string_view w) { return described(json_quote(w)); };
  return fmt::format(
      R"({{"series":{},"edge":{},"site":{},"source":{},"poll_class":{},"unit":{},"kind":{},)"
      R"("type":{},"labels":{},"first":{},"last":{},"value":{},"text":{},"readings":{}}})",
      json_quote(s.name), json_quote(s.edge), json_quote(s.site), word_of(d.source),
      word_of(d.poll_class), json_quote(d.unit), word_of(word(d.kind)), word_of(word(d.type)),
      described("{" + labels + "}"), time_or_null(s.first), time_or_null(s.last),
      s.value ? json_number(*s.value) : "null", text ? json_quote(s.text) : "null",
      described(std::to_string(s.readings)));
}

std::string to_json(const query::LateRow& r) {
  std::string window = "null";
  if (const auto& w = r.window) {
    window = fmt::format(
        R"({{"view":{},"start":{},"state":"{}","completeness":{},"revision":{}}})",
        json_quote(w->view), time_or_null(w->start), answers::to_string(w->state),
        w->completeness ? json_number(*w->completeness) : "null", w->revision);
  }
  return fmt::format(R"({{"series":{},"start":{},"readings":{},"placement":{},"window":{}}})",
                     json_quote(r.series), time_or_null(r.start), r.readings,
                     json_quote(r.placement), window);
}

std::string to_json(const query::MeterSwap& s) {
  return fmt::format(
      R"({{"series":{},"at":{},"old_end":{},"new_start":{},"known_at":{}}})", json_quote(s.series),
      time_or_null(s.at), json_number(s.old_end), json_number(s.new_start),
      time_or_null(s.known_at));
}

std::string to_json(const query::WaivedSource& w) {
  return fmt::format(
      R"({{"source":{},"kind":"{}","until":{},"by":{},"reason":{},"at":{},"ended":{},)"
      R"("ended_by":{}}})",
      json_quote(w.source), w.retired ? "retired" : "waived", time_or_null(w.until),
      json_quote(w.by), json_quote(w.reason), time_or_null(w.at), time_or_null(w.ended),
      w.ended_by.empty() ? "null" : json_quote(w.ended_by));
}

std::string to_json(const query::ViewVersion& v) {
  return fmt::format(R"({{"view":{},"version":{},"since":{},"until":{}}})", json_quote(v.view),
                     v.version, time_or_null(v.since), time_or_null(v.until));
}

// The object as it is kept, with its partition.
std::string to_json(const store::Event& e) {
  if (!e.partition) return e.json;
  const auto open = std::string_view(e.json).substr(0, e.json.size() - 1);
  return fmt::format(R"({},"partition":{}}})", open, *e.partition);
}

std::string to_json(const store::Letter& l) {
  const bool named = l.block.incarnation.count != 0;
  const auto or_null = [](bool there, const std::string& json) { return there ? json : "null"; };
  const auto text_or_null = [](const std::string& s) { return s.empty() ? "null" : json_quote(s); };
  const auto time = [&](std::int64_t t) { return or_null(named, time_or_null(event_time(t))); };
  const bool closed = l.state != store::LetterState::kept;
  return fmt::format(
      R"({{"id":{},"partition":{},"edge":{},"why":"{}","reason":{},"at":{},"state":"{}",)"
      R"("closed":{},"outcome":{},"frame":{},"incarnation":{},"sequence":{},"from":{},"to":{},)"
      R"("dictionary":{},"origin":{},"bytes":{},"readings":{}}})",
      l.id, or_null(l.partition.has_value(), std::to_string(l.partition.value_or(0))),
      json_quote(l.edge), store::to_string(l.why), json_quote(l.reason), time_or_null(l.at),
      store::to_string(l.state), or_null(closed, time_or_null(l.closed)), text_or_null(l.outcome),
      text_or_null(l.frame), or_null(named, fmt::format("\"{:016x}\"", l.block.incarnation.count)),
      or_null(named, std::to_string(l.block.sequence.count)), time(l.time_min), time(l.time_max),
      or_null(l.wants.count != 0, fmt::format("\"{:016x}\"", l.wants.count)),
      text_or_null(l.origin), l.size, l.readings);
}

Result<std::string> status_json(query::Reader& reader, EventTime now) {
  TIDE_ASSIGN(const auto position, reader.position());
  TIDE_ASSIGN(const auto serving, reader.serving());
  if (serving) return serving_json(*serving, position, now);
  TIDE_ASSIGN(const auto ledger, reader.ledger());
  TIDE_ASSIGN(const auto edges, reader.edges());
  TIDE_ASSIGN(const auto partitions, reader.partitions());
  TIDE_ASSIGN(const auto letters, reader.letter_counts());
  const auto here = std::ranges::count_if(partitions, &query::PartitionState::here);
  EventTime slowest = kEventTimeMax;
  for (const auto& e : edges) {
    const auto frontier = frontier_of(e);
    if (e.connected && frontier != kEventTimeMin) slowest = std::min(slowest, frontier);
  }
  return fmt::format(
      R"({{"v":1,"now":"{}","position":{},"partitions":{},"owners":{},"lag":{},"ledger":{},)"
      R"("dead_letters":{{{}}},"edges":{}}})",
      format_utc(now), position, partitions.empty() ? 1 : here,
      json_list(partitions, [](const auto& p) { return to_json(p); }),
      slowest == kEventTimeMax ? "null" : json_number(seconds(now - slowest)), to_json(ledger),
      by_reason(letters.kept), json_list(edges, [now](const auto& e) { return to_json(e, now); }));
}

}  // namespace tidemark::http
