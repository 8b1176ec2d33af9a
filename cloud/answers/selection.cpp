#include "cloud/answers/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace tidemark::answers {
namespace {

constexpr std::array<std::string_view, 5> kFixed = {"edge", "device", "metric", "source", "unit"};
constexpr std::string_view kPlainValue =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.*?/%";

constexpr std::string_view kNeedsQuotes = "{}, =";  // in a pattern

// Where the first of these is that stands outside quotes.
std::size_t find_outside(std::string_view text, char wanted, std::size_t from = 0) {
  bool quoted = false;
  for (auto i = from; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == wanted && !quoted) return i;
  }
  return std::string_view::npos;
}

Error expected(std::string_view text, std::string_view why) {
  return {Fault::bad_input,
          fmt::format("'{}': {}; expected patterns and labels such as "
                      "*/power_total,!press-07/**{{unit=\"W\",area=stamp*}}", text, why)};
}

// `pattern`, `!pattern`, `"pattern"` and `!"pattern"`, in which anything but a quote may stand.
Result<std::string> pattern_of(std::string_view text) {
  const auto whole = text;
  std::string out;
  if (text.starts_with('!')) {
    out = "!";
    text = trim(text.substr(1));
  }
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    text = text.substr(1, text.size() - 2);
  } else if (text.find_first_of(kNeedsQuotes) != std::string_view::npos) {
    return expected(whole, "a name with braces, commas, '=' or spaces stands in quotes");
  }
  return out.append(text);
}

std::string shown(const std::string& pattern) {
  if (pattern.find_first_of(kNeedsQuotes) == std::string::npos) return pattern;
  return pattern.starts_with('!') ? "!\"" + pattern.substr(1) + '"' : '"' + pattern + '"';
}

bool plain(std::string_view value) {
  return !value.empty() && value.find_first_not_of(kPlainValue) == std::string_view::npos;
}

// "name=value", "name="value"": what is behind it is left in `rest`.
Result<std::pair<std::string, std::string>> take_label(std::string_view whole,
                                                       std::string_view& rest) {
  const auto equals = rest.find('=');
  if (equals == std::string_view::npos) return expected(whole, "a label without '='");
  auto name = std::string(trim(rest.substr(0, equals)));
  rest = rest.substr(equals + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  std::string value;
  if (rest.starts_with('"')) {
    const auto end = rest.find('"', 1);
    if (end == std::string_view::npos) return expected(whole, "a value without its closing quote");
    value = rest.substr(1, end - 1);
    rest = trim(rest.substr(end + 1));
  } else {
    const auto end = rest.find(',');
    value = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  if (rest.starts_with(',')) {
    rest = trim(rest.substr(1));
  } else if (!rest.empty()) {
    return expected(whole, "something else than ',' behind a label");
  }
  return std::pair(std::move(name), std::move(value));
}

}  // namespace

bool Selection::matches(const std::string& full_name, const Labels& of_series) const {
  bool any = false;
  bool only_out = true;
  for (const auto& p : patterns) {
    const bool out = p.starts_with('!');
    only_out = only_out && out;
    if (out ? series_match(std::string_view(p).substr(1), full_name)
            : !any && series_match(p, full_name)) {
      if (out) return false;
      any = true;
    }
  }
  if (!any && !only_out) return false;
  return std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
    const auto has = of_series.find(wanted.first);
    const bool none = has == of_series.end() || has->second.empty();
    if (none || wanted.second.empty()) return none && wanted.second.empty();
    return glob_match(wanted.second, has->second);
  });
}

bool Selection::everything() const {
  return labels.empty() && patterns.size() == 1 && patterns[0] == "**";
}

std::string Selection::text() const {
  std::string out;
  for (const auto& p : patterns) out += (out.empty() ? "" : ",") + shown(p);
  if (labels.empty()) return out;
  const char* comma = "{";
  for (const auto& [name, value] : labels) {
    out += plain(value) ? fmt::format("{}{}={}", comma, name, value)
                        : fmt::format("{}{}=\"{}\"", comma, name, value);
    comma = ",";
  }
  return out + "}";
}

