// Names of the pieces of hand-made code, for -d out_asm and -perfmap.
#pragma once

#include <string>
#include <vector>

#include "tcg/x86_64/thunks.h"

namespace monochord::x86_64 {

struct ThunkName {
  const uint8_t *begin, *end;
  std::string name;  // "jit:slow_path"
};
std::vector<ThunkName> thunk_names(const Thunks& thunks);  // by address

}  // namespace monochord::x86_64
