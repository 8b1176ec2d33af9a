#include "cloud/answers/view.h"

#include <algorithm>

#include "common/base/hash.h"
#include "common/config/section.h"

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kCalendarVersion = 2;   // the same, and the calendar behind it
constexpr std::uint8_t kSelectionVersion = 3;  // both, selection, inputs and figures behind them
constexpr std::uint8_t kJoinsVersion = 4;      // all that, and joins
constexpr std::size_t kTextsMax = 64;
constexpr std::size_t kGroupByMax = 16;

void encode_texts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.varint(texts.size());
  for (const auto& t : texts) out.text(t);
}
std::vector<std::string> decode_texts(ByteReader& in) {
  std::vector<std::string> texts;
  const auto n = std::min(in.length(), kTextsMax);
  for (std::size_t i = 0; i < n; ++i) texts.emplace_back(in.text());
  return texts;
}

void encode_pairs(ByteWriter& out, const std::map<std::string, std::string>& pairs) {
  out.varint(pairs.size());
  for (const auto& [name, text] : pairs) {
    out.text(name);
    out.text(text);
  }
}
std::map<std::string, std::string> decode_pairs(ByteReader& in) {
  std::map<std::string, std::string> pairs;
  for (auto n = std::min(in.length(), kTextsMax); n > 0; --n) {
    auto name = std::string(in.text());
    pairs[std::move(name)] = in.text();
  }
  return pairs;
}

template <typename Value>
std::vector<std::string> keys_of(const std::map<std::string, Value>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

}  // namespace

bool View::over_partitions() const {
  return emitted() && !by_series() && !by_session() && joins.empty();
}

bool View::by_series() const {
  return std::find(group_by.begin(), group_by.end(), "series") != group_by.end();
}

Formulas View::formulas() const {
  auto names = keys_of(inputs);
  for (const auto& [join, text] : joins) names.push_back(join);
  auto parsed = Formulas::parse(figures, names);
  return parsed ? std::move(parsed).value() : Formulas();
}

std::vector<Join> View::parsed_joins() const {
  std::vector<Join> all;
  for (const auto& [join_name, text] : joins) {
    auto join = Join::parse(text, keys_of(inputs));
    if (!join) return {};
    all.push_back(std::move(join).value());
  }
  return all;
}

window::Parts View::parts_of_join(const std::string& join) const {
  window::Parts parts;
  for (const auto& [aggregate, input] : formulas().asked()) {
    if (input == join) parts.add(window::Parts::of({&aggregate, 1}, ValueType::f64));
  }
  return parts;
}

std::vector<std::string> View::needed() const {
  if (!has_figures()) return aggregates;
  std::vector<std::string> all;
  for (const auto& [aggregate, input] : formulas().asked()) {
    if (!joins.contains(input) && (all.empty() || all.back() != aggregate)) {
      all.push_back(aggregate);
    }
  }
  return all;
}

std::uint32_t View::inputs_of(const std::string& full_name, const Labels& labels) const {
  std::uint32_t bits = 0, bit = 1;
  for (const auto& [input, selection] : inputs) {
    if (selection.matches(full_name, labels)) bits |= bit;
    bit <<= 1;
  }
  return bits;
}

bool View::selects(const std::string& full_name, const Labels& labels, ValueType type) const {
  if (!select.matches(full_name, labels)) return false;
  if (!has_figures()) return true;
  return type != ValueType::text && inputs_of(full_name, labels) != 0;
}

reconcile::Tier View::finest() const {
  const auto minute = reconcile::width_of(reconcile::Tier::minute);
  if (by_session()) {  // whose gaps are two panes or more
    const bool wide = window.gap % minute == Nanoseconds{} && window.gap >= 2 * minute;
    return wide ? reconcile::Tier::minute : reconcile::Tier::second;
  }
  const auto filled = [this](reconcile::Tier t) {
    const auto width = reconcile::width_of(t);
    return window.size % width == Nanoseconds{} && window.every % width == Nanoseconds{};
  };
  if (filled(reconcile::Tier::minute)) return reconcile::Tier::minute;
  // Pairs below a minute are kept by seconds.
  return filled(reconcile::Tier::ten) && joins.empty() ? reconcile::Tier::ten
                                                       : reconcile::Tier::second;
}

