#include "edge/profile/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "common/base/text.h"

namespace tidemark::profile {
namespace {

using config::Section;

struct TypeRow {
  std::string_view name;
  RegisterType type;
  std::uint16_t registers;
  ValueType value;
};
constexpr std::array kTypes = {
    TypeRow{"u16", RegisterType::u16, 1, ValueType::i64},
    TypeRow{"i16", RegisterType::i16, 1, ValueType::i64},
    TypeRow{"u32", RegisterType::u32, 2, ValueType::i64},
    TypeRow{"i32", RegisterType::i32, 2, ValueType::i64},
    TypeRow{"u64", RegisterType::u64, 4, ValueType::i64},
    TypeRow{"i64", RegisterType::i64, 4, ValueType::i64},
    TypeRow{"f32", RegisterType::f32, 2, ValueType::f64},
    TypeRow{"f64", RegisterType::f64, 4, ValueType::f64},
    TypeRow{"bits", RegisterType::bits, 1, ValueType::i64},
    TypeRow{"string", RegisterType::string, 1, ValueType::text}};
constexpr std::array kOrders = {"ABCD", "CDAB", "BADC", "DCBA"};
constexpr std::int64_t kRegistersMax = 125;  // Modbus 6.3: in one answer

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const auto& row : kTypes) names.emplace_back(row.name);
  return names;
}
std::vector<std::string> order_names() { return {kOrders.begin(), kOrders.end()}; }

struct Meta {
  std::string id, vendor, model, firmware, protocol, extends, source, verified, note;
  std::vector<std::string> omit;
};
void describe(Section& s, Meta& m) {
  s.text("id", m.id, {.required = true, .help = "The file's name without .toml."});
  s.text("vendor", m.vendor, {});
  s.text("model", m.model, {});
  s.text("firmware", m.firmware, {.help = "Versions that it is right for."});
  s.choice("protocol", m.protocol, {"modbus"}, {.required = true, .help = "How it is read."});
  s.text("extends", m.extends, {.help = "A profile whose points are taken over."});
  s.texts("omit", m.omit, {.help = "Points of that profile which this device does not have."});
  s.text("source", m.source, {.required = true, .help = "Where the addresses are from."});
  s.text("verified", m.verified,
         {.required = true, .help = "\"probe DATE serial …\", \"two sources\" or \"one source\"."});
  s.text("note", m.note, {});
}

struct HeadPart {
  ProfileHead& head;
};
void describe(Section& s, HeadPart& p) {
  s.text("protocol", p.head.protocol, {});
  s.text("extends", p.head.extends, {});
}

struct ModbusPart {
  std::int64_t function = 3, max_gap = 8, max_registers = kRegistersMax;
  std::string byte_order;
  bool says_function = false, says_order = false, says_gap = false, says_registers = false;
};
void describe(Section& s, ModbusPart& m) {
  s.integer("function", m.function,
            {.preset = "3", .min = "1", .max = "4",
             .help = "3 holding registers, 4 input registers, 1 coils, 2 inputs. Reading only."});
  s.choice("byte_order", m.byte_order, order_names(),
           {.preset = "ABCD", .help = "Of values wider than a register."});
  s.integer("max_gap", m.max_gap,
            {.preset = "8", .min = "0", .max = "124",
             .help = "Registers read over a hole to save a request."});
  s.integer("max_registers", m.max_registers,
            {.preset = "125", .min = "1", .max = "125", .help = "In one request."});
  m.says_function = s.has("function");
  m.says_order = s.has("byte_order");
  m.says_gap = s.has("max_gap");
  m.says_registers = s.has("max_registers");
}

struct Quirks {
  Nanoseconds pause_after_connect{}, pause_between_requests{};
  bool says_connect = false, says_requests = false;
};
void describe(Section& s, Quirks& q) {
  s.duration("pause_after_connect", q.pause_after_connect, {.preset = "0s", .max = "1min"});
  s.duration("pause_between_requests", q.pause_between_requests, {.preset = "0s", .max = "1s"});
  q.says_connect = s.has("pause_after_connect");
  q.says_requests = s.has("pause_between_requests");
}

