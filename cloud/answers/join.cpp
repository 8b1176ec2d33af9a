#include "cloud/answers/join.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/text.h"
#include "common/window/total_order.h"

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kAt = " at ";
constexpr std::string_view kWithin = " within ";

}  // namespace

Result<Join> Join::parse(std::string_view text, const std::vector<std::string>& inputs) {
  const auto within = text.rfind(kWithin);
  const auto at = within == std::string_view::npos ? within : text.rfind(kAt, within);
  if (at == std::string_view::npos) {
    return Error(Fault::bad_input, fmt::format("'{}': expected FORMULA at INPUT within "
                                               "DURATION: \"power / flow at power within 2s\"",
                                               text));
  }
  Join join;
  TIDE_ASSIGN(join.formula, ValueFormula::parse(trim(text.substr(0, at)), inputs));
  const auto name = trim(text.substr(at + kAt.size(), within - at - kAt.size()));
  const auto left = std::find(inputs.begin(), inputs.end(), name);
  if (left == inputs.end()) {
    return Error(Fault::bad_input, fmt::format("'{}': no input '{}'; there are: {}", text, name,
                                               fmt::join(inputs, ", ")));
  }
  join.at = static_cast<std::size_t>(left - inputs.begin());
  for (const auto i : join.formula.inputs()) {
    if (i != join.at) join.others.push_back(i);
  }
  if (join.others.empty()) {
    return Error(Fault::bad_input, fmt::format("'{}': needs an input beside {}", text, name));
  }
  TIDE_ASSIGN(join.within, parse_duration(trim(text.substr(within + kWithin.size()))));
  if (join.within < Nanoseconds{} || join.within > kWithinMax) {
    return Error(Fault::bad_input, fmt::format("'{}': within is 0s to {}", text,
                                               format_duration(kWithinMax)));
  }
  return join;
}

void sort(std::vector<Sample>& samples) {
  std::sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
    return a.time != b.time ? a.time < b.time
                            : window::order_of(a.value) < window::order_of(b.value);
  });
}

void each_pair(const Join& join, std::span<const Sample> left,
               std::span<const std::vector<Sample>> inputs,
               const std::function<void(EventTime, PairState, double)>& visit) {
  std::vector<double> values(inputs.size());
  std::vector<std::size_t> next(inputs.size());
  for (const auto& reading : left) {
    bool all = true;
    values[join.at] = reading.value;
    for (const auto i : join.others) {
      const auto& other = inputs[i];
      auto& n = next[i];
      while (n < other.size() && other[n].time <= reading.time) ++n;
      if (n == 0 || reading.time - other[n - 1].time > join.within) {
        all = false;
      } else {
        values[i] = other[n - 1].value;
      }
    }
    const auto value = all ? join.formula.of(values) : std::nullopt;
    visit(reading.time,
          !all ? PairState::alone : value ? PairState::paired : PairState::no_value,
          value.value_or(0));
  }
}

void Pairs::encode(ByteWriter& out) const {
  out.u8(kVersion);
  out.varint(left);
  out.varint(alone);
  out.varint(no_value);
  out.varint(others);
  ByteVector bytes;
  ByteWriter pane(bytes);
  values.encode(pane);
  out.blob(bytes);
}

Result<Pairs> Pairs::decode(ByteReader& in) {
  if (in.u8() != kVersion) return Error(Fault::unsupported, "pairs of an unknown version");
  Pairs pairs;
  pairs.left = in.varint();
  pairs.alone = in.varint();
  pairs.no_value = in.varint();
  pairs.others = in.varint();
  const auto pane = in.blob();
  if (!in.ok()) return Error(Fault::corrupt, "pairs do not decode");
  TIDE_ASSIGN(pairs.values, reconcile::Pane::decode(pane));
  return pairs;
}

void JoinSum::add(const Pairs& pairs) {
  values.add(pairs.values.rows, pairs.values.extras.get(), {});
  left += pairs.left;
  alone += pairs.alone;
  no_value += pairs.no_value;
  others += pairs.others;
}

}  // namespace tidemark::answers
