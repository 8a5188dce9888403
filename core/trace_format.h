// The binary form of a trace: what core/trace_file.h writes and what every reader of it (tools/monochord-trace) takes. Header only, no state.
//
// A file is a header, chunks, and an index; all numbers are little-endian.
//
//   header  "MONOTRC\0"  u32 version  u32 stream (0 guest, 1 host)  u64 events (mask by number, as switched on)  u32 flags (kTraceFlag...)
//           u32 size of the schema  u32 CRC-32 of what comes before this word and of the schema  schema
//   schema  a line of text for each event there is, in order of number: "name|stream|label|fields\n" (core/trace_events.inc; the stream is "guest" or
//           "host"), so that a file says itself what it holds. No date, pid, path, build or executor: two equal runs write equal files.
//   chunk   TraceChunkHeader (kTraceChunkBytes, see below), then its payload, raw or deflated (zlib). At most kTraceChunkPayloadMax bytes raw.
//   index   "INDX"  u32 number of chunks  for each chunk: u64 offset, first sequence, first instruction, first ns, hash (kTraceIndexEntryBytes)
//           u32 CRC-32 of all of the index before it
//   end     u64 offset of the index  "MONOEND\0"
//
// A file without index was not closed (a kill): its whole chunks are good. Chunks are independent of each other. The host's stream has sequence numbers
// of its own. A ring begins with a later sequence number than 0.
//
// Payload: events, each
//   u8 number of the event
//   varint  instructions since the event before (in the chunk's first event: since first_instruction)
//   zigzag  nanoseconds of VIRTUAL since the event before (first: since first_ns)
//   varint  only with a label: its number in this chunk's table of labels, from 1 in order of appearance; 0: none. A number that is one above the
//           highest so far is new: varint length and the bytes follow.
//   zigzag  for each field: its difference (modulo 2^64) to the value that the same field of the same event had last in this chunk (at first: 0)
// Sequence numbers are not written: they count from first_sequence.
//
// hash: trace_hash() over the raw payload, begun with the hash of the chunk before (kTraceHashSeed in the file's first): equal hashes, equal events in the file up to here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace monochord {

inline constexpr char kTraceMagic[8] = {'M', 'O', 'N', 'O', 'T', 'R', 'C', '\0'};
inline constexpr char kTraceEndMagic[8] = {'M', 'O', 'N', 'O', 'E', 'N', 'D', '\0'};
inline constexpr uint32_t kTraceVersion = 1;
inline constexpr uint32_t kTraceChunkMagic = 0x4b4e4843;  // "CHNK"
inline constexpr uint32_t kTraceIndexMagic = 0x58444e49;  // "INDX"
inline constexpr size_t kTraceHeaderBytes = 36;           // without the schema
inline constexpr size_t kTraceChunkBytes = 64;
inline constexpr size_t kTraceIndexEntryBytes = 40;
inline constexpr size_t kTraceEndBytes = 16;
inline constexpr size_t kTraceChunkPayloadMax = 64 << 10;
inline constexpr size_t kTraceSchemaMax = 64 << 10;
inline constexpr size_t kTraceLabelMax = 255;             // longer ones are cut
inline constexpr unsigned kTraceLabelsMax = 1024;         // a chunk
inline constexpr uint64_t kTraceHashSeed = 0xcbf29ce484222325;

enum TraceFlags : uint32_t {
  kTraceFlagRing = 1,  // the last events only: what came before was thrown away
};
enum TraceChunkFlags : uint32_t { kTraceChunkDeflated = 1 };

// 64 bytes in this order.
struct TraceChunkHeader {
  uint32_t magic = kTraceChunkMagic;
  uint32_t flags = 0;             // TraceChunkFlags
  uint32_t stored_bytes = 0;      // of the payload as it stands in the file
  uint32_t raw_bytes = 0;
  uint32_t events = 0;
  uint32_t crc = 0;               // CRC-32 (zlib's) of the stored payload
  uint64_t first_sequence = 0;
  uint64_t first_instruction = 0;
  int64_t first_ns = 0;
  uint64_t hash = 0;              // over everything up to the end of this chunk
  uint32_t reserved = 0;
  uint32_t header_crc = 0;        // CRC-32 of the 60 bytes before it
};
static_assert(sizeof(TraceChunkHeader) == kTraceChunkBytes);

// A varint: seven bits a byte, the lowest first; the top bit says that more follow. At most ten bytes.
inline uint8_t* trace_put_varint(uint8_t* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<uint8_t>(value) | 0x80;
    value >>= 7;
  }
  *to++ = static_cast<uint8_t>(value);
  return to;
}
// Null where the bytes end first or the number has more than 64 bits.
inline const uint8_t* trace_get_varint(const uint8_t* from, const uint8_t* end, uint64_t* value) {
  uint64_t result = 0;
  for (unsigned shift = 0; from != end && shift < 70; shift += 7) {
    const uint8_t byte = *from++;
    if (shift == 63 && byte > 1) return nullptr;
    result |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      *value = result;
      return from;
    }
  }
  return nullptr;
}
// Small differences of both signs become small numbers.
constexpr uint64_t trace_zigzag(uint64_t difference) { return difference << 1 ^ (0 - (difference >> 63)); }
constexpr uint64_t trace_unzigzag(uint64_t value) { return value >> 1 ^ (0 - (value & 1)); }

// Of eight bytes at a time; the rest is filled with zeros, so hash whole payloads only.
inline uint64_t trace_hash(uint64_t hash, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace monochord
