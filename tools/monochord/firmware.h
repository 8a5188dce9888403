// Where the firmware is looked for.
#pragma once

#include <string>

#include "core/result.h"
#include "tools/monochord/options.h"

namespace monochord {

// The path for -bios: "" for none; `default` is OpenSBI's fw_dynamic.bin, searched in -L, beside the executable, in the build folder's guests and
// in the folders where QEMU and opensbi are installed. Another name is a path, or a file in one of those folders.
Result<std::string> find_firmware(const Options& options);

}  // namespace monochord
