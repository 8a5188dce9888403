// Reads a trace file (core/trace_format.h) event by event with the memory of one chunk, whatever the file says: sizes are checked before anything
// is allocated, and every CRC and hash on the way. The first damage ends it, with one line: file, offset, what.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/trace_format.h"
#include "tools/monochord-trace/bytes.h"
#include "tools/monochord-trace/schema.h"

namespace monochord::trace {

struct IndexEntry {
  uint64_t offset, sequence, instruction;
  int64_t ns;
  uint64_t hash;
};

class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::string& path);
  static Result<std::unique_ptr<Reader>> over(std::unique_ptr<Bytes> bytes, const std::string& name);

  const std::string& name() const { return name_; }
  const Schema& schema() const { return schema_; }
  const std::string& schema_text() const { return schema_text_; }
  bool host() const { return stream_ != 0; }
  uint64_t mask() const { return mask_; }
  bool has(TraceEvent event) const;  // was it switched on?
  bool ring() const { return (flags_ & kTraceFlagRing) != 0; }
  bool closed() const { return index_offset_ != 0; }

  // The index; of a closed file only.
  uint64_t chunks() const { return chunks_; }
  Result<IndexEntry> index_entry(uint64_t chunk);

  // The next event. False: the end, or damage, which status() tells.
  bool next(Event* event);
  const Status& status() const { return status_; }
  void rewind();
  // The next event is the first of that chunk (closed files).
  Status seek(uint64_t chunk);
  // Reads everything once and rewinds: afterwards nothing can go wrong but the disk.
  Status verify();

  // One chunk at a time, for those who want its bytes. next_chunk() is what next() calls at a chunk's end.
  bool next_chunk();
  const TraceChunkHeader& chunk() const { return chunk_; }
  uint64_t chunk_offset() const { return chunk_offset_; }
  const std::vector<uint8_t>& payload() const { return raw_; }
  // After the last chunk of a file that is not closed: bytes that are no whole chunk.
  uint64_t tail_bytes() const { return closed() ? 0 : bytes_->size() - offset_; }
  uint64_t header_bytes() const { return kTraceHeaderBytes + schema_text_.size(); }
  Bytes& bytes() { return *bytes_; }

 private:
  Reader(std::unique_ptr<Bytes> bytes, const std::string& name) : bytes_(std::move(bytes)), name_(name) {}
  Status read_header();
  Status read_index();
  Status read_payload();
  Status check_chunk();
  bool torn();
  Error damage(uint64_t offset, const std::string& what) const;
  bool fail(uint64_t offset, const std::string& what);
  bool decode(Event* event);

  std::unique_ptr<Bytes> bytes_;
  std::string name_, schema_text_;
  Schema schema_;
  uint32_t stream_ = 0, flags_ = 0;
  uint64_t mask_ = 0;
  uint64_t index_offset_ = 0, chunks_ = 0;
  Status status_;

  uint64_t offset_ = 0;        // of the next chunk
  uint64_t chunk_number_ = 0;  // of the next chunk
  uint64_t hash_ = kTraceHashSeed;
  uint64_t expected_sequence_ = 0;
  bool expects_ = false;  // a chunk came before: hash and sequence go on from there
  TraceChunkHeader chunk_;
  uint64_t chunk_offset_ = 0;
  std::vector<uint8_t> stored_, raw_;

  // Inside the chunk.
  const uint8_t* at_ = nullptr;
  uint32_t events_left_ = 0;
  Event last_;
  std::vector<std::string_view> labels_;
  std::array<std::array<uint64_t, kFieldsMax>, kEventsMax> values_{};
};

}  // namespace monochord::trace
