// A raw image or a block device as a BlockBackend (core/blockdev.h).
//
// Rules
// - The image is locked as QEMU locks it (open-file-description locks on bytes 100 and 200 and up), so that neither we nor a QEMU open an image
//   that somebody else writes.
// - snapshot: changes live in an unlinked temporary file and are gone at the end, unless commit() writes them to the image.
// - Errors of the host become errno values for the guest, with one line a kind for the user.
// - A size that isn't a multiple of 512 is rounded up; the rest reads as zeros.
#pragma once

#include <memory>
#include <string>

#include "core/blockdev.h"
#include "core/result.h"

namespace monochord {

struct BlockFileOptions {
  std::string path;
  std::string id;
  bool read_only = false;
  bool snapshot = false;
  bool locking = true;  // file.locking=off
};

Result<std::unique_ptr<BlockBackend>> open_block_file(const BlockFileOptions& options);

// commit() of every snapshot that is open (Ctrl-A s), with a line about each for the user.
void commit_all_block_files();

}  // namespace monochord