Result<Selection> Selection::parse(std::string_view text) {
  Selection s;
  s.patterns.clear();
  const auto brace = find_outside(text, '{');
  const auto globs = text.substr(0, brace);
  for (std::size_t begin = 0; begin <= globs.size();) {
    const auto end = std::min(find_outside(globs, ',', begin), globs.size());
    const auto pattern = trim(globs.substr(begin, end - begin));
    if (!pattern.empty()) {
      TIDE_ASSIGN(auto one, pattern_of(pattern));
      s.patterns.push_back(std::move(one));
    }
    begin = end + 1;
  }
  if (brace != std::string_view::npos) {
    auto rest = trim(text.substr(brace + 1));
    if (!rest.ends_with('}')) return expected(text, "labels without their closing '}'");
    rest = trim(rest.substr(0, rest.size() - 1));
    while (!rest.empty()) {
      TIDE_ASSIGN(auto label, take_label(text, rest));
      s.labels.insert_or_assign(std::move(label.first), std::move(label.second));
    }
    if (s.patterns.empty()) s.patterns = {"**"};
  }
  TIDE_TRY(s.check());
  return s;
}

Result<> Selection::check() const {
  if (patterns.empty()) return Error(Fault::bad_input, "no pattern; ** is every series");
  if (patterns.size() > kPatternsMax || labels.size() > kLabelsMax) {
    return Error(Fault::bad_input, fmt::format("{} patterns and {} labels; {} and {} fit",
                                               patterns.size(), labels.size(), kPatternsMax,
                                               kLabelsMax));
  }
  for (const auto& p : patterns) {
    if (p.empty() || p == "!") return expected(p, "a pattern without a name");
    if (p.find('"') != std::string::npos) return expected(p, "a name has no quotes in it");
  }
  for (const auto& [name, value] : labels) {
    if (name.empty() || name.find_first_of("{}\",= ") != std::string::npos) {
      return Error(Fault::bad_input, fmt::format("'{}' is no name of a label", name));
    }
    if (value.find('"') != std::string::npos) {
      return Error(Fault::bad_input, fmt::format("label {}: its value has a quote", name));
    }
  }
  return {};
}

void Selection::encode(ByteWriter& out) const {
  out.varint(patterns.size());
  for (const auto& p : patterns) out.text(p);
  out.varint(labels.size());
  for (const auto& [name, value] : labels) {
    out.text(name);
    out.text(value);
  }
}

Selection Selection::decode(ByteReader& in) {
  Selection s;
  s.patterns.clear();
  for (auto n = std::min(in.length(), kPatternsMax); n > 0; --n) s.patterns.emplace_back(in.text());
  for (auto n = std::min(in.length(2), kLabelsMax); n > 0; --n) {
    auto name = std::string(in.text());
    s.labels[std::move(name)] = in.text();
  }
  return s;
}

ByteVector Relabel::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  select.encode(out);
  Selection of_labels;
  of_labels.patterns.clear();
  of_labels.labels = labels;
  of_labels.encode(out);
  return bytes;
}

Result<Relabel> Relabel::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  Relabel r;
  r.select = Selection::decode(in);
  r.labels = Selection::decode(in).labels;
  if (!in.done()) return Error(Fault::corrupt, "relabel: its bytes do not decode");
  return r;
}

bool can_relabel(std::string_view label) {
  return std::find(kFixed.begin(), kFixed.end(), label) == kFixed.end();
}

Labels labels_of(const std::string& edge, const std::string& site, const SeriesDescription& series,
                 const std::vector<Relabel>& relabels) {
  auto labels = series.labels;
  labels["site"] = site;
  labels["edge"] = edge;
  labels["device"] = series.device;
  labels["metric"] = series.metric;
  labels["source"] = series.source;
  labels["unit"] = series.unit;
  if (relabels.empty()) return labels;
  const auto own = labels;
  const auto name = edge + "/" + series.local_name();
  for (const auto& r : relabels) {
    if (!r.select.matches(name, own)) continue;
    for (const auto& [label, value] : r.labels) {
      if (can_relabel(label)) labels[label] = value;
    }
  }
  return labels;
}

}  // namespace tidemark::answers
