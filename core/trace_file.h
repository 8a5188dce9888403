// A binary trace on its way into a file (the form: core/trace_format.h): chunk after chunk while the machine runs, or, as a ring, the last events
// alone, written when the run has failed.
//
// Rules
// - append() is for main and handler context with the mask held. It allocates nothing; every chunk that is full is one write(2).
// - The first write that fails is reported and asks the machine to end with status 1. Nothing more is written.
// - Labels (TraceRecord::text) outlive the file.
// - Nothing that is written comes from the host: equal events give equal bytes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/trace_chunk.h"

namespace monochord {

constexpr uint64_t kTraceRingMax = 16 << 20;  // events

struct TraceFileOptions {
  std::string path;
  TraceStream stream = TraceStream::kGuest;
  uint64_t events = 0;       // mask, for the header
  uint64_t ring_events = 0;  // 0: all events; else at least so many of the last (up to kTraceRingMax)
};

class TraceFile {
 public:
  // Creates or empties the file, which must be a regular one or a character device.
  static Result<std::unique_ptr<TraceFile>> open(const TraceFileOptions& options);
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // The count of instructions as seen in handler context may lag behind what main has shown: it never goes back in a file.
  void append(const TraceRecord& record, uint64_t instructions, int64_t ns) {
    if (instructions < last_instructions_) instructions = last_instructions_;
    last_instructions_ = instructions;
    if (__builtin_expect(!chunk_.fits() || chunk_.events() == chunk_events_max_, 0)) next_chunk();
    chunk_.append(record, instructions, ns);
  }

  // Writes what is left and the index. A ring is written where `failed`; else its file goes away. False: a write failed, now or before.
  bool close(bool failed);
  // The same for a process that crashes: async-signal-safe, says nothing.
  void save_after_crash();

  const std::string& path() const { return options_.path; }
  uint64_t events() const { return chunk_.next_sequence(); }

 private:
  struct IndexEntry {
    uint64_t offset, first_sequence, first_instruction;
    int64_t first_ns;
    uint64_t hash;
  };
  static_assert(sizeof(IndexEntry) == kTraceIndexEntryBytes);
  struct Kept {  // a chunk of the ring
    uint32_t slot, events;
    size_t size;
  };

  TraceFile(const TraceFileOptions& options, int fd);
  bool ring() const { return options_.ring_events != 0; }
  bool make_ring();
  void next_chunk();
  void keep_chunk();
  void write_header();
  void write_chunk(uint8_t* bytes, size_t size);
  void write_ring();
  void write_index();
  void write_bytes(const void* bytes, size_t size);
  bool grow_index();
  void fail(const char* why);
  uint8_t* slot_bytes(uint32_t slot) { return slots_ + slot * slot_size_; }

  const TraceFileOptions options_;
  int fd_;
  bool regular_ = false;     // may be removed
  bool broken_ = false;      // a write failed
  bool quiet_ = false;       // crashing: no report
  volatile bool writing_ = false;
  uint64_t offset_ = 0;      // bytes written
  uint64_t hash_ = kTraceHashSeed;
  uint64_t last_instructions_ = 0;
  uint32_t chunk_events_max_ = UINT32_MAX;
  std::string schema_;
  std::vector<uint8_t> buffer_;  // of the chunk, without a ring
  TraceChunk chunk_;

  IndexEntry* index_ = nullptr;  // grows by moving, without the heap
  size_t index_count_ = 0, index_capacity_ = 0;

  // The ring: memory in slots, of which only as many are touched as are in use at a time.
  uint8_t* slots_ = nullptr;
  size_t slot_size_ = 0, slot_count_ = 0;
  uint32_t slot_ = 0;            // of the chunk in the making
  std::vector<uint32_t> free_;
  std::vector<Kept> kept_;       // a circle
  size_t kept_first_ = 0, kept_count_ = 0;
  uint64_t kept_events_ = 0;
};

}  // namespace monochord
