#include "core/trace_chunk.h"

#include <algorithm>
#include <array>
#include <bit>

#ifndef MONOCHORD_WITHOUT_ZLIB
#include <zlib.h>
#endif

namespace monochord {

static_assert(std::endian::native == std::endian::little, "headers are written as they lie in memory");

namespace {

struct Shape {
  uint8_t fields;
  bool has_label;
};
constexpr auto kShapes = [] {
  std::array<Shape, kTraceEventCount> shapes{};
  for (unsigned i = 0; i < kTraceEventCount; i++) {
    shapes[i] = {static_cast<uint8_t>(trace_field_count(kTraceEvents[i].fields)), !kTraceEvents[i].label.empty()};
  }
  return shapes;
}();

size_t label_size(const char* text) { return strnlen(text, kTraceLabelMax); }

bool same_label(const char* a, const char* b) {
  const size_t size = label_size(a);
  return size == label_size(b) && memcmp(a, b, size) == 0;
}

}  // namespace

#ifndef MONOCHORD_WITHOUT_ZLIB
uint32_t trace_crc(uint32_t crc, const void* bytes, size_t size) {
  return static_cast<uint32_t>(crc32(crc, static_cast<const Bytef*>(bytes), static_cast<uInt>(size)));
}
#else
uint32_t trace_crc(uint32_t crc, const void* bytes, size_t size) {
  const uint8_t* byte = static_cast<const uint8_t*>(bytes);
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= byte[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
#endif

// --- labels ---------------------------------------------------------------------------------------------------------------
void TraceLabels::clear() {
  std::fill(std::begin(slots_), std::end(slots_), uint16_t{0});
  generation_++;
  count_ = 0;
}

unsigned TraceLabels::find(const char* text) {
  uint32_t hash = 2166136261;
  const size_t size = label_size(text);
  for (size_t i = 0; i < size; i++) hash = (hash ^ static_cast<uint8_t>(text[i])) * 16777619;
  unsigned at = hash % kSlots;
  while (slots_[at] != 0 && !same_label(texts_[slots_[at] - 1], text)) at = (at + 1) % kSlots;
  if (slots_[at] == 0) {
    is_new_ = true;
    texts_[count_] = text;
    slots_[at] = static_cast<uint16_t>(++count_);
  }
  near_[slot(text)] = {text, generation_, slots_[at]};
  return slots_[at];
}

// --- chunks ---------------------------------------------------------------------------------------------------------------
void TraceChunk::begin(uint8_t* bytes, size_t payload_max, uint64_t first_sequence) {
  bytes_ = bytes;
  payload_max_ = payload_max;
  used_ = 0;
  header_ = TraceChunkHeader();
  header_.first_sequence = first_sequence;
  labels_.clear();
  memset(last_, 0, sizeof last_);
}

void TraceChunk::append(const TraceRecord& record, uint64_t instructions, int64_t ns) {
  if (header_.events == 0) {
    header_.first_instruction = instructions_ = instructions;
    header_.first_ns = ns_ = ns;
  }
  uint8_t* to = bytes_ + kTraceChunkBytes + used_;
  *to++ = record.event;
  to = trace_put_varint(to, instructions - instructions_);
  to = trace_put_varint(to, trace_zigzag(static_cast<uint64_t>(ns) - static_cast<uint64_t>(ns_)));
  const Shape shape = kShapes[record.event];
  if (shape.has_label) {
    const unsigned label = record.text != nullptr ? labels_.number(record.text) : 0;
    to = trace_put_varint(to, label);
    if (label != 0 && labels_.is_new()) {
      const size_t size = label_size(record.text);
      to = trace_put_varint(to, size);
      memcpy(to, record.text, size);
      to += size;
    }
  }
  uint64_t* const last = last_[record.event];
  for (unsigned i = 0; i < shape.fields; i++) {
    to = trace_put_varint(to, trace_zigzag(record.numbers[i] - last[i]));
    last[i] = record.numbers[i];
  }
  instructions_ = instructions;
  ns_ = ns;
  // Last: whoever saves what is there after a crash sees whole events.
  used_ = static_cast<size_t>(to - bytes_) - kTraceChunkBytes;
  header_.events++;
}

void TraceChunk::end() {
  header_.raw_bytes = header_.stored_bytes = static_cast<uint32_t>(used_);
  memcpy(bytes_, &header_, sizeof header_);
}

TraceChunkHeader trace_seal_chunk(uint8_t* bytes, uint64_t* hash) {
  TraceChunkHeader header;
  memcpy(&header, bytes, sizeof header);
  const uint8_t* const payload = bytes + kTraceChunkBytes;
  *hash = trace_hash(*hash, payload, header.raw_bytes);
  header.hash = *hash;
  header.crc = trace_crc(0, payload, header.raw_bytes);
  header.header_crc = trace_crc(0, &header, offsetof(TraceChunkHeader, header_crc));
  memcpy(bytes, &header, sizeof header);
  return header;
}

}  // namespace monochord
