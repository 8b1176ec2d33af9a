#include "cloud/answers/view.h"

#include <algorithm>

#include "common/config/section.h"
#include "common/window/partial.h"

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;
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

reconcile::Tier View::kept_as() const {
  auto tier = reconcile::Tier::second;
  for (const auto t : {reconcile::Tier::minute, reconcile::Tier::quarter, reconcile::Tier::day}) {
    if (window.size % reconcile::width_of(t) == Nanoseconds{}) tier = t;
  }
  return tier;
}

ByteVector View::definition() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(kVersion);
  out.text(name);
  out.text(select);
  encode_texts(out, group_by);
  encode_texts(out, aggregates);
  out.text(window.type);
  out.varint(static_cast<std::uint64_t>(window.size.count()));
  out.varint(static_cast<std::uint64_t>(window.every.count()));
  return bytes;
}

Result<View> View::from_definition(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return Error(Fault::unsupported, "view of an unknown version");
  View v;
  v.name = std::string(in.text());
  v.select = std::string(in.text());
  v.group_by = decode_texts(in);
  v.aggregates = decode_texts(in);
  v.window.type = std::string(in.text());
  v.window.size = Nanoseconds(static_cast<std::int64_t>(in.varint()));
  v.window.every = Nanoseconds(static_cast<std::int64_t>(in.varint()));
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

void describe(config::Section& s, ViewWindow& w) {
  s.choice("type", w.type, {"tumbling", "hopping"},
           {.preset = "tumbling",
            .help = "tumbling: one after another; hopping: overlapping, computed when asked."});
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
