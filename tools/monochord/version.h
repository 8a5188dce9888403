// What --version prints.
#pragma once

#include <string>

namespace monochord {

std::string version_text();

}  // namespace monochord