struct Probe {
  std::string point;
};
void describe(Section& s, Probe& p) {
  s.text("point", p.point, {.help = "One cheap read that says whether it is this device."});
}

SeriesKind kind_of(std::string_view text) {
  return text == "counter" ? SeriesKind::counter
         : text == "state" ? SeriesKind::state
                           : SeriesKind::gauge;
}

// "nan", or raw bits as "0x80000000" or a decimal number.
void read_invalid(Section& s, Point& p, const std::vector<std::string>& texts) {
  const bool is_float = p.type == RegisterType::f32 || p.type == RegisterType::f64;
  for (const auto& text : texts) {
    if (text == "nan" && is_float) {
      p.nan_invalid = true;
      continue;
    }
    const bool hex = text.starts_with("0x");
    const char* first = text.data() + (hex ? 2 : 0);
    const char* last = text.data() + text.size();
    std::uint64_t bits = 0;
    const auto [end, error] = std::from_chars(first, last, bits, hex ? 16 : 10);
    const bool fits = p.registers >= 4 || bits >> (16 * p.registers) == 0;
    if (error != std::errc{} || end != last || !fits) {
      s.complain("invalid", fmt::format("'{}' is not a raw value of {} bits, such as \"0x8000\"{}",
                                        text, 16 * p.registers, is_float ? ", or \"nan\"" : ""));
      continue;
    }
    p.invalid.push_back(bits);
  }
}

// Integers keep exactly what scale and offset say: both become decimals of one exponent.
void make_exact(Section& s, Point& p) {
  const auto scale = decimal_of(p.scale);
  const auto offset = decimal_of(p.offset);
  if (!scale || !offset) {
    return s.complain(!scale ? "scale" : "offset",
                      "it has more than 18 digits or is too large or small");
  }
  if (scale->mantissa == 0) return s.complain("scale", "it is 0: every value would be");
  // A positive exponent would say that a counter of kilowatts knows no watt; it does not know it,
  // but 3 * 10^3 and 3000 are the same number, and plain integers read better.
  const int exponent = std::min({scale->exponent, offset->mantissa == 0 ? 0 : offset->exponent, 0});
  const auto widen = [&](const Decimal& d, std::int64_t& out) {
    out = d.mantissa;
    for (int e = out == 0 ? exponent : d.exponent; e > exponent; --e) {
      if (__builtin_mul_overflow(out, std::int64_t{10}, &out)) return false;
    }
    return true;
  };
  if (!widen(*scale, p.factor) || !widen(*offset, p.addend)) {
    return s.complain("scale", "scale and offset are too far apart to be exact in 64 bits");
  }
  p.exponent = static_cast<std::int8_t>(exponent);
}

void check_name(Section& s, std::string_view key, std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.size() > 64 || !std::all_of(name.begin(), name.end(), fits)) {
    s.complain(key, fmt::format("'{}' cannot be a metric: small letters, digits and '_' only",
                                name));
  }
}

// What only the whole file knows of a point: what [modbus] says.
void finish_point(Section& s, const std::string& at, PointFile& f, const ModbusPart& modbus) {
  auto& p = f.point;
  p.function = static_cast<std::uint8_t>(f.function == 0 ? modbus.function : f.function);
  p.byte_order =
      byte_order_of(f.byte_order.empty() ? modbus.byte_order : f.byte_order)
          .value_or(ByteOrder::abcd);
  const bool is_bit_table = p.function <= 2;
  if (is_bit_table && p.type != RegisterType::bits) {
    s.complain(at + ".type", fmt::format("function {} reads single bits; only type = \"bits\" fits",
                                         p.function));
  }
  if (is_bit_table) {
    p.bit = 0;
    p.value_type = ValueType::boolean;
  }
  if (p.address + p.registers > 65'536) {
    s.complain(at + ".address", fmt::format("{} registers from {:#06x} on pass the end at 0xffff",
                                            p.registers, p.address));
  }
  if (p.registers > modbus.max_registers) {
    s.complain(at + ".type", fmt::format("{} registers do not fit into a request of at most {}",
                                         p.registers, modbus.max_registers));
  }
}

}  // namespace

