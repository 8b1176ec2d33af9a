// Traps that corpora of profiles have fallen into, each with what to do about it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>

#include "common/base/text.h"
#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

using config::Section;

bool looks_like_a_manual(const Point& p) {
  const auto from = p.function == 3 ? 40'001 : p.function == 4 ? 30'001 : 65'536;
  return p.models.empty() && p.address >= from && p.address < from + 9'999;
}

// The least and the greatest value that the point can have at all.
std::pair<double, double> reach(const Point& p) {
  const auto bits = 16 * p.registers;
  const bool is_signed = p.type == RegisterType::i16 || p.type == RegisterType::i32 ||
                         p.type == RegisterType::i64;
  const double low = is_signed ? -std::ldexp(1.0, bits - 1) : 0;
  const double high = std::ldexp(1.0, is_signed ? bits - 1 : bits);
  const double a = low * p.scale + p.offset, b = high * p.scale + p.offset;
  return {std::min(a, b), std::max(a, b)};
}

void lint_range(Section& s, const std::string& at, const Point& p) {
  const bool wide = p.registers > 1;
  if (p.kind == SeriesKind::gauge && wide && !(p.min && p.max)) {
    s.warn(at + ".name", fmt::format("'{}' has no min and max: a wrong word order would pass for "
                                     "a value; give its plausible range", p.name));
  }
  const bool fixed = p.value_type == ValueType::i64 && p.scale_address < 0;
  const auto [low, high] = fixed ? reach(p) : std::pair(-std::numeric_limits<double>::infinity(),
                                                        std::numeric_limits<double>::infinity());
  if ((p.min && *p.min > high) || (p.max && *p.max < low)) {
    s.warn(at + ".name", fmt::format("'{}' can only be from {} to {}, which is never plausible; "
                                     "look at type and scale", p.name, low, high));
  }
  if (p.kind == SeriesKind::counter && p.min && *p.min < 0) {
    s.warn(at + ".min", fmt::format("the counter '{}' may fall below 0; is it a gauge?", p.name));
  }
  if (p.kind == SeriesKind::gauge && p.unit == "W" && p.min && *p.min == 0) {
    s.warn(at + ".min", fmt::format("'{}' would be implausible when power flows the other way; "
                                    "keep the device's sign", p.name));
  }
}

void lint_unit(Section& s, const std::string& at, const Point& p) {
  for (const auto* unit : {"kW", "kV.A", "kvar", "kVA", "MW"}) {
    if (p.unit != unit || p.kind != SeriesKind::gauge) continue;
    s.warn(at + ".unit", fmt::format("'{}' is in {} where most devices give the base unit; scale "
                                     "it, so that views can add them up", p.name, unit));
  }
}

}  // namespace

void lint(Section& s, const Profile& profile, const std::vector<PointFile>& points) {
  static const std::regex known("two sources|one source|probe \\d{4}-\\d{2}-\\d{2}.*");
  if (!profile.verified.empty() && !std::regex_match(profile.verified, known)) {
    s.warn("profile.verified", "it is not \"two sources\", \"one source\" or \"probe DATE …\"");
  }
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto at = fmt::format("point[{}]", i);
    const auto& p = points[i].point;
    if (!p.is_number()) continue;
    lint_range(s, at, p);
    lint_unit(s, at, p);
    if (looks_like_a_manual(p) && points[i].doc.empty()) {
      s.warn(at + ".address", fmt::format("{} looks like a manual's number, which counts from "
                                          "{}0001; on the wire the first one is 0. If it is "
                                          "right, say so in doc", p.address,
                                          p.function == 3 ? 4 : 3));
    }
    for (std::size_t k = 0; k < i; ++k) {
      const auto& other = points[k].point;
      if (other.function == p.function && other.address == p.address && other.type == p.type &&
          other.models == p.models && other.scale == p.scale) {
        s.warn(at + ".address", fmt::format("'{}' reads what '{}' reads", p.name, other.name));
      }
    }
  }
  const bool wide = std::any_of(profile.points.begin(), profile.points.end(), [](const Point& p) {
    return p.is_number() && p.registers > 1 && p.models.empty();
  });
  const auto* probe = profile.find(profile.probe);
  const bool telling = probe != nullptr && probe->min && probe->max;
  if (wide && !telling) {
    s.warn("profile.id", "no [probe] point with min and max: nothing tells whether a device is "
                         "this one");
  }
}

}  // namespace tidemark::profile
