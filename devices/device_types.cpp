#include "devices/device_types.h"

#include "core/suggest.h"
#include "devices/loader_device.h"
#include "devices/virtio_blk.h"

namespace monochord {
namespace {

template <typename Options>
std::vector<PropertyInfo> infos(std::span<const Property<Options>> rows) {
  std::vector<PropertyInfo> list;
  for (const Property<Options>& row : rows) list.push_back(row.info);
  return list;
}

}  // namespace

const std::vector<DeviceType>& device_types() {
  static const std::vector<DeviceType> kTypes = {
      {"loader", nullptr, "puts a file or a number into guest memory", infos(LoaderDevice::properties())},
      {VirtioBlk::kName, "virtio-bus", VirtioBlk::kDescription, infos(VirtioBlkOptions::properties())},
  };
  return kTypes;
}

const DeviceType* find_device_type(const std::string& name) {
  for (const DeviceType& type : device_types())
    if (name == type.name) return &type;
  return nullptr;
}

Error unknown_device_type(const std::string& name) {
  std::vector<std::string_view> names;
  for (const DeviceType& type : device_types()) names.push_back(type.name);
  const std::string nearest(nearest_name(name, names));
  return errorf("-device %s: there is no such device type; the nearest is '%s' (-device help lists all)", name.c_str(), nearest.c_str());
}

std::string device_help() {
  std::string text;
  for (const DeviceType& type : device_types()) {
    text += stringf("name \"%s\"", type.name);
    if (type.bus != nullptr) text += stringf(", bus %s", type.bus);
    text += stringf(", desc \"%s\"\n", type.description);
  }
  return text;
}

std::string device_type_help(const DeviceType& type) {
  std::string text = stringf("%s options:\n", type.name);
  for (const PropertyInfo& row : type.properties) {
    const std::string left = stringf("  %s=<%s>", row.name, row.type);
    text += stringf("%-32s - %s", left.c_str(), row.help);
    if (row.default_value[0] != 0) text += stringf(" (default: %s)", row.default_value);
    text += "\n";
  }
  return text;
}

}  // namespace monochord
