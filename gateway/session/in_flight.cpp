#include "gateway/session/in_flight.h"

namespace tidemark::gateway {
namespace {

std::uint64_t take(std::map<std::uint64_t, std::uint64_t>& numbers, std::uint64_t first,
                   std::uint64_t last) {
  std::uint64_t bytes = 0;
  auto at = numbers.lower_bound(first);
  while (at != numbers.end() && at->first <= last) {
    bytes += at->second;
    at = numbers.erase(at);
  }
  return bytes;
}

}  // namespace

void InFlight::block(BlockName name, std::uint64_t bytes) {
  blocks_[name.incarnation][name.sequence.count] += bytes;
  bytes_ += bytes;
}
void InFlight::seal(Incarnation incarnation, std::uint64_t number, std::uint64_t bytes) {
  seals_[incarnation][number] += bytes;
  bytes_ += bytes;
}
void InFlight::dictionary(DictionaryHash hash, std::uint64_t bytes) {
  dictionaries_[hash] += bytes;
  bytes_ += bytes;
}

std::uint64_t InFlight::acknowledge(const wire::Ack& ack) {
  std::uint64_t done = 0;
  for (const auto& h : ack.holdings) {
    if (auto b = blocks_.find(h.incarnation); b != blocks_.end()) {
      for (const auto& r : h.blocks.ranges()) done += take(b->second, r.first, r.last);
      if (b->second.empty()) blocks_.erase(b);
    }
    if (auto s = seals_.find(h.incarnation); s != seals_.end()) {
      done += take(s->second, 0, h.seal_number);  // a higher seal stands for all below it
      if (s->second.empty()) seals_.erase(s);
    }
  }
  for (const auto hash : ack.dictionaries) {
    if (auto d = dictionaries_.find(hash); d != dictionaries_.end()) {
      done += d->second;
      dictionaries_.erase(d);
    }
  }
  bytes_ -= done;
  return done;
}

std::size_t InFlight::frames() const {
  std::size_t n = dictionaries_.size();
  for (const auto& [incarnation, numbers] : blocks_) n += numbers.size();
  for (const auto& [incarnation, numbers] : seals_) n += numbers.size();
  return n;
}

}  // namespace tidemark::gateway
