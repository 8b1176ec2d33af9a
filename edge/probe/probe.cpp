#include "edge/probe/probe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "edge/modbus/request_plan.h"
#include "edge/profile/decode.h"

namespace tidemark::probe {
namespace {

using modbus::Reply;
using profile::ByteOrder;
using profile::Point;
using profile::Profile;

// A wrong order makes floats of 1e-8 and less, which lie inside 0…500 V and were never measured.
constexpr double kSmallest = 1e-9;
constexpr double kAlike = 1.25;
constexpr std::string_view kClass = "probe";

using Registers = std::map<std::string, std::vector<std::uint16_t>>;  // by point

bool is_judged(const Point& p) {
  return p.is_number() && p.kind == SeriesKind::gauge && p.min && p.max;
}

// The points that can be judged, moved to where the variant has them, in one class.
Profile moved(const Profile& from, const Variant& v) {
  auto out = from;
  std::erase_if(out.points, [&](const Point& p) {
    return !is_judged(p) || (p.models.empty() && p.address + v.shift < 0) ||
           (p.models.empty() && static_cast<int>(p.end()) + v.shift > 0x10000);
  });
  if (out.points.size() > kPointsMax) out.points.resize(kPointsMax);
  for (auto& p : out.points) {
    p.poll_class = kClass;
    if (!p.models.empty()) continue;
    p.address = static_cast<std::uint16_t>(p.address + v.shift);
    if (p.scale_address >= 0) p.scale_address += v.shift;
    if (v.other_function && p.function >= 3) p.function = p.function == 3 ? 4 : 3;
  }
  return out;
}

// Everything of one function and shift, before any byte order.
struct Image {
  Registers registers;
  std::vector<std::string> refused;
  std::optional<Reply> fault;  // silence or worse: no use to go on
};

class Reader {
 public:
  Reader(std::uint8_t unit, const modbus::ReadRegisters& read) : unit_(unit), read_(read) {}

  Image image(const Profile& profile, const modbus::SunSpecMap& map) {
    Image out;
    for (const auto& range : plan_requests(profile, kClass, profile.max_gap, map)) {
      if (out.fault) break;
      take(profile, range, map, out);
    }
    return out;
  }

 private:
  void take(const Profile& profile, const modbus::Range& range, const modbus::SunSpecMap& map,
            Image& out) {
    std::vector<std::uint16_t> registers;
    const auto reply = ask(range, map, registers);
    if (reply.kind != Reply::Kind::good && reply.kind != Reply::Kind::exception) {
      out.fault = reply;
      return;
    }
    for (const auto& p : profile.points) {
      if (!inside(p, range)) continue;
      if (reply.kind == Reply::Kind::good) {
        const auto first = registers.begin() + (static_cast<int>(p.begin()) - range.address);
        out.registers[p.name].assign(first, first + static_cast<int>(p.end() - p.begin()));
      } else if (reply.exception != 1 && range.count > p.end() - p.begin() && !out.fault) {
        // Together they were refused; apart some of them may be there.
        take(profile, {p.function, static_cast<std::uint16_t>(p.begin()),
                       static_cast<std::uint16_t>(p.end() - p.begin()), false, range.model},
             map, out);
      } else if (std::find(out.refused.begin(), out.refused.end(), p.name) == out.refused.end() &&
                 !out.registers.contains(p.name)) {
        out.refused.push_back(p.name);
      }
    }
  }

  Reply ask(const modbus::Range& range, const modbus::SunSpecMap& map,
            std::vector<std::uint16_t>& registers) {
    modbus::Request request{unit_, range.function, range.address, range.count};
    if (range.model != 0) {
      const auto* model = map.find({range.model}, 0u + range.address + range.count);
      request.address = static_cast<std::uint16_t>(request.address + model->address);
    }
    auto reply = read_(request, registers);
    if (reply.kind == Reply::Kind::silent || reply.kind == Reply::Kind::garbled) {
      reply = read_(request, registers);
    }
    return reply;
  }

