#include "devices/loader_device.h"

namespace monochord {

std::span<const Property<LoaderDevice>> LoaderDevice::properties() {
  using D = LoaderDevice;
  static constexpr Property<D> kRows[] = {
      {{"file", "str", "", "the file to load"}, &set_string<&D::file, D>},
      {{"addr", "uint64", "", "guest physical address"}, &set_uint<&D::addr, UINT64_MAX, D>},
      {{"data", "uint64", "", "a number to store"}, &set_uint<&D::data, UINT64_MAX, D>},
      {{"data-len", "uint8", "", "bytes of the number, 1 to 8"}, &set_uint<&D::data_len, 255, D>},
      {{"data-be", "bool", "off", "store the number big-endian"}, &set_bool<&D::data_be, D>},
      {{"cpu-num", "uint32", "", "the hart that starts there"}, &set_uint<&D::cpu_num, UINT32_MAX, D>},
      {{"force-raw", "bool", "off", "load an ELF file as plain bytes"}, &set_bool<&D::force_raw, D>},
      {{"id", "str", "", "a name for messages"}, &set_string<&D::id, D>},
  };
  return kRows;
}

Result<LoaderDevice> LoaderDevice::create(const PropertyList& list) {
  LoaderDevice loader;
  if (Status status = apply_properties("loader", properties(), list, loader); !status) return status.error();
  if (loader.data || loader.data_len) {
    if (!loader.file.empty()) return errorf("-device loader: 'file' and 'data' exclude each other; give two loaders");
    if (!loader.data) return errorf("-device loader: 'data-len' needs 'data'");
    if (!loader.data_len) return errorf("-device loader: 'data' needs 'data-len'");
    if (*loader.data_len < 1 || *loader.data_len > 8) return errorf("-device loader: 'data-len' is 1 to 8 bytes, not %llu", (unsigned long long)*loader.data_len);
    if (!loader.addr) return errorf("-device loader: 'data' needs 'addr'");
    if (loader.cpu_num) return errorf("-device loader: 'cpu-num' with 'data' would start a hart in a number; give a second loader with addr= and cpu-num=");
  } else if (loader.file.empty()) {
    if (!loader.addr || !loader.cpu_num) return errorf("-device loader: give 'file', or 'data' with 'data-len' and 'addr', or 'addr' with 'cpu-num'");
  } else if (loader.force_raw && !loader.addr) {
    return errorf("-device loader,file=%s: 'force-raw' needs 'addr'", loader.file.c_str());
  }
  return loader;
}

}  // namespace monochord
