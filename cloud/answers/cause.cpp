#include "cloud/answers/cause.h"

namespace tidemark::answers {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::none: return "";
    case Cause::late: return "late";
    case Cause::backfill: return "backfill";
    case Cause::resent: return "re-sent";
    case Cause::correction: return "correction";
    case Cause::operated: return "operator";
  }
  return "";
}

Cause cause_of(std::int64_t number) {
  const bool known = number > 0 && number <= static_cast<std::int64_t>(Cause::operated);
  return known ? static_cast<Cause>(number) : Cause::late;
}

}  // namespace tidemark::answers
