// The payloads of frame.h as bytes. Every list has its bound from the bytes that are left, every
// text from kNameBytesMax or kTextBytesMax.
#include "common/wire/frame.h"

namespace tidemark::wire {
namespace {

constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kTextBytesMax = 1024;

Error damaged(const char* what) {
  return Error{Fault::bad_input, std::string(what) + ": damaged or longer than it may be"};
}

std::string bounded_text(ByteReader& in, std::size_t bytes_max) {
  const auto text = in.text();
  if (text.size() > bytes_max) in.fail();
  return std::string(in.ok() ? text : std::string_view{});
}

void put_holdings(ByteWriter& w, const std::vector<Holdings>& holdings) {
  w.varint(holdings.size());
  for (const auto& h : holdings) {
    w.fixed(h.incarnation.count);
    w.varint(h.seal_number);
    h.blocks.encode(w);
  }
}

std::vector<Holdings> get_holdings(ByteReader& in) {
  std::vector<Holdings> holdings(in.length(10));
  for (auto& h : holdings) {
    h.incarnation = {in.fixed<std::uint64_t>()};
    h.seal_number = in.varint();
    h.blocks = SequenceRanges::decode(in);
    if (!in.ok()) break;
  }
  return holdings;
}

void put_hashes(ByteWriter& w, const std::vector<DictionaryHash>& hashes) {
  w.varint(hashes.size());
  for (const auto h : hashes) w.fixed(h.count);
}

std::vector<DictionaryHash> get_hashes(ByteReader& in) {
  std::vector<DictionaryHash> hashes(in.length(8));
  for (auto& h : hashes) h = {in.fixed<std::uint64_t>()};
  return hashes;
}

}  // namespace

ByteVector encode(const Hello& m) {
  ByteVector out;
  ByteWriter w(out);
  w.u8(m.version_min);
  w.u8(m.version_max);
  w.text(m.edge);
  w.text(m.site);
  w.text(m.program_version);
  w.fixed(m.incarnation.count);
  w.varint(m.start_ordinal);
  w.varint(m.closings.size());
  for (const auto& c : m.closings) c.encode(w);
  return out;
}

Result<Hello> decode_hello(ByteSpan payload) {
  ByteReader in(payload);
  Hello m;
  m.version_min = in.u8();
  m.version_max = in.u8();
  m.edge = bounded_text(in, kNameBytesMax);
  m.site = bounded_text(in, kNameBytesMax);
  m.program_version = bounded_text(in, kNameBytesMax);
  m.incarnation = {in.fixed<std::uint64_t>()};
  m.start_ordinal = in.varint();
  m.closings.resize(in.length(26));
  for (auto& c : m.closings) {
    c = Closing::decode(in);
    if (!in.ok()) break;
  }
  if (!in.done() || m.version_min > m.version_max) return damaged("hello");
  return m;
}

ByteVector encode(const Welcome& m) {
  ByteVector out;
  ByteWriter w(out);
  w.u8(m.version);
  w.fixed(static_cast<std::uint64_t>(count_ns(m.now)));
  put_holdings(w, m.holdings);
  return out;
}

Result<Welcome> decode_welcome(ByteSpan payload) {
  ByteReader in(payload);
  Welcome m;
  m.version = in.u8();
  m.now = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  m.holdings = get_holdings(in);
  if (!in.done()) return damaged("welcome");
  return m;
}

ByteVector encode(const Ack& m) {
  ByteVector out;
  ByteWriter w(out);
  put_holdings(w, m.holdings);
  put_hashes(w, m.dictionaries);
  m.ledger.encode(w);
  return out;
}

Result<Ack> decode_ack(ByteSpan payload) {
  ByteReader in(payload);
  Ack m;
  m.holdings = get_holdings(in);
  m.dictionaries = get_hashes(in);
  m.ledger = Ledger::decode(in);
  if (!in.done()) return damaged("ack");
  return m;
}

ByteVector encode(const Credit& m) {
  ByteVector out;
  ByteWriter(out).varint(m.bytes);
  return out;
}

Result<Credit> decode_credit(ByteSpan payload) {
  ByteReader in(payload);
  Credit m{in.varint()};
  if (!in.done()) return damaged("credit");
  return m;
}

ByteVector encode(const Request& m) {
  ByteVector out;
  ByteWriter w(out);
  put_hashes(w, m.dictionaries);
  put_holdings(w, m.missing);
  return out;
}

Result<Request> decode_request(ByteSpan payload) {
  ByteReader in(payload);
  Request m;
  m.dictionaries = get_hashes(in);
  m.missing = get_holdings(in);
  if (!in.done()) return damaged("request");
  return m;
}

ByteVector encode(const Refuse& m) {
  ByteVector out;
  ByteWriter w(out);
  w.u8(static_cast<std::uint8_t>(m.reason));
  w.text(std::string_view(m.text).substr(0, kTextBytesMax));
  return out;
}

Result<Refuse> decode_refuse(ByteSpan payload) {
  ByteReader in(payload);
  Refuse m;
  const auto reason = in.u8();
  if (reason == 0) in.fail();  // reasons that this build does not know are kept: the text tells
  m.reason = static_cast<Refusal>(reason);
  m.text = bounded_text(in, kTextBytesMax);
  if (!in.done()) return damaged("refuse");
  return m;
}

ByteVector encode_block(Lane lane, const BlockRecord& record) {
  ByteVector out;
  out.reserve(record.bytes.size() + 64);
  ByteWriter w(out);
  w.u8(static_cast<std::uint8_t>(lane));
  record.encode(w);
  return out;
}

Result<std::pair<Lane, BlockRecord>> decode_block(ByteSpan payload) {
  ByteReader in(payload);
  const auto lane = in.u8();
  if (lane > static_cast<std::uint8_t>(Lane::backlog)) return damaged("block: its lane");
  TIDE_ASSIGN(auto record, BlockRecord::decode(in));
  if (!in.done()) return damaged("block");
  return std::pair{static_cast<Lane>(lane), std::move(record)};
}

}  // namespace tidemark::wire
