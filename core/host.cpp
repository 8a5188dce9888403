#include "core/host.h"

#include "core/check.h"

namespace monochord {

static Host* the_host = nullptr;

void set_host(Host* host) { the_host = host; }

Host& host() {
  CHECK_MSG(the_host != nullptr, "set_host() was not called");
  return *the_host;
}

}  // namespace monochord
