// The shape of a JSON message: the bytes between its numbers, and what each number is. A sensor's
// messages differ in their numbers alone, so that most are read by comparing and scanning.
//
// Promise    read() fills a Payload as JsonParser would, to the bit, or says false: another text
//            between the numbers, a number with an exponent or of many digits, a time that is none.
//            Those are the parser's, and so is everything that is wrong.
// Bound      of() makes none of messages with arrays, texts or true and false as values, of more
//            than kNumbersMax numbers, or of more than kBytesMax bytes between them.
// Threads    read() is const; one Payload at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/payload/payload.h"

namespace tidemark::payload {

class MessageShape {
 public:
  static constexpr std::size_t kNumbersMax = 16;
  static constexpr std::size_t kBytesMax = 512;

  // Of a payload that the parser has read into `read`, without a fault. Null: it has none.
  static std::unique_ptr<const MessageShape> of(ByteSpan payload, const Payload& read);

  bool read(ByteSpan payload, TimeUnit unit, Payload& out) const;

  // Equal shapes have equal keys.
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  static constexpr std::uint8_t kTime = 0xff;
  struct Piece {
    std::uint32_t begin, size;   // in key_: what comes before the number
    std::uint8_t leaf;           // which leaf the number is, or kTime
  };

  std::string key_;              // texts between the numbers, then names of the leaves' paths
  std::vector<Piece> pieces_;
  std::string end_;              // what comes after the last number
  std::size_t bytes_ = 0;        // of all texts
  std::string paths_;
  std::vector<Leaf> leaves_;
};

}  // namespace tidemark::payload
