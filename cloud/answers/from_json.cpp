// An answer from the JSON that answer.cpp makes, to the bit: -0 too, which is an integer to some
// readers.
#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "cloud/answers/answer.h"

namespace tidemark::answers {
namespace {

namespace od = simdjson::ondemand;

constexpr std::array kStates{State::open,    State::provisional, State::sealed,
                             State::revised, State::frozen,      State::withdrawn};

// No store counts so far, and what counts on from there stays clear of what SQLite tells.
constexpr std::uint64_t kCountMax = std::uint64_t{1} << 53;

Error malformed(simdjson::error_code code) {
  return {Fault::corrupt, fmt::format("its JSON is malformed: {}", error_message(code))};
}

template <typename T>
Result<T> got(simdjson::simdjson_result<T> found) {
  T value{};
  if (const auto code = std::move(found).get(value); code != simdjson::SUCCESS) {
    return malformed(code);
  }
  return value;
}

Result<bool> is_null(od::value& value) {
  TIDE_ASSIGN(const auto type, got(value.type()));
  return type == od::json_type::null;
}

Result<std::string> text_of(od::value value) {
  TIDE_ASSIGN(const auto text, got(value.get_string()));
  return std::string(text);
}

Result<std::optional<double>> number_of(od::value value) {
  TIDE_ASSIGN(const bool none, is_null(value));
  if (none) return std::optional<double>();
  TIDE_ASSIGN(const double number, got(value.get_double()));
  return std::optional(number);
}

Result<EventTime> time_of(od::value value) {
  TIDE_ASSIGN(const auto text, got(value.get_string()));
  const auto time = parse_utc(text);
  if (!time) return Error(Fault::corrupt, time.error().text());
  return time;
}

// visit(key, value) for each field.
template <typename Visit>
Result<> each_in(od::object object, Visit visit) {
  for (auto item : object) {
    od::field field;
    if (const auto code = std::move(item).get(field); code != simdjson::SUCCESS) {
      return malformed(code);
    }
    TIDE_ASSIGN(const auto key, got(field.unescaped_key()));
    const std::string name(key);
    if (auto good = visit(name, field.value()); !good) return std::move(good).error().within(name);
  }
  return {};
}

template <typename Visit>
Result<> each(od::value value, Visit visit) {
  TIDE_ASSIGN(const auto object, got(value.get_object()));
  return each_in(object, visit);
}

template <typename Visit>
Result<> each_of(od::value value, Visit visit) {
  TIDE_ASSIGN(auto array, got(value.get_array()));
  for (auto item : array) {
    od::value one;
    if (const auto code = std::move(item).get(one); code != simdjson::SUCCESS) {
      return malformed(code);
    }
    TIDE_TRY(visit(one));
  }
  return {};
}

Result<> figures(od::value value, std::map<std::string, std::optional<double>>& to) {
  return each(value, [&](const std::string& name, od::value figure) -> Result<> {
    TIDE_ASSIGN(to[name], number_of(figure));
    return {};
  });
}

Result<> texts(od::value value, std::map<std::string, std::string>& to) {
  return each(value, [&](const std::string& name, od::value text) -> Result<> {
    TIDE_ASSIGN(to[name], text_of(text));
    return {};
  });
}

Result<> missing(od::value value, Answer& a) {
  return each_of(value, [&](od::value one) {
    auto& m = a.missing.emplace_back();
    return each(one, [&](const std::string& name, od::value of) -> Result<> {
      if (name != "source" && name != "reason") return {};
      TIDE_ASSIGN((name == "source" ? m.source : m.reason), text_of(of));
      return {};
    });
  });
}

Result<> waived(od::value value, Answer& a) {
  return each_of(value, [&](od::value one) {
    auto& w = a.waived.emplace_back();
    return each(one, [&](const std::string& name, od::value of) -> Result<> {
      if (name == "until" || name == "at") {
        TIDE_ASSIGN((name == "at" ? w.at : w.until), time_of(of));
        return {};
      }
      if (name != "source" && name != "kind" && name != "by" && name != "reason") return {};
      TIDE_ASSIGN(auto text, text_of(of));
      if (name == "kind") w.retired = text == "retired";
      if (name == "source") w.source = std::move(text);
      if (name == "by") w.by = std::move(text);
      if (name == "reason") w.reason = std::move(text);
      return {};
    });
  });
}

// What an answer cannot be without.
struct Said {
  bool view = false, series = false, start = false, end = false, values = false, state = false,
       revision = false, known_at = false;
};

Result<> state(od::value value, Answer& a) {
  TIDE_ASSIGN(const auto word, text_of(value));
  for (const auto s : kStates) {
    if (to_string(s) != word) continue;
    a.state = s;
    return {};
  }
  return Error(Fault::corrupt, fmt::format("'{}' is no state that this version knows", word));
}

Result<> text_field(const std::string& name, od::value value, Answer& a, Said& said) {
  auto* to = name == "view" ? &a.view : name == "series" ? &a.series : name == "unit" ? &a.unit
                                                                                      : &a.cause;
  said.view = said.view || name == "view";
  said.series = said.series || name == "series";
  TIDE_ASSIGN(const bool none, is_null(value));
  if (none) return {};
  TIDE_ASSIGN(*to, text_of(value));
  return {};
}

Result<> time_field(const std::string& name, od::value value, Answer& a, Said& said) {
  const auto [to, seen] = [&]() -> std::pair<EventTime&, bool&> {
    if (name == "start") return {a.start, said.start};
    if (name == "end") return {a.end, said.end};
    return {a.known_at, said.known_at};
  }();
  seen = true;
  TIDE_ASSIGN(to, time_of(value));
  return {};
}

Result<> count_field(const std::string& name, od::value value, Answer& a, Said& said) {
  said.revision = said.revision || name == "revision";
  auto& to = name == "position"       ? a.position
             : name == "view_version" ? a.view_version
             : name == "revision"     ? a.revision
                                      : a.lost;
  TIDE_ASSIGN(to, got(value.get_uint64()));
  if (to > kCountMax) return Error(Fault::corrupt, fmt::format("{} is above 2^53", to));
  return {};
}

Result<std::uint64_t> hash_of(od::value value) {
  TIDE_ASSIGN(const auto text, text_of(value));
  std::uint64_t hash = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(text.data(), end, hash, 16);
  if (text.size() != 16 || code != std::errc() || stopped != end) {
    return Error(Fault::corrupt, fmt::format("its 'view_hash' is not 16 hex digits: {}", text));
  }
  return hash;
}

Result<> field(const std::string& name, od::value value, Answer& a, Said& said) {
  if (name == "view_hash") {
    TIDE_ASSIGN(a.view_hash, hash_of(value));
    return {};
  }
  if (name == "view" || name == "series" || name == "unit" || name == "cause") {
    return text_field(name, value, a, said);
  }
  if (name == "start" || name == "end" || name == "known_at") {
    return time_field(name, value, a, said);
  }
  if (name == "position" || name == "view_version" || name == "revision" || name == "lost") {
    return count_field(name, value, a, said);
  }
  if (name == "completeness" || name == "coverage") {
    TIDE_ASSIGN((name == "coverage" ? a.coverage : a.completeness), number_of(value));
    return {};
  }
  if (name == "estimated" || name == "approximate") {
    TIDE_ASSIGN((name == "estimated" ? a.estimated : a.approximate), got(value.get_bool()));
    return {};
  }
  if (name == "state") {
    said.state = true;
    return state(value, a);
  }
  if (name == "values") {
    said.values = true;
    return figures(value, a.values);
  }
  if (name == "previous") return figures(value, a.previous);
  if (name == "labels") return texts(value, a.labels);
  if (name == "texts") return texts(value, a.texts);
  if (name == "missing") return missing(value, a);
  if (name == "waived") return waived(value, a);
  if (name != "notes") return {};
  return each_of(value, [&](od::value one) -> Result<> {
    TIDE_ASSIGN(auto note, text_of(one));
    a.notes.push_back(std::move(note));
    return {};
  });
}

Result<> check(const Answer& a, const Said& said) {
  const auto lacks = [](const char* what) {
    return Error(Fault::corrupt, fmt::format("it has no '{}'", what));
  };
  if (!said.view || a.view.empty()) return lacks("view");
  if (!said.series) return lacks("series");
  if (!said.start) return lacks("start");
  if (!said.end) return lacks("end");
  if (!said.values) return lacks("values");
  if (!said.state) return lacks("state");
  if (!said.revision) return lacks("revision");
  if (!said.known_at) return lacks("known_at");
  if (a.start >= a.end) return Error(Fault::corrupt, "its window ends before it begins");
  const auto start = count_ns(a.start);
  if (start < 0 && count_ns(a.end) > std::numeric_limits<std::int64_t>::max() + start) {
    return Error(Fault::corrupt, "its window is wider than 292 years");
  }
  return {};
}

// Its memory stays, for the largest answer that was read, twice.
struct Parser {
  od::parser parser;
  std::vector<char> padded;
};

}  // namespace

Result<Answer> from_json(std::string_view json) {
  thread_local Parser p;
  if (json.empty()) return Error(Fault::corrupt, "it is empty");
  if (p.padded.size() < json.size() + simdjson::SIMDJSON_PADDING) {
    p.padded.resize(2 * (json.size() + simdjson::SIMDJSON_PADDING));
  }
  std::memcpy(p.padded.data(), json.data(), json.size());
  od::document document;
  const auto code =
      p.parser.iterate(p.padded.data(), json.size(), p.padded.size()).get(document);
  if (code != simdjson::SUCCESS) return malformed(code);
  TIDE_ASSIGN(const auto type, got(document.type()));
  if (type != od::json_type::object) return Error(Fault::corrupt, "it is no JSON object");
  Answer answer;
  Said said;
  TIDE_ASSIGN(const auto root, got(document.get_object()));
  TIDE_TRY(each_in(root, [&](const std::string& name, od::value value) {
    return field(name, value, answer, said);
  }));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return malformed(simdjson::TRAILING_CONTENT);
  }
  TIDE_TRY(check(answer, said));
  return answer;
}

}  // namespace tidemark::answers
