#include "cloud/answers/view.h"

#include <algorithm>

#include "common/config/section.h"
#include "common/window/partial.h"

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kCalendarVersion = 2;  // the same, and the calendar behind it
constexpr std::size_t kTextsMax = 64;

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

}  // namespace

reconcile::Tier View::finest() const {
  const auto minute = reconcile::width_of(reconcile::Tier::minute);
  const bool whole =
      window.size % minute == Nanoseconds{} && window.every % minute == Nanoseconds{};
  return whole ? reconcile::Tier::minute : reconcile::Tier::second;
}

Grid View::grid() const {
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
  auto tier = reconcile::Tier::second;
  for (const auto t : {reconcile::Tier::minute, reconcile::Tier::quarter, reconcile::Tier::day}) {
    if (window.size % reconcile::width_of(t) == Nanoseconds{}) tier = t;
  }
  return tier;
}

ByteVector View::definition() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(by_calendar() ? kCalendarVersion : kVersion);
  out.text(name);
  out.text(select);
  encode_texts(out, group_by);
  encode_texts(out, aggregates);
  out.text(window.type);
  out.varint(static_cast<std::uint64_t>(window.size.count()));
  out.varint(static_cast<std::uint64_t>(window.every.count()));
  if (by_calendar()) {
    out.text(window.calendar.unit);
    out.text(window.calendar.zone);
    out.text(window.calendar.week_start);
    encode_texts(out, window.calendar.shifts);
  }
  return bytes;
}

Result<View> View::from_definition(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version != kVersion && version != kCalendarVersion) {
    return Error(Fault::unsupported, "view of an unknown version");
  }
  View v;
  v.name = std::string(in.text());
  v.select = std::string(in.text());
  v.group_by = decode_texts(in);
  v.aggregates = decode_texts(in);
  v.window.type = std::string(in.text());
  v.window.size = Nanoseconds(static_cast<std::int64_t>(in.varint()));
  v.window.every = Nanoseconds(static_cast<std::int64_t>(in.varint()));
  if (version == kCalendarVersion) {
    v.window.calendar.unit = std::string(in.text());
    v.window.calendar.zone = std::string(in.text());
    v.window.calendar.week_start = std::string(in.text());
    v.window.calendar.shifts = decode_texts(in);
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
  s.choice("type", w.type, {"tumbling", "hopping", "calendar"},
           {.preset = "tumbling",
            .help = "tumbling: one after another; hopping: overlapping, computed when asked; "
                    "calendar: size = \"1 day\", \"1 week\", \"1 month\" or shift = [\"06:00\", "
                    "\"14:00\"] in tz."});
  if (w.type == "calendar") return describe_calendar(s, w);
  s.duration("size", w.size, {.preset = "1min", .min = "1s", .max = "31day",
                              .help = "Length of a window, in whole seconds."});
  s.duration("every", w.every, {.preset = "0s", .help = "Hopping: distance between two starts."});
  if (w.size % std::chrono::seconds(1) != Nanoseconds{}) {
    s.complain("size", "a window is a whole number of seconds long");
  }
  if (w.type == "hopping" && (w.every <= Nanoseconds{} || w.every > w.size ||
                              w.every % std::chrono::seconds(1) != Nanoseconds{})) {
    s.complain("every", "a hopping window starts anew every 1s to its size, in whole seconds");
  }
}

void describe(config::Section& s, ViewEmit& e) {
  s.duration("early", e.early, {.preset = "5s",
                                .help = "Cadence of answers before the seal; 0s: none."});
  s.duration("revision_interval", e.revision_interval,
             {.preset = "5s", .help = "A window is revised at most this often."});
  s.number("complete", e.complete,
           {.preset = "0", .min = "0", .max = "1",
            .help = "Answer a window before its seal, at once, when its edge has taken all of it "
                    "and this share of that has arrived; 0: no."});
}

void describe(config::Section& s, View& v) {
  s.text("name", v.name, {.required = true, .help = "How queries call it.", .example = "power_1m"});
  s.text("select", v.select, {.preset = "**", .help = "Glob over series: edge/device/metric.",
                              .example = "*/power_total"});
  s.texts("group_by", v.group_by, {.preset = "series", .help = "What an answer is about; with "
                                   "\"series\", and \"site\", \"edge\" or labels to show."});
  s.texts("aggregates", v.aggregates, {.preset = "count, min, max, sum, mean, stddev, first, last",
                                       .help = "What is computed."});
  s.table("window", v.window);
  s.table("emit", v.emit);
  if (v.emit.complete > 0 && (v.hopping() || v.finest() != reconcile::Tier::minute)) {
    s.complain("emit", "'complete' needs windows of whole minutes: edges count readings by them");
  }
  if (std::find(v.group_by.begin(), v.group_by.end(), "series") == v.group_by.end()) {
    s.complain("group_by", "answers are per series in this version: add \"series\" to group_by");
  }
  for (auto& a : v.aggregates) {
    if (a == "avg") a = "mean";
    if (const auto known = window::Aggregates::check_name(a); !known.ok()) {
      s.complain("aggregates", known.error().text());
    }
  }
}

}  // namespace tidemark::answers
