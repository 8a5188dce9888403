// One chunk of a binary trace in the making: events become bytes (core/trace_format.h) in memory that somebody else owns. No files here.
// Main or handler context with the mask held; begin(), append() and end() allocate nothing.
#pragma once

#include "core/trace.h"
#include "core/trace_format.h"

namespace monochord {

// The longest event: number, instructions, ns, a new label, the fields.
inline constexpr size_t kTraceEventBytesMax = 1 + 10 + 10 + 2 + 2 + kTraceLabelMax + kTraceNumbersMax * 10;

// zlib's CRC-32; begin with 0.
uint32_t trace_crc(uint32_t crc, const void* bytes, size_t size);

// The labels of a chunk, numbered from 1 in order of appearance. The same text at two addresses is one label: a file may not show where the
// compiler put its strings.
class TraceLabels {
 public:
  void clear();
  bool full() const { return count_ == kTraceLabelsMax; }
  // The number of a text. A new one is added, and is_new() says so until the next call.
  unsigned number(const char* text) {
    const Near& near = near_[slot(text)];
    is_new_ = false;
    return near.text == text && near.generation == generation_ ? near.number : find(text);
  }
  bool is_new() const { return is_new_; }

 private:
  static constexpr unsigned kSlots = 2 * kTraceLabelsMax;
  static constexpr unsigned kNear = 256;
  struct Near {  // by address, for those that come again and again
    const char* text = nullptr;
    uint32_t generation = 0;
    uint32_t number = 0;
  };
  static unsigned slot(const char* text) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(text);
    return (address ^ address >> 8) % kNear;
  }
  unsigned find(const char* text);

  Near near_[kNear];
  uint16_t slots_[kSlots] = {};  // by contents: a number, 0 where empty
  const char* texts_[kTraceLabelsMax] = {};
  uint32_t generation_ = 1;
  unsigned count_ = 0;
  bool is_new_ = false;
};

// Adds hash and CRCs to a chunk that has ended, which then may be written. `hash`: of the chunk before; becomes this one's.
TraceChunkHeader trace_seal_chunk(uint8_t* bytes, uint64_t* hash);

class TraceChunk {
 public:
  // `bytes`: room for the header and `payload_max` bytes.
  void begin(uint8_t* bytes, size_t payload_max, uint64_t first_sequence);
  // Whether any event fits yet. `append` asks for it.
  bool fits() const { return used_ + kTraceEventBytesMax <= payload_max_ && !labels_.full(); }
  void append(const TraceRecord& record, uint64_t instructions, int64_t ns);
  // Puts the header before the payload, but for what trace_seal_chunk() adds.
  void end();

  uint32_t events() const { return header_.events; }
  uint64_t next_sequence() const { return header_.first_sequence + header_.events; }
  size_t size() const { return kTraceChunkBytes + used_; }

 private:
  TraceLabels labels_;
  TraceChunkHeader header_;
  uint8_t* bytes_ = nullptr;
  size_t used_ = 0, payload_max_ = 0;
  uint64_t instructions_ = 0;  // of the event before
  int64_t ns_ = 0;
  uint64_t last_[kTraceEventCount][kTraceNumbersMax] = {};
};

}  // namespace monochord
