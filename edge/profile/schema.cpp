#include "edge/profile/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "common/base/text.h"

namespace tidemark::profile {
namespace {

using config::Section;

constexpr std::array kOrders = {"ABCD", "CDAB", "BADC", "DCBA"};

struct HeadPart {
  ProfileHead& head;
};
void describe(Section& s, HeadPart& p) {
  s.text("protocol", p.head.protocol, {});
  s.text("extends", p.head.extends, {});
}

struct Quirks {
  Profile& profile;
};
// What is not said stays as it is: as the profile that this one extends has it.
void describe(Section& s, Quirks& q) {
  auto& p = q.profile;
  const auto time = [&](std::string_view key, Nanoseconds& value, const config::Rule& rule) {
    Nanoseconds said{};
    s.duration(key, said, rule);
    if (s.has(key)) value = said;
  };
  const auto flag = [&](std::string_view key, bool& value, const config::Rule& rule) {
    bool said = value;
    s.flag(key, said, rule);
    if (s.has(key)) value = said;
  };
  time("pause_after_connect", p.pause_after_connect, {.preset = "0s", .max = "1min"});
  time("pause_between_requests", p.pause_between_requests, {.preset = "0s", .max = "10s"});
  time("timeout_least", p.timeout_least,
       {.preset = "0s", .max = "1min",
        .help = "The device may need so long for an answer, whatever the source says."});
  flag("close_after_poll", p.close_after_poll,
       {.help = "The connection is closed behind each poll: the device serves one client at a "
                "time, or goes deaf on an idle one."});
  flag("one_point_per_request", p.one_point_per_request,
       {.help = "Neighbours are not read together: the device answers longer requests wrongly."});
  flag("coils_from_zero", p.coils_from_zero,
       {.help = "Coils and inputs (functions 1 and 2) are read from address 0 on: the device "
                "refuses any other beginning."});
  flag("any_unit", p.any_unit,
       {.help = "Its answers may name another unit than was asked. Only for a device that is "
                "alone on its connection: nothing else tells its answers from another's."});
}

struct Probe {
  std::string point;
  std::vector<std::string> alike;
};
void describe(Section& s, Probe& p) {
  s.text("point", p.point, {.help = "One cheap read that says whether it is this device."});
  s.texts("alike", p.alike,
          {.help = "Points whose values lie within a quarter of each other, such as the phases' "
                   "voltages: they tell byte orders apart that ranges do not."});
}

void check_point(Section& s, const char* key, const std::string& name, const Profile& profile) {
  if (profile.find(name) != nullptr) return;
  std::vector<std::string> names;
  for (const auto& p : profile.points) names.push_back(p.name);
  const auto near = nearest(name, names);
  s.complain(key, fmt::format("'{}' is not a point of this profile{}", name,
                              near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
}

// All that lies before a coil is read along with it.
void check_coils(Section& s, const Profile& profile) {
  if (!profile.coils_from_zero) return;
  for (const auto& p : profile.points) {
    if (p.function > 2 || p.end() <= profile.max_registers) continue;
    s.complain("quirks.coils_from_zero",
               fmt::format("the point '{}' at {} lies beyond what one request from 0 holds, {}",
                           p.name, p.address, profile.max_registers));
  }
}

// What a profile says of itself wins over what it takes over; omitted points take their part along.
void take_probe(Section& s, const Probe& probe, Profile& out) {
  if (!probe.point.empty()) {
    out.probe = probe.point;
    check_point(s, "probe.point", out.probe, out);
  } else if (out.find(out.probe) == nullptr) {
    out.probe.clear();
  }
  if (!probe.alike.empty()) {
    out.alike = probe.alike;
    for (const auto& name : out.alike) check_point(s, "probe.alike", name, out);
  } else {
    std::erase_if(out.alike, [&](const auto& name) { return out.find(name) == nullptr; });
  }
}

}  // namespace

void describe(Section& s, Meta& m) {
  s.text("id", m.id, {.required = true, .help = "The file's name without .toml."});
  s.text("vendor", m.vendor, {});
  s.text("model", m.model, {});
  s.text("firmware", m.firmware, {.help = "Versions that it is right for."});
  s.choice("protocol", m.protocol, {"modbus", "mqtt-json", "mqtt-raw", "sparkplug"},
           {.required = true, .help = "How it is read."});
  s.text("extends", m.extends, {.help = "A profile whose points are taken over."});
  s.texts("omit", m.omit, {.help = "Points of that profile which this device does not have."});
  s.text("source", m.source, {.required = true, .help = "Where the addresses are from."});
  s.text("verified", m.verified,
         {.required = true, .help = "\"probe DATE serial …\", \"two sources\" or \"one source\"."});
  s.text("note", m.note, {});
}

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
  s.integer("address_shift", m.address_shift,
            {.preset = "0", .min = "-1", .max = "1",
             .help = "Added to every address but SunSpec's, those taken over too: for a map that "
                     "counts from 1, or a device that does."});
  m.says_function = s.has("function");
  m.says_order = s.has("byte_order");
  m.says_gap = s.has("max_gap");
  m.says_registers = s.has("max_registers");
}

void describe(Section& s, ProfileHead& f) {
  HeadPart part{f};
  s.table("profile", part);
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
  auto& out = f.profile;
  if (f.parent != nullptr) out = *f.parent;
  Quirks quirks{out};
  s.table("quirks", quirks, "What the device needs to be read at all.");
  Probe probe;
  s.table("probe", probe);
  std::vector<PointFile> points;
  s.tables("point", points, "One per metric.");

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
  // What a child says of all points holds for those that it takes over, too.
  for (auto& p : out.points) {
    if (modbus.says_function) p.function = static_cast<std::uint8_t>(modbus.function);
    if (p.models.empty()) {
      p.address = static_cast<std::uint16_t>(p.address + modbus.address_shift);
    }
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
    out.points.push_back(point);
  }
  if (out.points.empty()) {
    s.complain("profile", "there is no [[point]]; a profile needs at least one");
  }
  check_coils(s, out);
  take_probe(s, probe, out);
  lint(s, out, points);
}

std::vector<std::string> order_names() { return {kOrders.begin(), kOrders.end()}; }

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

bool Profile::is_sunspec() const {
  return std::any_of(points.begin(), points.end(),
                     [](const Point& p) { return !p.models.empty(); });
}

void Profile::set_byte_order(ByteOrder order) {
  for (auto& p : points) {
    if (p.registers > 1) p.byte_order = order;
  }
}

}  // namespace tidemark::profile
