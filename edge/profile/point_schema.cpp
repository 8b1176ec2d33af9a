#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "edge/profile/schema.h"

namespace tidemark::profile {
namespace {

using config::Section;

struct TypeRow {
  std::string_view name;
  RegisterType type;
  std::uint16_t registers;
  ValueType value;
  // What SunSpec's points of this type hold when they are not available (SunSpec Information Model
  // Specification 4.3); floats: NaN.
  std::uint64_t not_available = 0;
};
constexpr std::array kTypes = {
    TypeRow{"u16", RegisterType::u16, 1, ValueType::i64, 0xFFFF},
    TypeRow{"i16", RegisterType::i16, 1, ValueType::i64, 0x8000},
    TypeRow{"u32", RegisterType::u32, 2, ValueType::i64, 0xFFFF'FFFF},
    TypeRow{"i32", RegisterType::i32, 2, ValueType::i64, 0x8000'0000},
    TypeRow{"u64", RegisterType::u64, 4, ValueType::i64, ~std::uint64_t{0}},
    TypeRow{"i64", RegisterType::i64, 4, ValueType::i64, std::uint64_t{1} << 63},
    TypeRow{"f32", RegisterType::f32, 2, ValueType::f64},
    TypeRow{"f64", RegisterType::f64, 4, ValueType::f64},
    // A counter of SunSpec that starts over at 2^32; 0: it does not count.
    TypeRow{"acc32", RegisterType::u32, 2, ValueType::i64, 0},
    TypeRow{"bits", RegisterType::bits, 1, ValueType::i64},
    TypeRow{"string", RegisterType::string, 1, ValueType::text}};

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const auto& row : kTypes) names.emplace_back(row.name);
  return names;
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

// A point's own keys, before they are checked against each other.
struct PointKeys {
  std::int64_t address = 0, registers = 1, bit = -1, scale_address = -1;
  std::string type, kind, bytes;
  std::optional<double> resolution;
  std::vector<std::string> invalid;
  std::vector<double> models;
};

void read_keys(Section& s, PointFile& f, PointKeys& k) {
  auto& p = f.point;
  s.text("name", p.name, {.required = true, .help = "The metric.", .example = "\"voltage_l1\""});
  s.integer("address", k.address,
            {.min = "0", .max = "65535", .required = true,
             .help = "On the wire, from 0 (manuals often count from 1 or 40001).",
             .example = "0x0034"});
  s.choice("type", k.type, type_names(), {.required = true, .help = "How registers hold it."});
  s.integer("function", f.function, {.min = "1", .max = "4"});
  s.choice("byte_order", f.byte_order, order_names(), {});
  s.number("scale", p.scale, {.preset = "1", .help = "value = raw * scale + offset."});
  s.number("offset", p.offset, {.preset = "0"});
  s.integer("scale_address", k.scale_address,
            {.min = "0", .max = "65535",
             .help = "A register with a power of ten that is read with the value and multiplies "
                     "it (SunSpec's sunssf)."});
  s.number("resolution", k.resolution,
           {.help = "With scale_address: the finest step that is kept, a power of ten; 0.0001 "
                    "when missing."});
  s.numbers("models", k.models,
            {.help = "SunSpec: the models that have it; address and scale_address then count from "
                     "the model's first register.", .example = "[101, 103]"});
  s.text("unit", p.unit, {.help = "UCUM.", .example = "\"kW.h\""});
  s.choice("kind", k.kind, {"gauge", "counter", "state"}, {.preset = "gauge"});
  s.number("min", p.min, {.help = "Least plausible value."});
  s.number("max", p.max, {.help = "Greatest plausible value."});
  s.choice("rate", p.poll_class, {"fast", "normal", "slow"},
           {.preset = "normal", .help = "Turned into a period by the edge's configuration."});
  s.texts("invalid", k.invalid,
          {.help = "Raw values that mean \"not available\"; those of SunSpec's types are known.",
           .example = "[\"0x8000\"]"});
  s.integer("bit", k.bit, {.min = "0", .max = "31", .help = "bits: which one; else all."});
  s.integer("registers", k.registers,
            {.preset = "1", .min = "1", .max = "125", .help = "string, bits: how many."});
  s.choice("bytes", k.bytes, {"both", "high", "low"},
           {.preset = "both", .help = "string: which bytes of its registers hold it."});
  s.text("doc", f.doc, {.help = "The manual's number or name of it."});
}

void check_dynamic_scale(Section& s, Point& p, const PointKeys& k) {
  if (!s.has("scale_address")) {
    if (k.resolution) s.complain("resolution", "only a point with scale_address has one");
    return;
  }
  const bool fits = p.value_type == ValueType::i64 && p.registers <= 2;
  if (!fits) return s.complain("scale_address", "only integers of 16 and 32 bits have one");
  if (p.offset != 0) s.complain("offset", "a point with scale_address has none");
  const auto step = decimal_of(k.resolution.value_or(1e-4));
  if (!step || step->mantissa != 1) {
    return s.complain("resolution", "it is not a power of ten from 1e-18 to 1e18");
  }
  p.scale_address = static_cast<std::int32_t>(k.scale_address);
  p.scale_exponent = p.exponent;
  p.exponent = static_cast<std::int8_t>(step->exponent);
  if (p.end() - p.begin() > kRegistersMax) {
    s.complain("scale_address", "it is too far from the value to be read in one request");
  }
}

// Models and what SunSpec says of all points.
void check_models(Section& s, Point& p, const TypeRow& type, const PointKeys& k) {
  for (const auto number : k.models) {
    const auto model = static_cast<std::uint16_t>(number);
    if (number < 1 || number > 65'534 || number != model) {
      s.complain("models", fmt::format("{} is not a number from 1 to 65534", number));
      continue;
    }
    p.models.push_back(model);
  }
  const bool says_invalid = s.has("invalid");
  if (!p.is_number() || says_invalid || (p.models.empty() && type.name != "acc32")) return;
  p.nan_invalid = p.value_type == ValueType::f64;
  if (!p.nan_invalid) p.invalid.push_back(type.not_available);
}

void check_width(Section& s, Point& p, const PointKeys& k) {
  const bool is_bits = p.type == RegisterType::bits;
  if (p.type == RegisterType::string) {
    p.registers = static_cast<std::uint16_t>(k.registers);
    p.text_bytes = k.bytes == "high" ? TextBytes::high
                   : k.bytes == "low" ? TextBytes::low
                                      : TextBytes::both;
  } else if (is_bits && k.registers <= 2) {
    p.registers = static_cast<std::uint16_t>(k.registers);
  } else if (s.has("registers")) {
    s.complain("registers", is_bits ? "bits have at most 2"
                                    : fmt::format("the type {} has {} already; only string and "
                                                  "bits need it", k.type, p.registers));
  }
  if (s.has("bytes") && p.type != RegisterType::string) {
    s.complain("bytes", fmt::format("the type {} has none; only string has", k.type));
  }
  if (s.has("bit") && !is_bits) {
    s.complain("bit", fmt::format("the type {} has none; only bits has", k.type));
  } else if (k.bit >= 16 * p.registers) {
    s.complain("bit", fmt::format("{} registers have the bits 0 to {}", p.registers,
                                  16 * p.registers - 1));
  } else if (k.bit >= 0) {
    p.bit = static_cast<int>(k.bit);
    p.value_type = ValueType::boolean;
  }
}

}  // namespace

void describe(Section& s, PointFile& f) {
  PointKeys k;
  read_keys(s, f, k);
  auto& p = f.point;
  check_name(s, "name", p.name);
  const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const TypeRow& r) { return r.name == k.type; });
  if (row == kTypes.end()) return;
  p.address = static_cast<std::uint16_t>(k.address);
  p.type = row->type;
  p.registers = row->registers;
  p.value_type = row->value;
  p.kind = row->name == "acc32" && !s.has("kind") ? SeriesKind::counter : kind_of(k.kind);
  check_width(s, p, k);
  check_models(s, p, *row, k);
  if (!p.is_number()) {
    for (const auto* key : {"scale", "offset", "min", "max", "invalid", "scale_address"}) {
      if (s.has(key)) s.complain(key, fmt::format("the type {} does not have it", k.type));
    }
    return;
  }
  if (p.value_type == ValueType::i64) make_exact(s, p);
  check_dynamic_scale(s, p, k);
  if (p.min && p.max && *p.min >= *p.max) s.complain("min", "it is not below max");
  read_invalid(s, p, k.invalid);
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
  if (!p.models.empty() && p.function != 3) {
    s.complain(at + ".models", "SunSpec is read with function 3");
  }
  if (p.models.empty()) {
    const auto address = p.address + modbus.address_shift;
    if (address < 0) {
      s.complain(at + ".address", fmt::format("{} with address_shift {} is below 0", p.address,
                                              modbus.address_shift));
    }
    p.address = static_cast<std::uint16_t>(std::max<std::int64_t>(0, address));
    if (p.scale_address >= 0) p.scale_address += static_cast<std::int32_t>(modbus.address_shift);
  }
  if (p.address + p.registers > 65'536) {
    s.complain(at + ".address", fmt::format("{} registers from {:#06x} on pass the end at 0xffff",
                                            p.registers, p.address));
  }
  const auto width = p.end() - p.begin();
  if (width > modbus.max_registers) {
    s.complain(at + ".type", fmt::format("{} registers do not fit into a request of at most {}",
                                         width, modbus.max_registers));
  }
}

}  // namespace tidemark::profile