void describe(Section& s, ProfileHead& f) {
  HeadPart part{f};
  s.table("profile", part);
}

void describe(Section& s, PointFile& f) {
  auto& p = f.point;
  s.text("name", p.name, {.required = true, .help = "The metric.", .example = "\"voltage_l1\""});
  check_name(s, "name", p.name);
  std::int64_t address = 0, registers = 1, bit = -1;
  std::string type, kind, doc;
  s.integer("address", address,
            {.min = "0", .max = "65535", .required = true,
             .help = "On the wire, from 0 (manuals often count from 1 or 40001).",
             .example = "0x0034"});
  s.choice("type", type, type_names(), {.required = true, .help = "How registers hold it."});
  s.integer("function", f.function, {.min = "1", .max = "4"});
  s.choice("byte_order", f.byte_order, order_names(), {});
  s.number("scale", p.scale, {.preset = "1", .help = "value = raw * scale + offset."});
  s.number("offset", p.offset, {.preset = "0"});
  s.text("unit", p.unit, {.help = "UCUM.", .example = "\"kW.h\""});
  s.choice("kind", kind, {"gauge", "counter", "state"}, {.preset = "gauge"});
  s.number("min", p.min, {.help = "Least plausible value."});
  s.number("max", p.max, {.help = "Greatest plausible value."});
  s.choice("rate", p.poll_class, {"fast", "normal", "slow"},
           {.preset = "normal", .help = "Turned into a period by the edge's configuration."});
  std::vector<std::string> invalid;
  s.texts("invalid", invalid,
          {.help = "Raw values that mean \"not available\".", .example = "[\"0x8000\"]"});
  s.integer("bit", bit, {.min = "0", .max = "15", .help = "bits: which one; else all."});
  s.integer("registers", registers,
            {.preset = "1", .min = "1", .max = "125", .help = "string: how many."});
  s.text("doc", doc, {.help = "The manual's number or name of it."});

  const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const TypeRow& r) { return r.name == type; });
  if (row == kTypes.end()) return;
  p.address = static_cast<std::uint16_t>(address);
  p.type = row->type;
  p.registers = row->registers;
  p.value_type = row->value;
  p.kind = kind_of(kind);
  if (p.type == RegisterType::string) {
    p.registers = static_cast<std::uint16_t>(registers);
  } else if (s.has("registers")) {
    s.complain("registers", fmt::format("the type {} has {} already; only string needs it", type,
                                        p.registers));
  }
  if (s.has("bit") && p.type != RegisterType::bits) {
    s.complain("bit", fmt::format("the type {} has none; only bits has", type));
  } else if (bit >= 0) {
    p.bit = static_cast<int>(bit);
    p.value_type = ValueType::boolean;
  }
  const bool scales = p.type != RegisterType::bits && p.type != RegisterType::string;
  if (!scales) {
    for (const auto* key : {"scale", "offset", "min", "max", "invalid"}) {
      if (s.has(key)) s.complain(key, fmt::format("the type {} does not have it", type));
    }
    return;
  }
  if (p.value_type == ValueType::i64) make_exact(s, p);
  if (p.min && p.max && *p.min >= *p.max) s.complain("min", "it is not below max");
  read_invalid(s, p, invalid);
}

