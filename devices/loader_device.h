// -device loader: puts a file or a number into guest memory at every reset, or sets a hart's pc.
//   file=F[,addr=A][,force-raw=on][,cpu-num=N]     an ELF file at its own addresses, anything else (or force-raw) at A; N starts at its entry
//   data=V,data-len=1..8,addr=A[,data-be=on]       V in little-endian (or big-endian) bytes
//   addr=A,cpu-num=N                               hart N starts at A
// Main context, before the machine runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "devices/properties.h"

namespace monochord {

struct LoaderDevice {
  std::string file;
  std::optional<uint64_t> addr;
  std::optional<uint64_t> data;
  std::optional<uint64_t> data_len;
  std::optional<uint64_t> cpu_num;
  bool data_be = false;
  bool force_raw = false;
  std::string id;

  static std::span<const Property<LoaderDevice>> properties();
  // Checks that the properties make sense together.
  static Result<LoaderDevice> create(const PropertyList& list);
};

}  // namespace monochord
