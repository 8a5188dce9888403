// The page's parts as they stand in page/, put into the program by the assembler.
#pragma once

#include <string>
#include <string_view>

namespace monochord::trace {

std::string_view page_html();
std::string_view page_css();
std::string page_js();

}  // namespace monochord::trace
