// The version of this build, from the project's one place (CMakeLists.txt).
#pragma once

#include <string_view>

namespace tidemark {

std::string_view version();  // "0.1.0"

}  // namespace tidemark
