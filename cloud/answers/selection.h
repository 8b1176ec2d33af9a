// Which series a view or a question is about: patterns over their names, and labels.
//
//   */power_total,!press-07/**{unit="W",area=stamp*}
//
// A series is selected when one of the patterns matches its name (common/base/text.h), none with
// "!" before it does, and each label that is asked for is there and its value matches. Patterns
// with "!" alone select all others.
//
// Labels     of a series are those that its edge gave it, those that the cloud gave it (Relabel),
//            and what it is: edge, site, device, metric, source, unit. Nobody can give these but
//            `site`.
// Bounds     kPatternsMax patterns and kLabelsMax labels a selection; more are refused.
// Threads    values; any.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/series.h"

namespace tidemark::answers {

using Labels = std::map<std::string, std::string>;

struct Selection {
  static constexpr std::size_t kPatternsMax = 64;
  static constexpr std::size_t kLabelsMax = 32;

  Selection() = default;
  Selection(std::string pattern) : patterns{std::move(pattern)} {}  // NOLINT: as it is written
  Selection(const char* pattern) : patterns{pattern} {}             // NOLINT

  std::vector<std::string> patterns = {"**"};
  Labels labels;  // by name, a glob over the value; an empty one: the series has no such label

  [[nodiscard]] bool matches(const std::string& full_name, const Labels& of_series) const;
  [[nodiscard]] bool everything() const;
  // As above; parse() reads it back.
  [[nodiscard]] std::string text() const;
  // Fault::bad_input with what was expected.
  static Result<Selection> parse(std::string_view text);
  // The same rules for what a configuration filled in.
  [[nodiscard]] Result<> check() const;

  void encode(ByteWriter& out) const;
  static Selection decode(ByteReader& in);
  friend bool operator==(const Selection&, const Selection&) = default;
};

// Labels that the cloud gives to series, whatever their edge says of them.
struct Relabel {
  Selection select;  // by patterns; labels it has before any Relabel
  Labels labels;

  [[nodiscard]] ByteVector encode() const;
  static Result<Relabel> decode(ByteSpan bytes);
};
// Whether a Relabel may set it.
[[nodiscard]] bool can_relabel(std::string_view label);

// All labels of a series. Of two Relabels of one label the later stands.
Labels labels_of(const std::string& edge, const std::string& site, const SeriesDescription& series,
                 const std::vector<Relabel>& relabels);

}  // namespace tidemark::answers