Grid View::grid() const {
  if (hopping()) return {window.size, window.every};
  if (by_session()) return Grid(reconcile::width_of(finest()));
  if (!by_calendar()) return Grid(window.size);
  auto grid = Grid::calendar(window.calendar);
  if (grid) return std::move(grid).value();
  auto utc = window.calendar;
  utc.zone = "UTC";
  grid = Grid::calendar(utc);
  return grid ? std::move(grid).value() : Grid(window.size);
}

reconcile::Tier View::kept_as() const {
  if (by_calendar()) return reconcile::Tier::quarter;
  if (by_session()) return finest();
  auto tier = reconcile::Tier::second;
  for (const auto t : {reconcile::Tier::ten, reconcile::Tier::minute, reconcile::Tier::quarter,
                       reconcile::Tier::day}) {
    const auto width = reconcile::width_of(t);
    if (window.size % width == Nanoseconds{} && window.every % width == Nanoseconds{}) tier = t;
  }
  return tier;
}

ByteVector View::definition() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  // What an older program could say is said as it did: the view stays the one that it was.
  const bool one_pattern =
      select.labels.empty() && select.patterns.size() == 1 && figures.empty() && !emit.subscribed &&
      !by_session();
  const auto version = !joins.empty()  ? kJoinsVersion
                       : !one_pattern  ? kSelectionVersion
                       : by_calendar() ? kCalendarVersion
                                       : kVersion;
  out.u8(version);
  out.text(name);
  out.text(one_pattern ? select.patterns[0] : std::string());
  encode_texts(out, group_by);
  encode_texts(out, aggregates);
  out.text(window.type);
  out.varint(static_cast<std::uint64_t>(window.size.count()));
  out.varint(static_cast<std::uint64_t>(window.every.count()));
  if (version != kVersion) {
    out.text(window.calendar.unit);
    out.text(window.calendar.zone);
    out.text(window.calendar.week_start);
    encode_texts(out, window.calendar.shifts);
  }
  if (version < kSelectionVersion) return bytes;
  select.encode(out);
  out.varint(inputs.size());
  for (const auto& [input, selection] : inputs) {
    out.text(input);
    selection.encode(out);
  }
  encode_pairs(out, figures);
  out.u8(emit.subscribed ? 1 : 0);
  out.varint(static_cast<std::uint64_t>(window.gap.count()));
  if (version == kJoinsVersion) encode_pairs(out, joins);
  return bytes;
}

std::uint64_t hash_of_definition(ByteSpan bytes) { return std::max<std::uint64_t>(1, xxh3(bytes)); }

std::uint64_t View::hash() const { return hash_of_definition(definition()); }

Result<View> View::from_definition(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version < kVersion || version > kJoinsVersion) {
    return Error(Fault::unsupported, "view of an unknown version");
  }
  View v;
  v.name = std::string(in.text());
  v.select = Selection(std::string(in.text()));
  v.group_by = decode_texts(in);
  v.aggregates = decode_texts(in);
  v.window.type = std::string(in.text());
  v.window.size = Nanoseconds(static_cast<std::int64_t>(in.varint()));
  v.window.every = Nanoseconds(static_cast<std::int64_t>(in.varint()));
  if (version != kVersion) {
    v.window.calendar.unit = std::string(in.text());
    v.window.calendar.zone = std::string(in.text());
    v.window.calendar.week_start = std::string(in.text());
    v.window.calendar.shifts = decode_texts(in);
  }
  if (version >= kSelectionVersion) {
    v.select = Selection::decode(in);
    for (auto n = std::min(in.length(), kTextsMax); n > 0; --n) {
      auto input = std::string(in.text());
      v.inputs[std::move(input)] = Selection::decode(in);
    }
    v.figures = decode_pairs(in);
    v.emit.subscribed = in.u8() != 0;
    v.window.gap = Nanoseconds(static_cast<std::int64_t>(in.varint()));
    if (version == kJoinsVersion) v.joins = decode_pairs(in);
  }
  if (!in.done()) return Error(Fault::corrupt, "view: its definition does not decode");
  return v;
}

std::vector<std::string> all_aggregates() {
  return {"count", "min", "max", "sum", "mean", "stddev", "first", "last"};
}