  static bool inside(const Point& p, const modbus::Range& range) {
    const bool model = p.models.empty() ? range.model == 0
                                        : std::find(p.models.begin(), p.models.end(),
                                                    range.model) != p.models.end();
    return model && p.function == range.function && p.begin() >= range.address &&
           p.end() <= 0u + range.address + range.count;
  }

  std::uint8_t unit_;
  const modbus::ReadRegisters& read_;
};

std::string shown(const Point& p, double v) {
  return p.unit.empty() || p.unit == "1" ? fmt::format("{:.6g}", v)
                                         : fmt::format("{:.6g} {}", v, p.unit);
}

bool is_plausible(const Point& p, Quality quality, double v) {
  const auto least = kSmallest * std::max(std::abs(*p.min), std::abs(*p.max));
  const bool exact = p.value_type == ValueType::i64;
  return quality == Quality::good && std::isfinite(v) && (exact || std::abs(v) >= least);
}

void judge_alike(const Profile& profile, const std::map<std::string, double>& values, Judged& out) {
  std::vector<double> near;
  for (const auto& name : profile.alike) {
    const auto at = values.find(name);
    if (at != values.end()) near.push_back(std::abs(at->second));
  }
  if (near.size() < 2) return;
  const auto [low, high] = std::minmax_element(near.begin(), near.end());
  if (*high <= kAlike * *low) return;
  out.against.push_back(fmt::format("{} are from {:.6g} to {:.6g}, not alike",
                                    fmt::join(profile.alike, ", "), *low, *high));
}

Judged judge(const Profile& profile, const Image& image, const Variant& variant) {
  Judged out;
  out.variant = variant;
  out.refused = image.refused;
  std::map<std::string, double> values;
  for (const auto& original : profile.points) {
    const auto at = image.registers.find(original.name);
    if (!is_judged(original) || at == image.registers.end()) continue;
    auto p = original;
    if (p.registers > 1 && p.models.empty()) p.byte_order = variant.order;
    const auto& registers = at->second;
    const auto value = decode_at(p, registers);
    const auto number = number_of(p, value);
    if (p.name == profile.probe) out.probe_point = shown(p, number);
    const auto own = static_cast<std::ptrdiff_t>(p.address - p.begin());
    const bool zero = std::all_of(registers.begin() + own, registers.begin() + own + p.registers,
                                  [](std::uint16_t r) { return r == 0; });
    if (zero || value.quality == Quality::bad_sentinel) continue;
    ++out.telling;
    if (is_plausible(p, value.quality, number)) {
      ++out.plausible;
      values[p.name] = number;
    } else {
      out.against.push_back(fmt::format("{} {} is not within {:.6g}…{:.6g}", p.name,
                                        shown(p, number), *p.min, *p.max));
    }
  }
  judge_alike(profile, values, out);
  // What the device refuses speaks against a variant; of the profile as it is, a tenth may be
  // missing in this version of the device.
  const bool own = !variant.other_function && variant.shift == 0;
  const auto points = out.telling + out.refused.size();
  if (!out.refused.empty() && (!own || 10 * out.refused.size() > points)) {
    out.against.push_back(fmt::format("the device refuses {}", fmt::join(out.refused, ", ")));
  }
  return out;
}

std::vector<ByteOrder> orders_of(const Profile& profile) {
  const auto* wide = [&]() -> const Point* {
    for (const auto& p : profile.points) {
      if (p.registers > 1 && p.is_number() && p.models.empty()) return &p;
    }
    return nullptr;
  }();
  if (wide == nullptr) return {ByteOrder::abcd};
  std::vector<ByteOrder> out = {wide->byte_order};  // the profile's own first
  for (const auto o : {ByteOrder::abcd, ByteOrder::cdab, ByteOrder::badc, ByteOrder::dcba}) {
    if (o != wide->byte_order) out.push_back(o);
  }
  return out;
}

std::string names_of(const Profile& profile, const std::vector<const Judged*>& several) {
  std::vector<std::string> names;
  for (const auto* j : several) names.push_back(describe(profile, j->variant));
  return fmt::format("{}", fmt::join(names, "; "));
}

void decide(const Profile& profile, Outcome& out) {
  std::vector<const Judged*> holding;
  std::size_t telling = 0;
  for (const auto& j : out.judged) {
    telling = std::max(telling, j.telling);
    if (j.holds()) holding.push_back(&j);
  }
  const auto& own = out.judged.front();
  if (own.holds()) {
    // Then function and base are the profile's; only the order can still be another.
    std::erase_if(holding, [](const Judged* j) {
      return j->variant.other_function || j->variant.shift != 0;
    });
  }
  if (telling == 0) {
    out.reason = "every register is 0 or not available: nothing tells one reading from another; "
                 "try again while the device measures something";
  } else if (holding.empty()) {
    out.reason = "no byte order, function or address base makes all values plausible: is it "
                 "another device?";
  } else if (holding.size() > 1) {
    out.reason = "more than one reading is plausible: " + names_of(profile, holding);
  } else {
    out.found = holding.front()->variant;
    out.verdict = holding.front() == &own ? Verdict::follows : Verdict::differs;
    out.reason = fmt::format("{} of {} points are plausible as {}", holding.front()->plausible,
                             holding.front()->telling, describe(profile, out.found));
    if (!own.refused.empty() && out.verdict == Verdict::follows) {
      out.reason += fmt::format("; the device has no {}", fmt::join(own.refused, ", "));
    }
  }
}

}  // namespace

std::string describe(const Profile& profile, const Variant& v) {
  std::string text;
  const bool wide = std::any_of(profile.points.begin(), profile.points.end(), [](const Point& p) {
    return p.registers > 1 && p.is_number() && p.models.empty();
  });
  if (wide) text = "byte order " + std::string(to_string(v.order));
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  const int function = profile.points.empty() ? 3 : profile.points.front().function;
  if (v.other_function) add(fmt::format("function {}", function == 3 ? 4 : 3));
  if (v.shift != 0) add(fmt::format("addresses {:+d}", v.shift));
  return text.empty() ? "the profile says" : text;
}

Outcome probe(const Profile& profile, std::uint8_t unit, const modbus::ReadRegisters& any) {
  const modbus::ReadRegisters read = [&](modbus::Request r, std::vector<std::uint16_t>& to) {
    r.any_unit = profile.any_unit;
    return any(r, to);
  };
  Outcome out;
  modbus::SunSpecMap map;
  if (profile.is_sunspec()) {
    map = modbus::find_sunspec(unit, read);
    if (map.fault) {
      const bool there = map.fault->kind == Reply::Kind::good;
      out.verdict = there ? Verdict::undecidable : Verdict::no_answer;
      out.reason = there ? "no SunSpec map at 40000, 50000 or 0" : "no answer";
      return out;
    }
  }
  Reader reader(unit, read);
  const auto orders = orders_of(profile);
  bool anything = false;
  for (const bool other : {false, true}) {
    for (const int shift : {0, -1, 1}) {
      if (profile.is_sunspec() && (other || shift != 0)) continue;
      const Variant base{other, shift, orders.front()};
      const auto image = reader.image(moved(profile, base), map);
      if (image.fault) {
        out.verdict = Verdict::no_answer;
        out.reason = image.fault->kind == Reply::Kind::garbled
                         ? "half or wrong answers (" + image.fault->text + ")"
                     : image.fault->text.empty() ? "no answer"
                                                 : image.fault->text;
        return out;
      }
      anything = anything || !image.registers.empty();
      for (const auto order : orders) {
        out.judged.push_back(judge(profile, image, {other, shift, order}));
      }
    }
  }
  if (!anything) {
    out.verdict = Verdict::refused;
    out.reason = "the device refuses every register of the profile, with function 3 and 4: is it "
                 "another device?";
    return out;
  }
  decide(profile, out);
  std::stable_sort(out.judged.begin() + 1, out.judged.end(), [](const Judged& a, const Judged& b) {
    return a.holds() != b.holds() ? a.holds() : a.plausible > b.plausible;
  });
  return out;
}

}  // namespace tidemark::probe
