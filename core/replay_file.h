// The file of a recording (core/replay.h): a header for people and for the check of what belongs to it, then records.
//
// "MONOREC\0"  u32 version  u32 bytes of the header  header  u32 CRC-32 of all that.  Then chunks: "RECS"  u32 bytes  u32 CRC-32  records. The last
// record of the last chunk is kEnd. Numbers are little-endian. A record is
//   u8      kind; 0x80: with a digest
//   varint  instructions since the record before    zigzag  ns of VIRTUAL since the record before
//   u64     the digest of the harts' state, if there is one
//   varint  value                                   (kReset, kEnd)
//   varint  length, and the gate's name             (kInput, kBreak)
//   varint  length, and bytes                       (kInput)
// Main context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/loader.h"

namespace monochord {

enum class ReplayKind : uint8_t {
  kSample = 1,  // VIRTUAL as it was looked at
  kWarp = 2,    // input ended a paced sleep
  kInput = 3,   // bytes came in through a gate
  kBreak = 4,   // the line of a gate was held low
  kReset = 5,   // somebody outside asked for a reset; value: the ShutdownCause
  kEnd = 6,     // value: exit status * 16 + the ShutdownCause
};

struct ReplayRecord {
  ReplayKind kind = ReplayKind::kEnd;
  bool has_digest = false;
  uint64_t instruction = 0;  // so many were started
  int64_t virtual_ns = 0;    // VIRTUAL then
  uint64_t digest = 0;
  uint64_t value = 0;
  std::string gate;
  std::string bytes;
};

class ReplayWriter {
 public:
  // Creates or empties the file.
  static Result<std::unique_ptr<ReplayWriter>> create(const std::string& path, std::string_view header);
  ~ReplayWriter();
  ReplayWriter(const ReplayWriter&) = delete;
  ReplayWriter& operator=(const ReplayWriter&) = delete;

  // The first write that fails is reported and asks the machine to end with status 1.
  void append(const ReplayRecord& record);
  // After kEnd. False: something could not be written.
  bool close();
  const std::string& path() const { return path_; }
  uint64_t records() const { return count_; }

 private:
  ReplayWriter(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  void flush();
  const char* put(std::string_view bytes);
  void fail(const char* why);

  const std::string path_;
  int fd_;
  bool broken_ = false;
  std::string records_;
  uint64_t count_ = 0;
  uint64_t instruction_ = 0;
  int64_t virtual_ns_ = 0;
};

class ReplayReader {
 public:
  // Looks through the whole file: a damaged or unfinished one is refused.
  static Result<std::unique_ptr<ReplayReader>> open(const std::string& path);

  const std::string& header() const { return header_; }
  const std::string& path() const { return path_; }
  // The record that comes next; null behind kEnd.
  const ReplayRecord* peek() const { return over_ ? nullptr : &record_; }
  void next();

 private:
  explicit ReplayReader(FileImage file) : file_(std::move(file)) {}
  Status check();
  bool next_chunk();
  bool decode();

  FileImage file_;
  std::string path_, header_;
  uint64_t first_chunk_ = 0, chunk_ = 0;  // offsets
  const uint8_t* at_ = nullptr;           // inside the chunk
  const uint8_t* end_ = nullptr;
  bool over_ = false;
  ReplayRecord record_;
};

}  // namespace monochord
