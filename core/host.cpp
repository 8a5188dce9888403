#include "core/host.h"

#include "core/bql.h"
#include "core/check.h"

namespace monochord {

static Host* the_host = nullptr;

void set_host(Host* host) { the_host = host; }

Host& host() {
  CHECK_MSG(the_host != nullptr, "set_host() was not called");
  return *the_host;
}

bool has_host() { return the_host != nullptr; }

Result<uint8_t*> Host::map_code(uint64_t) { return errorf("this host runs no generated code"); }
void Host::unmap_code(uint8_t*, uint64_t) {}

static CodeKick the_kick = nullptr;
static CodeRecover the_recover = nullptr;

void set_code_hooks(CodeKick kick, CodeRecover recover) {
  the_kick = kick;
  the_recover = recover;
}

void code_kick(uintptr_t pc, int64_t* budget) {
  if (the_kick != nullptr && !slices_are_exact) the_kick(pc, budget);
}

uintptr_t code_recover(uintptr_t pc) { return the_recover != nullptr ? the_recover(pc) : 0; }

}  // namespace monochord
