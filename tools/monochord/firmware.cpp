#include "tools/monochord/firmware.h"

#include <unistd.h>

namespace monochord {

namespace {

// The folder of the running program; empty where /proc is not mounted.
std::string program_dir() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size <= 0) return {};
  const std::string whole(path, static_cast<size_t>(size));
  return whole.substr(0, whole.rfind('/'));
}

bool readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

}  // namespace

Result<std::string> find_firmware(const Options& options) {
  if (options.bios == "none") return std::string();
  const bool is_default = options.bios == "default";
  if (!is_default && (readable(options.bios) || options.bios.find('/') != std::string::npos)) return options.bios;

  std::vector<std::string> dirs = options.search_dirs;
  const std::string own = program_dir();
  if (!own.empty()) {
    dirs.push_back(own);
    dirs.push_back(own + "/guests");
    dirs.push_back(own + "/../share/monochord");
  }
  for (const char* dir : {"/usr/lib/riscv64-linux-gnu/opensbi/generic", "/usr/share/qemu", "/usr/local/share/qemu", "/usr/share/opensbi/lp64/generic/firmware"})
    dirs.push_back(dir);

  for (const std::string& dir : dirs) {
    if (!is_default) {
      if (readable(dir + "/" + options.bios)) return dir + "/" + options.bios;
      continue;
    }
    for (const char* name : {"fw_dynamic.bin", "opensbi-riscv64-generic-fw_dynamic.bin"})
      if (readable(dir + "/" + name)) return dir + "/" + name;
  }
  if (is_default) return errorf("-bios default: OpenSBI's fw_dynamic.bin was not found; run tools/setup guests, or give -bios FILE or -bios none");
  return errorf("-bios %s: no such file, also not in -L and the firmware folders", options.bios.c_str());
}

}  // namespace monochord
