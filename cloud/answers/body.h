// Answers at rest: what changes from emission to emission. View, its version,
// series, labels, start, position and known_at are columns or follow from them, as does the unit
// but for that of figures.
#pragma once

#include "cloud/answers/answer.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::answers {

void encode_body(ByteWriter& out, const Answer& answer);
// Fills those fields of `answer`.
Result<> decode_body(ByteSpan bytes, Answer& answer);

}  // namespace tidemark::answers
