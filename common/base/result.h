// The outcome of anything that reaches outside: a value, or a fault with its story.
//
// The fault says what the caller can do about it; the text says what happened and where, outermost
// place first ("open ring /var/lib/x: ring.dat: checksum of segment 7 is wrong").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace tidemark {

enum class Fault : std::uint8_t {
  bad_input,    // the sender is wrong: quarantine the record, keep the stream
  corrupt,      // our own bytes fail their check: skip or repair, always report
  full,         // a bound was reached: push back, or evict by policy
  unavailable,  // peer or device is away: retry with backoff and jitter
  denied,       // identity or right is missing: do not retry, tell a person
  unsupported,  // newer format or option than this build knows
};
std::string_view to_string(Fault fault);

class [[nodiscard]] Error {
 public:
  Error(Fault fault, std::string text) : fault_(fault), text_(std::move(text)) {}
  [[nodiscard]] Fault fault() const { return fault_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  // The same fault, told from one place further out: "place: text".
  [[nodiscard]] Error within(std::string_view place) && {
    text_.insert(0, std::string(place) + ": ");
    return std::move(*this);
  }

 private:
  Fault fault_;
  std::string text_;
};

// Error from errno, as "what: No such file or directory". ENOSPC and EDQUOT are Fault::full,
// EACCES and EPERM denied, EIO corrupt, the rest unavailable.
Error system_error(std::string_view what, int error_number);

template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(implicit)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(implicit)
  Result()
    requires std::same_as<T, std::monostate>
      : state_(std::in_place_index<0>) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    TIDE_CHECK(ok(), "value() of a failed Result");
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    TIDE_CHECK(ok(), "value() of a failed Result");
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    TIDE_CHECK(ok(), "value() of a failed Result");
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }

  [[nodiscard]] const Error& error() const& {
    TIDE_CHECK(!ok(), "error() of a Result that succeeded");
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    TIDE_CHECK(!ok(), "error() of a Result that succeeded");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

}  // namespace tidemark

// Hands a fault to the caller, or goes on: TIDE_TRY(file->sync());
#define TIDE_TRY(expression)                                            \
  do {                                                                  \
    if (auto tide_result = (expression); !tide_result.ok())             \
      return std::move(tide_result).error();                            \
  } while (false)

// The same, keeping the value: TIDE_ASSIGN(auto file, disk.open(path));
#define TIDE_ASSIGN(target, expression) TIDE_ASSIGN_AT(target, expression, __LINE__)
#define TIDE_ASSIGN_AT(target, expression, line) TIDE_ASSIGN_NAMED(target, expression, line)
#define TIDE_ASSIGN_NAMED(target, expression, line)                     \
  auto tide_result_##line = (expression);                               \
  if (!tide_result_##line.ok()) return std::move(tide_result_##line).error(); \
  target = std::move(tide_result_##line).value()