void describe(Section& s, ProfileFile& f) {
  std::int64_t schema = 0;
  s.integer("schema", schema,
            {.min = "1", .max = "1", .required = true, .help = "Version of this format.",
             .example = "1"});
  Meta meta;
  s.table("profile", meta, "What it is and where its facts are from.");
  if (!f.expected_id.empty() && !meta.id.empty() && meta.id != f.expected_id) {
    s.complain("profile.id", fmt::format("'{}' is not the file's name '{}'", meta.id,
                                         f.expected_id));
  }
  ModbusPart modbus;
  s.table("modbus", modbus, "How it is read.");
  Quirks quirks;
  s.table("quirks", quirks, "What the device needs to be read at all.");
  Probe probe;
  s.table("probe", probe);
  std::vector<PointFile> points;
  s.tables("point", points, "One per metric.");

  auto& out = f.profile;
  if (f.parent != nullptr) out = *f.parent;
  out.id = meta.id;
  out.vendor = meta.vendor;
  out.model = meta.model;
  out.source = meta.source;
  out.verified = meta.verified;
  f.extends = meta.extends;
  const bool fresh = f.parent == nullptr;
  if (fresh || modbus.says_gap) out.max_gap = static_cast<std::uint16_t>(modbus.max_gap);
  if (fresh || modbus.says_registers) {
    out.max_registers = static_cast<std::uint16_t>(modbus.max_registers);
  }
  if (fresh || quirks.says_connect) out.pause_after_connect = quirks.pause_after_connect;
  if (fresh || quirks.says_requests) out.pause_between_requests = quirks.pause_between_requests;
  // What a child says of all points holds for those that it takes over, too.
  for (auto& p : out.points) {
    if (modbus.says_function) p.function = static_cast<std::uint8_t>(modbus.function);
  }
  if (modbus.says_order) {
    out.set_byte_order(byte_order_of(modbus.byte_order).value_or(ByteOrder::abcd));
  } else if (!fresh && !out.points.empty()) {
    modbus.byte_order = to_string(out.points.front().byte_order);
  }
  if (!fresh && !modbus.says_function && !out.points.empty()) {
    modbus.function = out.points.front().function;
  }

  std::vector<std::string> known;
  for (const auto& p : out.points) known.push_back(p.name);
  for (const auto& name : meta.omit) {
    if (std::erase_if(out.points, [&](const Point& p) { return p.name == name; }) == 0) {
      const auto near = nearest(name, known);
      s.complain("profile.omit",
                 fmt::format("'{}' is not a point of {}{}", name,
                             meta.extends.empty() ? "anything extended" : meta.extends,
                             near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
    }
  }
  std::set<std::string> own;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto at = fmt::format("point[{}]", i);
    auto& point = points[i].point;
    finish_point(s, at, points[i], modbus);
    if (!own.insert(point.name).second) {
      s.complain(at + ".name", fmt::format("'{}' is there already", point.name));
      continue;
    }
    std::erase_if(out.points, [&](const Point& p) { return p.name == point.name; });
    out.points.push_back(std::move(point));
  }
  if (out.points.empty()) {
    s.complain("profile", "there is no [[point]]; a profile needs at least one");
  }
  if (!probe.point.empty()) {
    out.probe = probe.point;
    if (out.find(probe.point) == nullptr) {
      std::vector<std::string> names;
      for (const auto& p : out.points) names.push_back(p.name);
      const auto near = nearest(probe.point, names);
      s.complain("probe.point",
                 fmt::format("'{}' is not a point of this profile{}", probe.point,
                             near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
    }
  }
}

std::string_view to_string(ByteOrder order) { return kOrders[static_cast<std::size_t>(order)]; }

std::optional<ByteOrder> byte_order_of(std::string_view text) {
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    if (text == kOrders[i]) return static_cast<ByteOrder>(i);
  }
  return std::nullopt;
}

const Point* Profile::find(std::string_view name) const {
  for (const auto& p : points) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

void Profile::set_byte_order(ByteOrder order) {
  for (auto& p : points) {
    if (p.registers > 1) p.byte_order = order;
  }
}

}  // namespace tidemark::profile
