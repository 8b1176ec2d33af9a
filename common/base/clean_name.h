// What others call their devices and metrics, as one level of a series name.
#pragma once

#include <string>
#include <string_view>

namespace tidemark {

// '/', blanks, glob and control characters become '_'.
std::string clean_name(std::string_view text);

}  // namespace tidemark
