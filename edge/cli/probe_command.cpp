#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "edge/cli/bus_access.h"
#include "edge/cli/profile_command.h"
#include "edge/probe/scan.h"

namespace tidemark::edge {
namespace {

using cli::Output;
using json = nlohmann::ordered_json;
using probe::Outcome;
using probe::Variant;
using probe::Verdict;
using profile::Profile;

constexpr std::size_t kShownMax = 6;  // variants on the screen; --json has them all

std::string_view name_of(Verdict v) {
  switch (v) {
    case Verdict::follows: return "follows";
    case Verdict::differs: return "differs";
    case Verdict::undecidable: return "undecidable";
    case Verdict::no_answer: return "no answer";
    case Verdict::refused: return "refused";
  }
  return "undecidable";
}

json variant_json(const Profile& p, const Variant& v) {
  return {{"byte_order", to_string(v.order)}, {"other_function", v.other_function},
          {"address_shift", v.shift}, {"text", probe::describe(p, v)}};
}

// "1-16", "3", "1,5,9-12"; each from 0 to 255.
Result<std::vector<std::uint8_t>> units_of(const std::string& text) {
  const auto refuse = [&] {
    return Error{Fault::bad_input, "--units: '" + text + "' is not like 1-16 or 1,5,9"};
  };
  std::vector<std::uint8_t> out;
  for (const auto part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto number = [](std::string_view word) -> int {
      std::uint8_t v = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), v);
      return error == std::errc{} && end == word.data() + word.size() && !word.empty() ? v : -1;
    };
    const int first = number(part.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
    if (first < 0 || last < first) return refuse();
    for (int unit = first; unit <= last; ++unit) out.push_back(static_cast<std::uint8_t>(unit));
  }
  return out;
}

class ProbeWords {
 public:
  ProbeWords(cli::Command& profile, Output& out) : out_(out) {
    auto& p = profile.add("probe", "Whether a device follows a profile; finds its byte order, "
                                   "function and address base, or refuses to guess.");
    common(p, true);
    p.argument("ID", id_, "The profile; that of the source when left out.", false);
    p.option("--write", write_, "Write what was found as a profile of this name, which extends "
                                "the other.", "NAME");
    act(p, [this] { return run_probe(); });
    auto& s = profile.add("scan", "Which units answer, at which speed and parity, and what they "
                                  "look like.");
    common(s, false);
    s.option("--units", units_, "1-247 on TCP, 1-16 on a line when left out.", "LIST");
    act(s, [this] { return run_scan(); });
  }

 private:
  void act(cli::Command& c, std::function<int()> action) {
    c.action(with_agent(config_, agent_, out_, std::move(action)));
  }

  void common(cli::Command& c, bool with_unit) {
    words_.declare(c, with_unit);
    c.flag("--json", json_, "One JSON object instead of text.");
    c.option("--profiles", folders_, "A folder to look into first.", "FOLDER");
    c.option("--config", config_, "The agent's configuration.", "FILE");
  }

  int unreachable(const Error& error) {
    out_.fail(error);
    return kExitUnreachable;
  }

  int run_probe() {
    auto device = device_of(words_, agent_.config.string());
    if (!device) return out_.usage(device.error().text());
    if (id_.empty()) id_ = device->profile;
    if (id_.empty()) return out_.usage("name a profile", "tidemark profile list");
    const auto library = library_of(folders_, agent_);
    const auto profile = library.load(id_);
    if (!profile) return out_.fail(profile.error(), "tidemark profile list");
    device->timeout = std::max(device->timeout, profile->timeout_least);
    const auto access = BusAccess::open(*device, agent_);
    if (!access) return unreachable(access.error());
    const auto outcome = probe::probe(*profile, device->unit, access->reader());
    const int code = written(library, *profile, *device, outcome);
    if (json_) {
      show_json(*profile, *device, access->through_agent(), outcome);
    } else {
      show(*profile, *device, access->through_agent(), outcome);
    }
    return code;
  }

