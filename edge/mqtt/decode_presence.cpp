// MessageDecoder for devices that come and go: messages that say so, and what becomes of the series
// of one that is away.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "common/base/text.h"
#include "edge/mqtt/decoder.h"

namespace tidemark::mqtt {
namespace {

constexpr const char* kAllDevices = "all devices";

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

bool among(std::string_view word, const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& w) { return same_word(w, word); });
}

std::string_view plain_word(const Message& message) {
  auto text = trim(as_text(message.payload));
  if (text.size() > 1 && text.starts_with('"') && text.ends_with('"')) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace

// Whether there is more in it than the word: on a topic that has readings too, whatever is not one
// of the words.
bool MessageDecoder::holds_readings(const Topic& topic, const Message& message) const {
  const auto text = plain_word(message);
  const bool json = options_.format == Format::json || options_.format == Format::automatic;
  if (!topic.word_at.empty() && text.starts_with('{') && !json) return false;
  return topic.ours && !text.empty() && !among(text, topic.presence->online) &&
         !among(text, topic.presence->offline);
}

// The word of a message, as text; what cannot be read is rejected, if it is no reading either.
std::optional<std::string> MessageDecoder::presence_word(const Topic& topic,
                                                         const Message& message) {
  const auto text = plain_word(message);
  // Bridges have sent plain words where they send objects today.
  if (topic.presence->path.empty() || !text.starts_with('{')) {
    if (holds_readings(topic, message)) return std::nullopt;
    return std::string(text);
  }
  if (const auto parsed = json_.parse(message.payload, {}, payload_); !parsed) {
    if (!topic.ours) reject("presence cannot be read: " + parsed.error().text(), 0);
    return std::nullopt;
  }
  for (const auto& leaf : payload_.leaves) {
    if (leaf.array || payload_.path(leaf) != topic.word_at) continue;
    return std::string(payload_.values[leaf.first].text);
  }
  if (!topic.ours) {
    reject(fmt::format("presence cannot be read: there is no {}", topic.presence->path), 0);
  }
  return std::nullopt;
}

void MessageDecoder::decode_presence(Topic& topic, const journal::Entry& entry,
                                     const Message& message) {
  const auto& presence = *topic.presence;
  const auto word = presence_word(topic, message);
  if (!word) return;
  const std::string who = presence.all ? kAllDevices : topic.speaks_of;
  // An empty message takes back what the broker retained: nothing is said of the device any more.
  if (word->empty()) {
    presence_.back(who);
    return;
  }
  const bool online = among(*word, presence.online);
  if (!online && !among(*word, presence.offline)) {
    reject(fmt::format("presence cannot be read: '{}' is neither online ({}) nor offline ({})",
                       std::string_view(*word).substr(0, 40), fmt::join(presence.online, ", "),
                       fmt::join(presence.offline, ", ")), 0);
    return;
  }
  if (online) {
    presence_.back(who);
    return;
  }
  Group group;
  for (const auto& [name, other] : topics_) {
    if (presence.all || other->device == topic.speaks_of) add_last_values(*other, group);
  }
  take_away(std::move(group));
  presence_.away(who, fmt::format("'{}' says '{}'", topic.name, *word), entry.arrived);
}

// What comes from a device shows that it is there, and so is the bridge that it came by.
void MessageDecoder::note_heard(const Topic& topic) {
  presence_.back(topic.device);
  presence_.back(kAllDevices);
}

// What was read last of this topic, marked as no longer valid.
void MessageDecoder::add_last_values(const Topic& topic, Group& group) {
  for (const auto& [path, binding] : topic.paths) {
    const auto handle = std::max(binding.handle[0], binding.handle[1]);
    const auto last = handle < 0 ? last_.end() : last_.find(static_cast<std::uint32_t>(handle));
    if (last == last_.end()) continue;
    auto& column = group.columns.emplace_back();
    column.series = last->first;
    column.type = last->second.type;
    append(column, {column.series, column.type, last->second.f64, last->second.i64,
                    last->second.text});
    column.quality = {Quality::bad_device};
    last_.erase(last);  // it is said once
  }
}

void MessageDecoder::take_away(Group group) {
  if (group.columns.empty()) return;
  out_->away_from = std::min(out_->away_from, out_->groups.size());
  group.times = {source::Decoded::kArrival};
  std::sort(group.columns.begin(), group.columns.end(),
            [](const Column& a, const Column& b) { return a.series < b.series; });
  out_->groups.push_back(std::move(group));
}

// For when the device is away. Only the last row of each group counts: rows are in order of time.
void MessageDecoder::remember_last(std::size_t first_group) {
  for (auto g = first_group; g < out_->groups.size(); ++g) {
    for (const auto& c : out_->groups[g].columns) {
      auto& last = last_[c.series];
      last.type = c.type;
      if (c.type == ValueType::f64) {
        last.f64 = c.f64.back();
      } else if (c.type == ValueType::text) {
        last.text = c.text.back();
      } else {
        last.i64 = c.i64.back();
      }
    }
  }
}

}  // namespace tidemark::mqtt
