// How loaders put bytes into guest memory, and how they say that something does not fit. Inside core's loaders only.
#pragma once

#include <cstdint>
#include <string>

#include "core/loader.h"
#include "core/memory.h"
#include "core/result.h"

namespace monochord {

// Bytes of RAM and ROM from `address` on without a gap.
uint64_t memory_room_at(const AddressSpace& as, uint64_t address);

// An error when [address, address + size) is not all RAM or ROM. `what` names the file and its part: "FILE" or "FILE, segment 2".
Status check_fits(const AddressSpace& as, const std::string& what, uint64_t address, uint64_t size);

// An error when the host file has become shorter than it was when it was opened.
Status check_still_whole(const FileImage& file);

// Shows bytes [offset, offset + size) of the file at `address`: mapped where whole pages agree, else copied. Checked by the caller.
void place_file(AddressSpace& as, const FileImage& file, uint64_t offset, uint64_t address, uint64_t size);
// Zeroes memory without touching pages that are zero already. Checked by the caller.
void place_zeroes(AddressSpace& as, uint64_t address, uint64_t size);

std::string size_text(uint64_t bytes);  // "31.5 MiB"

inline unsigned long long hex(uint64_t value) { return value; }

}  // namespace monochord
