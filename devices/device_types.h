// The device types that -device knows, for `-device help` and `-device TYPE,help`. What a type is called, takes and does stands in its own file;
// here is only the list.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "devices/properties.h"

namespace monochord {

struct DeviceType {
  const char* name;
  const char* bus;  // null: none
  const char* description;
  std::vector<PropertyInfo> properties;
};

const std::vector<DeviceType>& device_types();
// Null where there is no such type.
const DeviceType* find_device_type(const std::string& name);
// Names the nearest type.
Error unknown_device_type(const std::string& name);

std::string device_help();                               // for -device help
std::string device_type_help(const DeviceType& type);    // for -device TYPE,help

}  // namespace monochord
