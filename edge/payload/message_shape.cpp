#include "edge/payload/message_shape.h"

#include <algorithm>
#include <cstring>

#include "common/base/number_text.h"

namespace tidemark::payload {
namespace {

bool begins_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

// The place of the next number of valid JSON, from `at` on: not one inside a text.
std::size_t next_number(std::string_view json, std::size_t at) {
  bool in_text = false;
  for (; at < json.size(); ++at) {
    const char c = json[at];
    if (in_text && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_text = !in_text;
    } else if (!in_text && begins_number(c)) {
      break;
    }
  }
  return std::min(at, json.size());
}

}  // namespace

std::unique_ptr<const MessageShape> MessageShape::of(ByteSpan payload, const Payload& read) {
  if (read.records.size() != 1 || read.leaves.empty() || !read.refused.empty()) return nullptr;
  const auto& record = read.records.front();
  if (record.interval || !record.fault.empty()) return nullptr;
  const auto is_number = [&](const Leaf& leaf) {
    return !leaf.array && read.values[leaf.first].kind == Value::Kind::number &&
           !may_be_time(read.path(leaf));
  };
  if (!std::all_of(read.leaves.begin(), read.leaves.end(), is_number)) return nullptr;

  const auto json = as_text(payload);
  auto shape = std::make_unique<MessageShape>();
  std::size_t times = 0;
  std::size_t leaves = 0;
  std::size_t from = 0;
  for (;;) {
    const auto at = next_number(json, from);
    shape->bytes_ += at - from;
    if (shape->bytes_ > kBytesMax) return nullptr;
    const Piece piece{static_cast<std::uint32_t>(shape->key_.size()),
                      static_cast<std::uint32_t>(at - from), kTime};
    shape->key_ += json.substr(from, at - from);
    if (at == json.size()) {
      shape->end_ = json.substr(from);
      break;
    }
    const auto number = PlainNumber::scan(json.substr(at));
    if (!number || shape->pieces_.size() == kNumbersMax) return nullptr;
    shape->pieces_.push_back(piece);
    // Leaves come in the order of the text.
    if (leaves < read.leaves.size() && read.values[read.leaves[leaves].first].at == at) {
      shape->pieces_.back().leaf = static_cast<std::uint8_t>(leaves++);
    } else {
      ++times;
    }
    shape->key_ += '\0';
    from = at + number->size;
  }
  if (leaves != read.leaves.size() || times != (record.time ? 1U : 0U)) return nullptr;
  shape->key_ += '\0';
  for (const auto& piece : shape->pieces_) shape->key_ += static_cast<char>(piece.leaf);
  shape->paths_ = read.paths;
  shape->leaves_ = read.leaves;
  for (std::size_t i = 0; i < shape->leaves_.size(); ++i) {
    shape->leaves_[i].first = static_cast<std::uint32_t>(i);
  }
  return shape;
}

bool MessageShape::read(ByteSpan payload, TimeUnit unit, Payload& out) const {
  const auto json = as_text(payload);
  if (json.size() < bytes_ + pieces_.size()) return false;
  if (out.shape != this) {
    out.clear();
    out.records.emplace_back();
    out.values.resize(leaves_.size());
    for (auto& v : out.values) v.kind = Value::Kind::number;
    out.leaves = leaves_;
    out.paths = paths_;
    out.shape = this;
  }
  std::size_t at = 0;
  for (const auto& piece : pieces_) {
    if (json.size() - at <= piece.size ||
        std::memcmp(json.data() + at, key_.data() + piece.begin, piece.size) != 0) {
      return false;
    }
    at += piece.size;
    const auto number = PlainNumber::scan(json.substr(at));
    if (!number) return false;
    if (piece.leaf == kTime) {
      const auto time = number->to_time(unit);
      if (!time) return false;
      out.records.front().time = *time;
    } else {
      const auto v = number->to_double();
      if (!v) return false;
      auto& value = out.values[piece.leaf];
      value.number = *v;
      value.text = json.substr(at, number->size);
      value.at = at;
    }
    at += number->size;
  }
  return json.substr(at) == end_;
}

}  // namespace tidemark::payload
