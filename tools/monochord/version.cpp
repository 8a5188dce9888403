#include "tools/monochord/version.h"

#include "core/result.h"

namespace monochord {

std::string version_text() {
  return "Monochord " MONOCHORD_VERSION "\n";
}

}  // namespace monochord
