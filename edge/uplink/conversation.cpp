#include "edge/uplink/conversation.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/codec/codec.h"
#include "common/wire/enroll.h"
#include "edge/uplink/seal_parts.h"

namespace tidemark::uplink {

using wire::FrameType;

namespace {

constexpr std::size_t kOutputTarget = 256 * 1024;  // enough to keep a fast line busy
constexpr std::size_t kClosingsMax = 10'000;       // of one hello: they must fit a frame
// Beside a block's bytes: lane, name, times, lengths, checksum.
constexpr std::uint64_t kBlockOverhead = 64;
// The backlog leaves this much of the credit to live blocks.
constexpr std::uint64_t kReservedForLive = 1 << 20;

}  // namespace

Conversation::Conversation(Parts parts, const std::string& site, ByteVector& output)
    : parts_(parts), output_(output),
      schedule_(parts.ring, parts.options.incarnation, parts.options.backlog_share,
                parts.clock.wall()),
      begun_(parts.clock.steady()), heard_(begun_), pinged_(begun_),
      sealed_(begun_ - std::chrono::duration_cast<SteadyTime::duration>(kSealIdle)) {
  wire::Hello hello;
  hello.edge = parts_.options.edge;
  hello.site = site;
  hello.program_version = parts_.options.version;
  hello.incarnation = parts_.options.incarnation;
  hello.start_ordinal = parts_.options.start_ordinal;
  for (const auto& past : parts_.ring.recovered().past) hello.closings.push_back(past.closing);
  if (hello.closings.size() > kClosingsMax) {
    hello.closings.erase(hello.closings.begin(), hello.closings.end() - kClosingsMax);
  }
  say(FrameType::hello, wire::encode(hello));
}

void Conversation::say(FrameType type, ByteSpan payload) {
  wire::append_frame(output_, type, payload);
}

bool Conversation::say_within_credit(FrameType type, ByteSpan payload) {
  if (payload.size() > credit_left()) return false;
  said_ += payload.size();
  say(type, payload);
  return true;
}

void Conversation::renew(ByteSpan csr) {
  wire::EnrollRequest request;  // the connection itself proves who asks
  request.csr.assign(csr.begin(), csr.end());
  say(FrameType::enroll_request, wire::encode(request));
}

Result<> Conversation::on_frame(const wire::Frame& frame) {
  heard_ = parts_.clock.steady();
  switch (frame.type) {
    case FrameType::welcome: return on_welcome(frame.payload);
    case FrameType::ack: return on_ack(frame.payload);
    case FrameType::request: return on_request(frame.payload);
    case FrameType::credit: {
      TIDE_ASSIGN(const auto credit, wire::decode_credit(frame.payload));
      credit_ = std::max(credit_, credit.bytes);
      return {};
    }
    case FrameType::refuse: {
      TIDE_ASSIGN(refusal_, wire::decode_refuse(frame.payload));
      return Error{Fault::denied, refusal_->text};
    }
    case FrameType::ping: {
      say(FrameType::pong, frame.payload);
      return {};
    }
    case FrameType::pong: {
      ByteReader in(frame.payload);
      const auto then = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
      if (!in.done()) return Error{Fault::bad_input, "pong: damaged"};
      const auto took = heard_.time_since_epoch() - SteadyTime::duration(then);
      parts_.memory.rtt_ms = std::chrono::duration<double, std::milli>(took).count();
      return {};
    }
    case FrameType::enroll_grant: {
      TIDE_ASSIGN(auto grant, wire::decode_enroll_grant(frame.payload));
      renewed_ = std::move(grant.certificate);
      return {};
    }
    default:
      return Error{Fault::bad_input, "the gateway sends frames of type " +
                                         std::to_string(static_cast<int>(frame.type))};
  }
}

Result<> Conversation::on_welcome(ByteSpan payload) {
  TIDE_ASSIGN(const auto welcome, wire::decode_welcome(payload));
  welcomed_ = true;
  brief_seals_ = welcome.version >= wire::kVersionOfRest;
  dropped_seals_ = welcome.version >= wire::kVersionOfDropped;
  opening_due_ = welcome.version >= wire::kVersionOfOpening;
  if (parts_.options.on_time) parts_.options.on_time(welcome.now, begun_);
  // A cloud that came back from a backup knows less than it had acknowledged.
  parts_.memory.seals[parts_.options.incarnation] = 0;
  TIDE_TRY(settle(welcome.holdings));
  parts_.memory.unacknowledged.clear();  // what the cloud has not got goes again
  seal_sent_ = parts_.memory.seals[parts_.options.incarnation];
  past_seals_sent_.clear();
  queue_past_seals();
  schedule_.ring_changed();
  return {};
}

void Conversation::queue_past_seals() {
  for (auto& seal : parts_.ring.past_seals()) {
    auto& sent = past_seals_sent_[seal.incarnation];
    if (seal.number <= std::max(sent, parts_.memory.seals[seal.incarnation])) continue;
    sent = seal.number;
    queue_seal(std::move(seal));
  }
}

// A cloud that cannot read of dropped counts would take their windows for complete: it hears
// nothing of what is behind them, and its windows stay provisional until it is upgraded.
void Conversation::queue_seal(Seal seal) {
  if (!dropped_seals_ && seal.says_dropped()) {
    if (!std::exchange(held_back_, true)) {
      log::error("seals wait: counts were dropped, and the cloud is too old to be told",
                 "incarnation={:016x} number={}", seal.incarnation.count, seal.number);
    }
    return;
  }
  if (opening_due_) open_with(seal);
  for (auto& part : seal_parts(std::move(seal))) seals_.push_back(std::move(part));
}

// Of earlier starts the cloud is told before it takes anything more of them; of this one with its
// first seal, when the time is known that it began.
void Conversation::open_with(Seal& seal) {
  const auto& recovered = parts_.ring.recovered();
  auto& opening = seal.opening.emplace();
  for (const auto& past : recovered.past) {
    const auto number = std::max(past.acknowledged, parts_.memory.seals[past.closing.incarnation]);
    if (number > 0) opening.told.push_back({past.closing.incarnation, number});
  }
  if (opening.told.size() > Seal::kToldMax) {
    opening.told.erase(opening.told.begin(), opening.told.end() - Seal::kToldMax);
  }
  if (seal.incarnation != parts_.options.incarnation || seal.clock == ClockState::unknown) return;
  opening.begun = parts_.clock.wall() - (parts_.clock.steady() - parts_.options.begun);
  opening.settled = recovered.settled;
  if (recovered.uncounted_from) {
    opening.uncounted_from = *recovered.uncounted_from;
    opening.uncounted_until = opening.begun;
  }
  opening_due_ = false;
}

Result<> Conversation::settle(const std::vector<wire::Holdings>& holdings) {
  auto& memory = parts_.memory;
  for (const auto& h : holdings) {
    for (const auto& range : h.blocks.ranges()) {
      auto at = memory.unacknowledged.lower_bound({h.incarnation, {range.first}});
      while (at != memory.unacknowledged.end() && at->first.incarnation == h.incarnation &&
             at->first.sequence.count <= range.last) {
        ++memory.blocks_acknowledged;
        memory.readings_acknowledged += at->second;
        at = memory.unacknowledged.erase(at);
      }
    }
    if (!h.blocks.empty()) TIDE_TRY(parts_.ring.release(h.incarnation, h.blocks));
    auto& known = memory.seals[h.incarnation];
    if (h.seal_number <= known) continue;
    known = h.seal_number;
    TIDE_TRY(parts_.ring.seals_acknowledged(h.incarnation, known));
  }
  return {};
}

Result<> Conversation::on_ack(ByteSpan payload) {
  TIDE_ASSIGN(const auto ack, wire::decode_ack(payload));
  parts_.memory.dictionaries.insert(ack.dictionaries.begin(), ack.dictionaries.end());
  TIDE_TRY(settle(ack.holdings));
  // A gateway that speaks for Kafka has no word of the ledger.
  if (ack.ledger != Ledger{}) parts_.seals.cloud_ledger(ack.ledger);
  return {};
}

Result<> Conversation::on_request(ByteSpan payload) {
  TIDE_ASSIGN(const auto request, wire::decode_request(payload));
  for (const auto& h : request.missing) schedule_.wanted(h.incarnation, h.blocks);
  for (const auto hash : request.dictionaries) {
    parts_.memory.dictionaries.erase(hash);
    dictionaries_.erase(hash);
    dictionaries_wanted_.push_back(hash);
  }
  return {};
}

Result<> Conversation::fill() {
  const auto now = parts_.clock.steady();
  if (now - heard_ > kSilenceMax || (!welcomed_ && now - begun_ > kWelcomeWithin)) {
    return Error{Fault::unavailable, welcomed_ ? "the gateway has gone silent"
                                               : "no welcome: the gateway waits for the cloud"};
  }
  if (now >= ping_at()) {
    pinged_ = now;
    pinged_after_ = parts_.memory.blocks_sent;
    ByteVector payload;
    ByteWriter(payload).fixed(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    say(FrameType::ping, payload);
  }
  if (!welcomed_) return {};
  while (!dictionaries_wanted_.empty() && send_dictionary(dictionaries_wanted_.front())) {
    dictionaries_wanted_.pop_front();
  }
  while (output_.size() < kOutputTarget) {
    TIDE_ASSIGN(const bool more, fill_block());
    if (!more) break;
  }
  fill_seals(now);
  return {};
}

Room Conversation::room() const {
  auto room = parts_.budget.room(parts_.clock.wall(), output_.size());
  const auto credit = credit_left() > kBlockOverhead ? credit_left() - kBlockOverhead : 0;
  room.alarm = std::min(room.alarm, credit);
  room.live = std::min(room.live, credit);
  room.backlog = std::min(room.backlog, credit > kReservedForLive ? credit - kReservedForLive : 0);
  return room;
}

SteadyTime Conversation::ping_at() const {
  const auto after = [](SteadyTime at, Nanoseconds pause) {
    return at + std::chrono::duration_cast<SteadyTime::duration>(pause);
  };
  const auto& memory = parts_.memory;
  const bool under_way =
      !memory.unacknowledged.empty() || memory.blocks_sent != pinged_after_;
  if (under_way && !parts_.budget.limited()) return after(pinged_, kPingEvery);
  // What the gateway says by itself shows that it is there.
  return after(std::max(pinged_, heard_), kPingIdle);
}

Nanoseconds Conversation::between_seals() const {
  const auto least = blocks_since_seal_ ? kSealAfterBlocks : kSealIdle;
  return std::max(least, parts_.budget.between_seals(seal_bytes_));
}

Result<bool> Conversation::fill_block() {
  const auto choice = schedule_.next(room());
  if (!choice) return false;
  auto record = parts_.ring.read(choice->name);
  if (!record) {
    log::warning("block not sent", "incarnation={:016x} sequence={} error={}",
                 choice->name.incarnation.count, choice->name.sequence.count,
                 record.error().text());
    const bool gone = record.error().fault() == Fault::unavailable;
    if (gone && schedule_.is_wanted(choice->name)) parts_.ring.give_up(choice->name);
    schedule_.skip(*choice);  // the ring counts it as evicted and the next seal says so
    return true;
  }
  if (choice->name.incarnation == parts_.options.incarnation) {
    if (auto offered = parts_.ring.offer(choice->name.sequence); !offered) {
      if (offered.error().fault() != Fault::denied) return std::move(offered).error();
      schedule_.skip(*choice);  // the block that carries its readings comes in its turn
      return true;
    }
  }
  if (record->reduction != Reduction::none && !seal_first(choice->name)) return false;
  if (!send_dictionaries(record->bytes)) return false;
  const auto payload = wire::encode_block(choice->lane, *record);
  if (!say_within_credit(FrameType::block, payload)) return false;
  schedule_.sent(*choice);
  blocks_since_seal_ = true;
  auto& memory = parts_.memory;
  memory.unacknowledged[choice->name] = record->readings;
  ++memory.blocks_sent;
  memory.readings_sent += record->readings;
  return true;
}

bool Conversation::send_dictionaries(ByteSpan block) {
  const auto summary = codec::summary(block);
  if (!summary) return true;  // the cloud tells of what it cannot read
  return std::ranges::all_of(summary->dictionaries,
                             [this](DictionaryHash h) { return send_dictionary(h); });
}

// True: the cloud has it, or will before anything that is said after this.
bool Conversation::send_dictionary(DictionaryHash hash) {
  if (parts_.memory.dictionaries.contains(hash) || dictionaries_.contains(hash)) return true;
  const auto dictionary = parts_.ring.dictionary(hash);
  if (dictionary == nullptr || dictionary->bytes().size() > wire::kFramePayloadMax) {
    log::error("dictionary not sent", "hash={:016x} reason={}", hash.count,
               dictionary == nullptr ? "unknown to the ring" : "longer than a frame");
  } else if (!say_within_credit(FrameType::dictionary, dictionary->bytes())) {
    return false;
  }
  dictionaries_.insert(hash);
  return true;
}

// A block that replaces others goes behind a seal that speaks of it: by older ones the cloud would
// count the readings of those others apart.
bool Conversation::seal_first(BlockName block) {
  auto& before = sealed_before_[block.incarnation];
  if (block.sequence < before) return true;
  if (seals_.empty()) queue_seals(parts_.clock.steady());
  if (!say_seals()) return false;
  before = block.incarnation == parts_.options.incarnation ? parts_.ring.next_sequence()
                                                           : Sequence{UINT64_MAX};
  return true;
}

void Conversation::fill_seals(SteadyTime now) {
  if (seals_.empty() && now - sealed_ >= between_seals()) queue_seals(now);
  say_seals();
}

void Conversation::queue_seals(SteadyTime now) {
  sealed_ = now;
  seal_bytes_ = 0;
  blocks_since_seal_ = false;
  const auto known = parts_.memory.seals[parts_.options.incarnation];
  if (auto seal = parts_.seals.seal_since(known, seal_sent_, brief_seals_)) {
    seal_sent_ = seal->number;
    queue_seal(*std::move(seal));
  }
  queue_past_seals();
}

// False: the credit does not take all of them.
bool Conversation::say_seals() {
  while (!seals_.empty()) {
    ByteVector payload;
    ByteWriter w(payload);
    seals_.front().encode(w);
    if (payload.size() > room().alarm || !say_within_credit(FrameType::seal, payload)) {
      return false;
    }
    seal_bytes_ += payload.size();
    seals_.pop_front();
  }
  return true;
}

Nanoseconds Conversation::patience() const {
  const auto now = parts_.clock.steady();
  if (!welcomed_) return std::chrono::seconds(1);
  Nanoseconds wait = ping_at() - now;
  // Seals that wait for credit or budget do so without a look every moment.
  if (seals_.empty()) wait = std::min<Nanoseconds>(wait, between_seals() - (now - sealed_));
  return std::clamp<Nanoseconds>(wait, std::chrono::milliseconds(1), std::chrono::seconds(5));
}

}  // namespace tidemark::uplink
