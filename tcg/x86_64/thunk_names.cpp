#include "tcg/x86_64/thunk_names.h"

#include <algorithm>

#include "core/result.h"
#include "tcg/jit/counters.h"

namespace monochord::x86_64 {

std::vector<ThunkName> thunk_names(const Thunks& thunks) {
  static constexpr const char* kModes[kTlbModes] = {"U", "S", "S_sum", "M"};
  static constexpr const char* kKinds[2] = {"load", "store"};
  std::vector<ThunkName> names;
  const auto add = [&](const void* begin, const std::string& name) {
    if (begin != nullptr) names.push_back({static_cast<const uint8_t*>(begin), nullptr, "jit:" + name});
  };
  add(thunks.begin, "constants");
  add(reinterpret_cast<const void*>(thunks.enter), "enter");
  add(thunks.slow, "slow_path");
  for (unsigned i = 0; i < std::size(thunks.exit); i++) add(thunks.exit[i], stringf("exit_%s", jit_exit_name(i)));
  for (unsigned mode = 0; mode < kTlbModes; mode++) {
    for (unsigned kind = 0; kind < 2; kind++) {
      add(thunks.miss[mode][kind], stringf("miss_%s_%s", kKinds[kind], kModes[mode]));
      add(thunks.group[mode][kind], stringf("group_%s_%s", kKinds[kind], kModes[mode]));
    }
  }
  std::sort(names.begin(), names.end(), [](const ThunkName& a, const ThunkName& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < names.size(); i++) names[i].end = i + 1 < names.size() ? names[i + 1].begin : thunks.end;
  return names;
}

}  // namespace monochord::x86_64