View built_in_view() {
  View v;
  v.name = "minute";
  v.select = "**";
  v.group_by = {"series"};
  v.aggregates = all_aggregates();
  v.window = {"tumbling", std::chrono::minutes(1), {}};
  v.emit = {std::chrono::seconds(5), std::chrono::seconds(5)};
  return v;
}

Result<std::vector<View>> views_in_force(std::vector<View> configured) {
  std::vector<std::string> names;
  for (const auto& v : configured) {
    if (std::find(names.begin(), names.end(), v.name) != names.end()) {
      return Error(Fault::bad_input, "view '" + v.name + "' is declared twice; rename one of them");
    }
    names.push_back(v.name);
  }
  const auto built_in = built_in_view();
  if (std::find(names.begin(), names.end(), built_in.name) == names.end()) {
    configured.insert(configured.begin(), built_in);
  }
  return configured;
}

namespace {

void describe_calendar(config::Section& s, ViewWindow& w) {
  auto& c = w.calendar;
  std::string size;
  s.text("size", size, {.preset = "1 day", .help = "1 day, 1 week or 1 month."});
  s.text("tz", c.zone, {.preset = "UTC", .help = "Time zone in which they begin.",
                        .example = "Europe/Berlin"});
  s.choice("week_start", c.week_start,
           {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
           {.preset = "monday", .help = "Day that a week begins with."});
  s.texts("shift", c.shifts, {.help = "Instead of a size: when shifts begin, each to the next.",
                              .example = "06:00, 14:00, 22:00"});
  const auto unit = size.substr(size.find_first_not_of("1 ") == std::string::npos
                                    ? size.size()
                                    : size.find_first_not_of("1 "));
  c.unit = c.shifts.empty() ? unit : "shift";
  w.size = std::chrono::hours(24) * (c.unit == "month" ? 31 : c.unit == "week" ? 7 : 1);
  if (c.unit != "shift" && c.unit != "day" && c.unit != "week" && c.unit != "month") {
    return s.complain("size", "'" + size + "' is no window of a calendar, expected \"1 day\", "
                              "\"1 week\" or \"1 month\"");
  }
  if (const auto grid = Grid::calendar(c); !grid) {
    s.complain(c.unit == "shift" ? "shift" : "tz", grid.error().text());
  }
}

}  // namespace

void describe(config::Section& s, ViewWindow& w) {
  s.choice("type", w.type, {"tumbling", "hopping", "sliding", "session", "calendar"},
           {.preset = "tumbling",
            .help = "tumbling: one after another; hopping: one begins each `every`, sliding: one "
                    "ends each `every`, overlapping, both computed when asked unless subscribed; "
                    "session: from the first reading to the last that no `gap` divides; "
                    "calendar: size = \"1 day\", \"1 week\", \"1 month\" or shift = [\"06:00\", "
                    "\"14:00\"] in tz."});
  if (w.type == "calendar") return describe_calendar(s, w);
  s.duration("gap", w.gap, {.preset = "0s", .max = "1day",
                            .help = "Session: it ends when nothing came for so long; 2s or more, "
                                    "of whole minutes 2min."});
  if (w.type == "session") {
    w.size = w.gap;
    if (w.gap < std::chrono::seconds(2) || w.gap % std::chrono::seconds(1) != Nanoseconds{}) {
      s.complain("gap", "a session ends after 2s or more without a reading, in whole seconds");
    }
    return;
  }
  s.duration("size", w.size, {.preset = "1min", .min = "1s", .max = "31day",
                              .help = "Length of a window, in whole seconds."});
  s.duration("every", w.every, {.preset = "0s", .help = "Hopping: distance between two starts; "
                                "sliding: between two ends, 1s or, of whole minutes, 1min when not "
                                "given."});
  if (w.type == "sliding" && w.every == Nanoseconds{}) {
    const Nanoseconds minute = std::chrono::minutes(1);
    w.every = w.size % minute == Nanoseconds{} ? minute : std::chrono::seconds(1);
  }
  // One that ends at each step begins at each, too.
  if (w.type == "sliding" && w.every > Nanoseconds{} && w.size % w.every != Nanoseconds{}) {
    s.complain("every", "a sliding window is a whole number of steps long");
  }
  if (w.size % std::chrono::seconds(1) != Nanoseconds{}) {
    s.complain("size", "a window is a whole number of seconds long");
  }
  if (w.type != "tumbling" && (w.every <= Nanoseconds{} || w.every > w.size ||
                              w.every % std::chrono::seconds(1) != Nanoseconds{})) {
    s.complain("every", "a window of this type comes every 1s to its size, in whole seconds");
  }
}

void describe(config::Section& s, ViewEmit& e) {
  s.flag("subscribed", e.subscribed,
         {.preset = "false", .help = "Hopping and sliding windows are answered all the time, with "
                                     "seals and revisions, not only when somebody asks."});
  s.duration("early", e.early, {.preset = "5s",
                                .help = "Cadence of answers before the seal; 0s: none."});
  s.duration("revision_interval", e.revision_interval,
             {.preset = "5s", .help = "A window is revised at most this often."});
  s.number("complete", e.complete,
           {.preset = "0", .min = "0", .max = "1",
            .help = "Answer a window before its seal, at once, when its edge has taken all of it "
                    "and this share of that has arrived; 0: no."});
}

void describe_selection(config::Section& s, Selection& selection) {
  std::string text;
  s.text("select", text,
         {.preset = "**", .help = "Globs over series, edge/device/metric, separated by commas; "
                                  "\"!glob\" takes out.",
          .example = "*/power_total,!press-07/**"});
  Labels labels;
  s.pairs("labels", labels,
          {.help = "Only series with these labels, by globs over their values: those of the edge "
                   "and of [[relabel]], and site, edge, device, metric, source, unit.",
           .example = "{ unit = \"W\", area = \"stamping\" }"});
  auto parsed = Selection::parse(text);
  if (!parsed) return s.complain("select", parsed.error().text());
  selection = std::move(parsed).value();
  for (auto& [name, value] : labels) selection.labels[name] = value;
  if (const auto right = selection.check(); !right) s.complain("labels", right.error().text());
}

void describe(config::Section& s, Relabel& r) {
  describe_selection(s, r.select);
  s.pairs("set", r.labels, {.required = true, .help = "Labels that they get.",
                            .example = "{ area = \"stamping\", line = \"line1\" }"});
  if (r.labels.size() > Selection::kLabelsMax) {
    s.complain("set", "more than " + std::to_string(Selection::kLabelsMax) + " labels; a further "
                      "[[relabel]] can give the rest");
  }
  for (const auto& [label, value] : r.labels) {
    if (!can_relabel(label)) {
      s.complain("set", "'" + label + "' is what a series is, no label that can be given");
    }
    Selection one;
    one.labels[label] = value;
    if (const auto right = one.check(); !right) s.complain("set", right.error().text());
  }
}

namespace {
void check_group_by(config::Section& s, const View& v) {
  auto names = v.group_by;
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) s.complain("group_by", "'" + *twice + "' is named twice");
  if (names.size() > kGroupByMax) {
    s.complain("group_by", "more than " + std::to_string(kGroupByMax) + " labels");
  }
  for (const auto& name : names) {
    Selection one;
    one.labels[name] = "x";
    if (const auto right = one.check(); !right) s.complain("group_by", right.error().text());
  }
}

void check_joins(config::Section& s, const View& v) {
  if (v.joins.size() > View::kJoinsMax) {
    s.complain("joins", "more than " + std::to_string(View::kJoinsMax));
  }
  for (const auto& [name, text] : v.joins) {
    const auto join = Join::parse(text, keys_of(v.inputs));
    if (!join) s.complain("joins", name + ": " + join.error().text());
    if (v.inputs.contains(name)) s.complain("joins", "'" + name + "' is an input already");
  }
  if (!v.joins.empty() && v.hopping()) {
    s.complain("joins", "are of windows that follow each other, not of hopping or sliding ones");
  }
}

void check_asked(config::Section& s, const View& v, const std::string& aggregate,
                 const std::string& input) {
  const bool join = v.joins.contains(input);
  if (aggregate == Formulas::kUnpaired && !join) {
    s.complain("figures", aggregate + "(" + input + "): of joins only");
  }
  if (join && window::Parts::of({&aggregate, 1}, ValueType::f64).ordered) {
    s.complain("figures", aggregate + "(" + input + "): the values of a join hold for no time, "
                          "they have no " + aggregate);
  }
}

void describe_figures(config::Section& s, View& v) {
  std::map<std::string, std::string> inputs;
  s.pairs("inputs", inputs,
          {.help = "Named parts of a group, each by a selection; for figures.",
           .example = "{ kwh = \"*/energy_import\", parts = \"*/count{area=stamping}\" }"});
  s.pairs("joins", v.joins,
          {.help = "Values of two inputs or more whose readings come at different times: FORMULA "
                   "at INPUT within DURATION pairs each reading of INPUT with the latest of other "
                   "inputs, not older than that. Figures take them like inputs; unpaired(JOIN).",
           .example = "{ ratio = \"power / flow at power within 2s\" }"});
  s.pairs("figures", v.figures,
          {.help = "Instead of aggregates: formulas of AGGREGATE(INPUT), numbers, + - * / ( ) min "
                   "max and other figures. What cannot be computed is empty, and notes say why.",
           .example = "{ kwh_per_part = \"increase(kwh) / sum(parts)\" }"});
  std::vector<std::string> names;
  for (const auto& [name, text] : inputs) {
    auto selection = Selection::parse(text);
    if (!selection) s.complain("inputs", name + ": " + selection.error().text());
    if (selection) v.inputs[name] = std::move(selection).value();
    names.push_back(name);
  }
  if (names.size() > View::kInputsMax) {
    s.complain("inputs", "more than " + std::to_string(View::kInputsMax));
  }
  if (names.empty() != v.figures.empty()) {
    return s.complain(names.empty() ? "figures" : "inputs",
                      names.empty() ? "figures are computed from inputs, which are not there"
                                    : "no figures say what is computed from them");
  }
  if (v.figures.empty()) {
    if (!v.joins.empty()) s.complain("joins", "figures say what is computed from them");
    return;
  }
  check_joins(s, v);
  for (const auto& [name, text] : v.joins) names.push_back(name);
  const auto parsed = Formulas::parse(v.figures, names);
  if (!parsed) return s.complain("figures", parsed.error().text());
  for (const auto& [aggregate, input] : parsed->asked()) check_asked(s, v, aggregate, input);
  if (v.by_series()) {
    s.complain("group_by", "figures are of groups: say by which labels, such as [\"edge\"], "
                           "without \"series\"");
  }
}
}  // namespace

