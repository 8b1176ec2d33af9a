#include "cloud/plain/sent_names.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/hash.h"

namespace tidemark::plain {
namespace {

constexpr std::size_t kSlotsMin = 64;
constexpr std::size_t kHead = 5;

std::array<char, kHead> head_of(const PlainReading& r) {
  return {static_cast<char>(r.device.size() & 0xff), static_cast<char>(r.device.size() >> 8),
          static_cast<char>(r.metric.size() & 0xff), static_cast<char>(r.metric.size() >> 8),
          static_cast<char>(r.type)};
}

}  // namespace

std::uint64_t SentNames::hash_of(const PlainReading& r) {
  const auto device = xxh3(as_bytes(r.device), static_cast<std::uint64_t>(r.type));
  return xxh3(as_bytes(r.metric), device);
}

bool SentNames::is_at(std::uint32_t names, const PlainReading& r) const {
  const auto head = head_of(r);
  const char* at = names_.data() + names;
  return std::memcmp(at, head.data(), kHead) == 0 &&
         std::string_view(at + kHead, r.device.size()) == r.device &&
         std::string_view(at + kHead + r.device.size(), r.metric.size()) == r.metric;
}

std::uint32_t SentNames::find(const PlainReading& r) const {
  if (slots_.empty()) return kNone;
  const auto hash = hash_of(r);
  const auto mask = slots_.size() - 1;
  for (auto i = hash & mask; slots_[i].series != kNone; i = (i + 1) & mask) {
    if (slots_[i].hash == hash && is_at(slots_[i].names, r)) return slots_[i].series;
  }
  return kNone;
}

void SentNames::add(const PlainReading& r, std::uint32_t series) {
  if (2 * (size_ + 1) > slots_.size()) {
    auto old = std::move(slots_);
    slots_.assign(std::max(kSlotsMin, 2 * old.size()), {});
    for (const auto& slot : old) {
      if (slot.series != kNone) put(slot);
    }
  }
  put({hash_of(r), static_cast<std::uint32_t>(names_.size()), series});
  const auto head = head_of(r);
  names_.append(head.data(), kHead).append(r.device).append(r.metric);
  ++size_;
}

void SentNames::put(const Slot& slot) {
  const auto mask = slots_.size() - 1;
  auto i = slot.hash & mask;
  while (slots_[i].series != kNone) i = (i + 1) & mask;
  slots_[i] = slot;
}

}  // namespace tidemark::plain
