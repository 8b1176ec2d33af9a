// Frames: how edge, gateway and cloud speak. Sans-I/O: bytes in, frames out.
//
// Layout     u32 length of the payload, u8 type, u8 version, u16 zero, payload (FORMAT.md).
// Bounds     a payload of at most `payload_max` bytes: kFramePayloadMax between parties that know
//            each other, kStrangerPayloadMax before the peer has proved who it is.
// Between gateway and cloud the same frames travel over ZeroMQ, with the edge's name before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/sequence_ranges.h"
#include "common/model/series.h"

namespace tidemark::wire {

inline constexpr std::uint8_t kVersion = 1;
// The highest that Hello and Welcome agree on. From 2 on a seal may leave out names (Seal::rest),
// from 3 on it may say of which minutes there are no counts (SourceSeal::dropped), and from 4 on
// what the edge knows of its starts (Seal::opening).
inline constexpr std::uint8_t kVersionMax = 4;
inline constexpr std::uint8_t kVersionOfRest = 2;
inline constexpr std::uint8_t kVersionOfDropped = 3;
inline constexpr std::uint8_t kVersionOfOpening = 4;
inline constexpr std::size_t kFramePayloadMax = 1 << 20;
inline constexpr std::size_t kStrangerPayloadMax = 1024;
inline constexpr std::size_t kHeaderBytes = 8;

enum class FrameType : std::uint8_t {
  hello = 1,      // edge -> cloud: Hello
  welcome = 2,    // cloud -> edge: Welcome
  dictionary = 3, // edge -> cloud: a Dictionary's bytes
  block = 4,      // edge -> cloud: lane u8, BlockRecord
  seal = 5,       // edge -> cloud: Seal
  ack = 6,        // cloud -> edge: Ack
  credit = 7,     // gateway -> edge: Credit
  request = 8,    // cloud -> edge: Request
  refuse = 9,     // gateway -> edge: Refuse; the connection closes after it
  ping = 10,      // both: u64 that comes back in the pong
  pong = 11,
  bye = 12,       // gateway -> cloud: the edge's connection has gone
  enroll_hello = 20,    // edge -> gateway, without a certificate: token id
  enroll_challenge = 21,
  enroll_request = 22,  // CSR and HMAC
  enroll_grant = 23,    // certificates
};

struct Frame {
  FrameType type{};
  ByteVector payload;
};

void append_frame(ByteVector& out, FrameType type, ByteSpan payload);

class FrameReader {
 public:
  explicit FrameReader(std::size_t payload_max) : payload_max_(payload_max) {}
  void set_payload_max(std::size_t bytes) { payload_max_ = bytes; }
  void feed(ByteSpan bytes);
  // The next whole frame, nothing when more bytes are needed, Fault::bad_input for a frame that
  // breaks the layout or a bound (the connection cannot go on: its place in the stream is lost).
  Result<std::optional<Frame>> next();
  // What was fed and not handed out: after a fault, the bytes that made it.
  [[nodiscard]] ByteSpan rest() const { return ByteSpan(buffer_).subspan(at_); }

 private:
  ByteVector buffer_;
  std::size_t at_ = 0;
  std::size_t payload_max_;
};

struct Hello {
  std::uint8_t version_min = kVersion;
  std::uint8_t version_max = kVersionMax;
  std::string edge;   // must be the certificate's
  std::string site;
  std::string program_version;
  Incarnation incarnation;
  std::uint64_t start_ordinal = 0;
  std::vector<Closing> closings;  // every earlier incarnation that is not settled yet
  friend bool operator==(const Hello&, const Hello&) = default;
};

// What the cloud has of one incarnation.
struct Holdings {
  Incarnation incarnation;
  SequenceRanges blocks;          // received, or never wanted again (lost, dead-lettered)
  std::uint64_t seal_number = 0;  // highest committed
  friend bool operator==(const Holdings&, const Holdings&) = default;
};

struct Welcome {
  std::uint8_t version = kVersionMax;  // at most Hello::version_max
  EventTime now{};  // the cloud's clock
  std::vector<Holdings> holdings;  // the current incarnation and those of Hello::closings
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

struct Ack {
  std::vector<Holdings> holdings;  // `blocks`: added by this commit, or all; edges take the union
  std::vector<DictionaryHash> dictionaries;
  // What only the cloud can know of this edge, over all incarnations: answered, duplicate,
  // late_ledger, quarantined and lost as found there; `evicted` that had arrived all the same.
  Ledger ledger;
  friend bool operator==(const Ack&, const Ack&) = default;
};

struct Credit {
  std::uint64_t bytes = 0;  // frame payload bytes that may have been sent on this connection in all
};

struct Request {
  std::vector<DictionaryHash> dictionaries;
  std::vector<Holdings> missing;  // `blocks` are wanted again
  friend bool operator==(const Request&, const Request&) = default;
};

enum class Refusal : std::uint8_t {
  version = 1,       // no common version
  identity = 2,      // certificate and Hello differ, or the edge is revoked
  clone = 3,         // another connection of the same edge took over
  protocol = 4,      // a frame that breaks the rules
  quota = 5,
  unavailable = 6,   // the gateway cannot reach the cloud: try again
  token = 7,         // enrolment: unknown, used or expired
};
struct Refuse {
  Refusal reason{};
  std::string text;  // for people, with what to do next
};

// Each message has encode() into a payload and decode() from one; decode says Fault::bad_input for
// bytes that are damaged, too long or left over.
ByteVector encode(const Hello& m);
ByteVector encode(const Welcome& m);
ByteVector encode(const Ack& m);
ByteVector encode(const Credit& m);
ByteVector encode(const Request& m);
ByteVector encode(const Refuse& m);
ByteVector encode_block(Lane lane, const BlockRecord& record);
Result<Hello> decode_hello(ByteSpan payload);
Result<Welcome> decode_welcome(ByteSpan payload);
Result<Ack> decode_ack(ByteSpan payload);
Result<Credit> decode_credit(ByteSpan payload);
Result<Request> decode_request(ByteSpan payload);
Result<Refuse> decode_refuse(ByteSpan payload);
Result<std::pair<Lane, BlockRecord>> decode_block(ByteSpan payload);

}  // namespace tidemark::wire