  // The exit code; a profile is written only when exactly one variant was found.
  int written(const profile::Library& library, const Profile& profile, const Device& device,
              const Outcome& outcome) {
    switch (outcome.verdict) {
      case Verdict::follows: return kExitOk;
      case Verdict::no_answer: return kExitUnreachable;
      case Verdict::refused: return kExitProtocol;
      case Verdict::undecidable: return kExitBadData;
      case Verdict::differs: break;
    }
    if (write_.empty()) return kExitBadData;
    if (write_.find('/') != std::string::npos || library.find(write_).ok()) {
      return out_.usage("--write: '" + write_ + "' is a profile already, or a path");
    }
    const auto file = library.folders().front() / (write_ + ".toml");
    const SystemClock clock;
    const auto day = format_utc(clock.wall()).substr(0, 10);
    const auto& v = outcome.found;
    auto text = fmt::format("schema = 1\n\n[profile]\nid = {}\nprotocol = \"modbus\"\n"
                            "extends = {}\nvendor = {}\nmodel = {}\nsource = {}\n"
                            "verified = \"probe {} unit {}\"\n\n[modbus]\nbyte_order = \"{}\"\n",
                            json_quote(write_), json_quote(profile.id),
                            json_quote(profile.vendor), json_quote(profile.model),
                            json_quote(profile.source), day, device.unit, to_string(v.order));
    if (v.other_function) {
      text += fmt::format("function = {}\n", profile.points.front().function == 3 ? 4 : 3);
    }
    if (v.shift != 0) text += fmt::format("address_shift = {}\n", v.shift);
    if (const auto done = write_file(file, text, 0644); !done) {
      out_.fail(done.error());
      return kExitCannotCreate;
    }
    written_ = file.string();
    return kExitOk;
  }

  void show(const Profile& profile, const Device& device, bool through_agent, const Outcome& o) {
    std::string text = fmt::format("{} unit {}{}\n", device.url.text(), device.unit,
                                   through_agent ? ", through the agent" : "");
    std::size_t shown = 0;
    for (const auto& j : o.judged) {
      if (j.telling == 0 || ++shown > kShownMax) continue;
      text += fmt::format(" as {:<34} {:>2} of {:>2} points plausible{}\n",
                          probe::describe(profile, j.variant), j.plausible, j.telling,
                          j.probe_point ? fmt::format("   {} {}", profile.probe, *j.probe_point)
                                        : "");
      if (!j.against.empty()) text += "    " + j.against.front() + "\n";
    }
    text += fmt::format("{}: {}\n", name_of(o.verdict), o.reason);
    out_.out(text);
    if (o.verdict == Verdict::differs && written_.empty()) {
      out_.err(fmt::format("  try: byte_order = \"{}\" in its [[source.modbus]] when only that "
                           "differs, else the same command with --write NAME\n",
                           to_string(o.found.order)));
    }
    if (!written_.empty()) {
      out_.err(fmt::format("{} is written; set profile = \"{}\" in its [[source.modbus]]\n",
                           written_, write_));
    }
  }

  void show_json(const Profile& profile, const Device& device, bool through_agent,
                 const Outcome& o) {
    json judged = json::array();
    for (const auto& j : o.judged) {
      auto one = variant_json(profile, j.variant);
      one.update({{"plausible", j.plausible}, {"telling", j.telling}, {"against", j.against},
                  {"refused", j.refused}});
      judged.push_back(std::move(one));
    }
    const bool found = o.verdict == Verdict::follows || o.verdict == Verdict::differs;
    out_.out(json{{"v", 1}, {"profile", profile.id}, {"url", device.url.text()},
                  {"unit", device.unit}, {"through_agent", through_agent},
                  {"verdict", name_of(o.verdict)}, {"reason", o.reason},
                  {"found", found ? variant_json(profile, o.found) : json(nullptr)},
                  {"written", written_.empty() ? json(nullptr) : json(written_)},
                  {"judged", judged}}
                 .dump() + "\n");
  }

