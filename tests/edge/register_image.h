// A device as its golden file says (tests/golden/profiles/ID.txt): registers, and what people read.
//
//   probe ABCD                what `profile probe` says of it: a byte order, or "undecidable"
//   3 9C40: 5375 6E53 …       function, first address, registers; all in hex
//   = voltage_l1 231.2        a point and its value; texts in quotes
#pragma once

#include <charconv>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/text.h"
#include "edge/modbus/sunspec.h"
#include "edge/profile/decode.h"

namespace tidemark::test {

struct RegisterImage {
  std::string probe;
  std::map<std::pair<int, int>, std::uint16_t> registers;  // by function and address
  std::vector<std::pair<std::string, std::string>> expected;

  static RegisterImage read(const std::filesystem::path& file) {
    RegisterImage image;
    const auto text = read_file(file, 1 << 20);
    if (!text) return image;
    const auto hex = [](std::string_view word) {
      std::uint16_t v = 0;
      std::from_chars(word.data(), word.data() + word.size(), v, 16);
      return v;
    };
    for (const auto line : split(*text, '\n')) {
      const auto words = split(line, ' ');
      if (words.size() < 2) continue;
      if (words[0] == "probe") {
        image.probe = words[1];
      } else if (words[0] == "=") {
        const auto name = words[1];
        image.expected.emplace_back(name, line.substr(3 + name.size()));
      } else {
        int address = hex(words[1].substr(0, words[1].size() - 1));
        for (std::size_t i = 2; i < words.size(); ++i) {
          image.registers[{hex(words[0]), address++}] = hex(words[i]);
        }
      }
    }
    return image;
  }

  // The same device with the words of `profile`'s wide points in another order.
  [[nodiscard]] RegisterImage reordered(const profile::Profile& profile,
                                        profile::ByteOrder order) const {
    auto out = *this;
    for (const auto& p : profile.points) {
      if (p.registers < 2 || !p.is_number() || !p.models.empty()) continue;
      std::vector<std::uint16_t> words;
      for (int i = 0; i < p.registers; ++i) {
        words.push_back(registers.at({p.function, p.address + i}));
      }
      profile::split_registers(profile::join_registers(words, p.byte_order), order, words);
      for (int i = 0; i < p.registers; ++i) {
        out.registers[{p.function, p.address + i}] = words[static_cast<std::size_t>(i)];
      }
    }
    return out;
  }
  // The same device with everything moved, or served by the other function.
  [[nodiscard]] RegisterImage moved(int shift, bool other_function) const {
    auto out = *this;
    out.registers.clear();
    for (const auto& [at, word] : registers) {
      out.registers[{other_function ? 7 - at.first : at.first, at.second + shift}] = word;
    }
    return out;
  }

  // Exception 2 for what it does not have, 1 for a function without any register.
  [[nodiscard]] modbus::ReadRegisters reader() const {
    return [this](const modbus::Request& r, std::vector<std::uint16_t>& out) {
      using Kind = modbus::Reply::Kind;
      out.clear();
      for (int i = 0; i < r.count; ++i) {
        const auto at = registers.find({r.function, r.address + i});
        if (at != registers.end()) {
          out.push_back(at->second);
          continue;
        }
        const bool served = registers.lower_bound({r.function, 0}) !=
                            registers.lower_bound({r.function + 1, 0});
        return modbus::Reply{Kind::exception, static_cast<std::uint8_t>(served ? 2 : 1), ""};
      }
      return modbus::Reply{};
    };
  }
};

}  // namespace tidemark::test