void describe(config::Section& s, View& v) {
  s.text("name", v.name, {.required = true, .help = "How queries call it.", .example = "power_1m"});
  describe_selection(s, v.select);
  s.texts("group_by", v.group_by,
          {.preset = "series",
           .help = "What an answer is about: all series that have these labels in common (and the "
                   "unit), [] for all of them; with \"series\" each one, and labels to show.",
           .example = "site, edge"});
  s.texts("aggregates", v.aggregates,
          {.preset = "count, min, max, sum, mean, stddev, first, last",
           .help = "What is computed: these, p50 to p99.9, distinct, twa, integral, increase, "
                   "time_in_state."});
  s.table("window", v.window);
  s.table("emit", v.emit);
  if (v.emitted() && v.hopping() && v.window.size > v.window.every * View::kOverlapMax) {
    s.complain("emit", "subscribed: more than " + std::to_string(View::kOverlapMax) +
                           " windows hold one time; a longer 'every' has fewer");
  }
  if (v.emit.complete > 0 && v.by_session()) {
    s.complain("emit", "'complete' is of windows whose end is known, not of sessions");
  }
  if (v.emit.complete > 0 && (!v.emitted() || v.finest() != reconcile::Tier::minute)) {
    s.complain("emit", "'complete' needs windows of whole minutes: edges count readings by them");
  }
  check_group_by(s, v);
  describe_figures(s, v);
  if (v.aggregates.size() > kTextsMax) {
    s.complain("aggregates", "more than " + std::to_string(kTextsMax) + "; a further view can have "
                             "the rest");
  }
  for (auto& a : v.aggregates) {
    if (a == "avg") a = "mean";
    if (const auto known = window::check_aggregate(a); !known.ok()) {
      s.complain("aggregates", known.error().text());
    }
  }
}

}  // namespace tidemark::answers