  int run_scan() {
    auto device = device_of(words_, agent_.config.string());
    if (!device) return out_.usage(device.error().text());
    if (words_.timeout.empty()) device->timeout = std::chrono::milliseconds(300);
    const bool is_line = device->url.kind != config::BusUrl::Kind::tcp;
    const auto units = units_of(!units_.empty() ? units_ : is_line ? "1-16" : "1-247");
    if (!units) return out_.usage(units.error().text());
    const bool owned = BusAccess::owned_by_agent(*device, agent_);
    const bool fixed = owned || words_.baud != 0 || !words_.parity.empty();
    if (device->url.kind == config::BusUrl::Kind::rtu && !fixed) {
      const auto done = sweep_line(*device, *units);
      if (done != kExitOk) return done;
    }
    const auto access = BusAccess::open(*device, agent_);
    if (!access) return unreachable(access.error());
    return scan_units(*device, *units, *access);
  }

  int sweep_line(Device& device, const std::vector<std::uint8_t>& units) {
    const auto open = [&](const config::BusUrl& url) -> Result<modbus::ReadRegisters> {
      auto setting = device;
      setting.url = url;
      TIDE_ASSIGN(const auto access, BusAccess::open_directly(setting));
      return access.reader();
    };
    const auto tried = [&](const config::BusUrl& url, probe::Presence p) {
      if (json_) return;
      out_.err(fmt::format("{} baud, parity {}: {}\n", url.baud, to_string(url.parity),
                           p == probe::Presence::somebody  ? "answers"
                           : p == probe::Presence::garbled ? "something that is not understood"
                                                           : "nobody"));
    };
    const auto swept = probe::sweep(device.url, units, open, tried);
    if (!swept) return unreachable(swept.error());
    if (swept->found) {
      device.url = *swept->found;
      return kExitOk;
    }
    out_.fail(Error{Fault::unavailable, device.url.place() + ": nobody answers at any speed and "
                                                             "parity"},
              "more units with --units 1-247, the wires A and B the other way round, a longer "
              "--timeout");
    return kExitUnreachable;
  }

  int scan_units(const Device& device, const std::vector<std::uint8_t>& units,
                 const BusAccess& access) {
    const auto library = library_of(folders_, agent_);
    std::vector<Profile> profiles;
    for (const auto& name : library.names()) {
      auto loaded = library.load(name);
      if (loaded) profiles.push_back(std::move(*loaded));
    }
    json all = json::array();
    for (const auto unit : units) {
      const auto presence = probe::look(unit, access.reader());
      if (presence == probe::Presence::broken) {
        return unreachable({Fault::unavailable, device.url.text() + " went away"});
      }
      if (presence == probe::Presence::nobody) continue;
      probe::FoundUnit found{unit, presence == probe::Presence::garbled, {}};
      if (!found.garbled) found = probe::identify(unit, profiles, access.reader());
      all.push_back({{"unit", unit}, {"garbled", found.garbled}, {"profiles", found.profiles}});
      if (!json_) out_.out(line_of(found));
    }
    if (json_) {
      out_.out(json{{"v", 1}, {"url", device.url.text()},
                    {"through_agent", access.through_agent()}, {"units", all}}.dump() + "\n");
    } else {
      out_.err(fmt::format("{} of {} units of {} answer{}\n", all.size(), units.size(),
                           device.url.text(),
                           access.through_agent() ? ", asked through the agent" : ""));
    }
    return all.empty() ? kExitUnreachable : kExitOk;
  }

  static std::string line_of(const probe::FoundUnit& f) {
    if (f.garbled) {
      return fmt::format("unit {:>3}  answers, not understandably: another speed or parity, or two "
                         "devices of one number\n", f.unit);
    }
    std::string text;
    for (const auto& p : f.profiles) text += (text.empty() ? "" : ", ") + p;
    return fmt::format("unit {:>3}  {}\n", f.unit,
                       text.empty() ? "follows no profile that is here" : "follows " + text);
  }

  Output& out_;
  Agent agent_;
  DeviceWords words_;
  bool json_ = false;
  std::string config_, id_, write_, units_, written_;
  std::vector<std::string> folders_;
};

}  // namespace

std::shared_ptr<void> add_probe(cli::Command& profile, Output& output) {
  return std::make_shared<ProbeWords>(profile, output);
}

}  // namespace tidemark::edge
