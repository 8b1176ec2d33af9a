// What an edge has sent and the cloud has not acknowledged yet, in bytes. Same calls, same answers.
#pragma once

#include <cstdint>
#include <map>

#include "common/model/record.h"
#include "common/wire/frame.h"

namespace tidemark::gateway {

class InFlight {
 public:
  void block(BlockName name, std::uint64_t bytes);
  void seal(Incarnation incarnation, std::uint64_t number, std::uint64_t bytes);
  void dictionary(DictionaryHash hash, std::uint64_t bytes);
  // Takes out what this acknowledges; returns its bytes.
  std::uint64_t acknowledge(const wire::Ack& ack);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t frames() const;

 private:
  using ByNumber = std::map<std::uint64_t, std::uint64_t>;  // bytes; a number may be sent twice
  std::map<Incarnation, ByNumber> blocks_;
  std::map<Incarnation, ByNumber> seals_;
  std::map<DictionaryHash, std::uint64_t> dictionaries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace tidemark::gateway
