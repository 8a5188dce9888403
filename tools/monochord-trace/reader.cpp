// The file as a whole: header, index, and the walk over the chunks. What is inside a chunk: chunk.cpp.
#include "tools/monochord-trace/reader.h"

#include <zlib.h>
#include <bit>

namespace monochord::trace {

static_assert(std::endian::native == std::endian::little, "files are little-endian, and so is what reads them");

namespace {

template <typename T>
T number_at(const uint8_t* bytes) {
  T value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

uint32_t crc(uint32_t so_far, const void* bytes, size_t size) {
  return static_cast<uint32_t>(crc32(so_far, static_cast<const Bytef*>(bytes), static_cast<uInt>(size)));
}

}  // namespace

Error Reader::damage(uint64_t offset, const std::string& what) const {
  return errorf("%s: offset %llu: %s", name_.c_str(), static_cast<unsigned long long>(offset), what.c_str());
}

bool Reader::fail(uint64_t offset, const std::string& what) {
  status_ = damage(offset, what);
  return false;
}

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path) {
  Result<std::unique_ptr<Bytes>> bytes = open_file(path);
  if (!bytes) return bytes.error();
  return over(std::move(*bytes), path);
}

Result<std::unique_ptr<Reader>> Reader::over(std::unique_ptr<Bytes> bytes, const std::string& name) {
  std::unique_ptr<Reader> reader(new Reader(std::move(bytes), name));
  if (Status status = reader->read_header(); !status) return status.error();
  if (Status status = reader->read_index(); !status) return status.error();
  reader->rewind();
  return reader;
}

Status Reader::read_header() {
  uint8_t header[kTraceHeaderBytes];
  if (!bytes_->read(0, header, sizeof kTraceMagic) || memcmp(header, kTraceMagic, sizeof kTraceMagic) != 0)
    return errorf("%s: not a trace file (it does not begin with MONOTRC)", name_.c_str());
  if (!bytes_->read(0, header, sizeof header)) return damage(0, "the header is cut off");
  const uint32_t version = number_at<uint32_t>(header + 8);
  if (version != kTraceVersion) return errorf("%s: a trace file of version %u; this program reads version %u", name_.c_str(), version, kTraceVersion);
  stream_ = number_at<uint32_t>(header + 12);
  mask_ = number_at<uint64_t>(header + 16);
  flags_ = number_at<uint32_t>(header + 24);
  const uint32_t schema_bytes = number_at<uint32_t>(header + 28);
  if (schema_bytes > kTraceSchemaMax) return damage(28, stringf("a schema of %u bytes; at most %zu make sense", schema_bytes, kTraceSchemaMax));
  schema_text_.resize(schema_bytes);
  if (!bytes_->read(kTraceHeaderBytes, schema_text_.data(), schema_bytes)) return damage(kTraceHeaderBytes, "the schema is cut off");
  if (crc(crc(0, header, 32), schema_text_.data(), schema_bytes) != number_at<uint32_t>(header + 32))
    return damage(32, "the CRC of header and schema is wrong: the file is damaged");
  if (stream_ > 1) return damage(12, stringf("stream %u is neither guest (0) nor host (1)", stream_));
  if ((flags_ & ~uint32_t{kTraceFlagRing}) != 0) return damage(24, stringf("flags 0x%x are unknown", flags_));
  Result<Schema> schema = Schema::parse(schema_text_);
  if (!schema) return damage(kTraceHeaderBytes, schema.error().message);
  schema_ = std::move(*schema);
  return {};
}

// A file that ends with the end mark has an index, and then it has to be right.
Status Reader::read_index() {
  uint8_t end[kTraceEndBytes];
  const uint64_t size = bytes_->size();
  if (size < header_bytes() + 12 + kTraceEndBytes || !bytes_->read(size - kTraceEndBytes, end, sizeof end) ||
      memcmp(end + 8, kTraceEndMagic, sizeof kTraceEndMagic) != 0)
    return {};
  const uint64_t offset = number_at<uint64_t>(end);
  uint8_t head[8];
  if (offset < header_bytes() || offset > size - kTraceEndBytes - 12 || !bytes_->read(offset, head, sizeof head) ||
      number_at<uint32_t>(head) != kTraceIndexMagic)
    return damage(size - kTraceEndBytes,
                  stringf("the end says that the index is at %llu, and there is none", static_cast<unsigned long long>(offset)));
  const uint64_t count = number_at<uint32_t>(head + 4);
  if (offset + 8 + count * kTraceIndexEntryBytes + 4 != size - kTraceEndBytes)
    return damage(offset, stringf("an index of %llu chunks does not fit between here and the end", static_cast<unsigned long long>(count)));
  uint32_t sum = crc(0, head, sizeof head);
  uint8_t block[kTraceIndexEntryBytes * 64];
  for (uint64_t at = offset + 8, left = count * kTraceIndexEntryBytes; left > 0;) {
    const size_t part = left < sizeof block ? left : sizeof block;
    if (!bytes_->read(at, block, part)) return damage(at, "cannot be read");
    sum = crc(sum, block, part);
    at += part;
    left -= part;
  }
  uint8_t stored[4];
  if (!bytes_->read(size - kTraceEndBytes - 4, stored, 4)) return damage(size - kTraceEndBytes - 4, "cannot be read");
  if (sum != number_at<uint32_t>(stored)) return damage(offset, "the CRC of the index is wrong: the file is damaged");
  index_offset_ = offset;
  chunks_ = count;
  return {};
}

Result<IndexEntry> Reader::index_entry(uint64_t chunk) {
  CHECK(chunk < chunks_);
  uint8_t entry[kTraceIndexEntryBytes];
  const uint64_t offset = index_offset_ + 8 + chunk * kTraceIndexEntryBytes;
  if (!bytes_->read(offset, entry, sizeof entry)) return damage(offset, "cannot be read");
  return IndexEntry{number_at<uint64_t>(entry), number_at<uint64_t>(entry + 8), number_at<uint64_t>(entry + 16), number_at<int64_t>(entry + 24),
                    number_at<uint64_t>(entry + 32)};
}

bool Reader::has(TraceEvent event) const {
  for (size_t i = 0; i < schema_.size(); i++)
    if (schema_[i].known == event) return (mask_ >> i & 1) != 0;
  return false;
}

void Reader::rewind() {
  offset_ = header_bytes();
  chunk_number_ = 0;
  hash_ = kTraceHashSeed;
  expects_ = false;
  events_left_ = 0;
  at_ = nullptr;
  raw_.clear();
  status_ = {};
}

Status Reader::seek(uint64_t chunk) {
  rewind();
  if (chunk == 0) return {};
  if (chunk < chunks_) {
    Result<IndexEntry> entry = index_entry(chunk);
    if (!entry) return entry.error();
    offset_ = entry->offset;
    expected_sequence_ = entry->sequence;
  } else {
    offset_ = index_offset_;
  }
  Result<IndexEntry> before = index_entry(chunk - 1);
  if (!before) return before.error();
  if (offset_ < header_bytes() || offset_ > index_offset_) return damage(index_offset_, "the index points outside of the chunks");
  chunk_number_ = chunk;
  hash_ = before->hash;
  expects_ = chunk < chunks_;
  return {};
}

Status Reader::verify() {
  rewind();
  Event event;
  while (next(&event)) {
  }
  if (!status_.ok()) return status_;
  rewind();
  return {};
}

// A file that was not closed may end anywhere: in a chunk's header, in its payload, in the index.
bool Reader::torn() {
  const uint64_t left = bytes_->size() - offset_;
  uint32_t magic = 0;
  if (left < 4 || (bytes_->read(offset_, &magic, 4) && magic == kTraceIndexMagic)) return true;
  return magic == kTraceChunkMagic && left < kTraceChunkBytes;
}

bool Reader::next_chunk() {
  if (!status_.ok()) return false;
  events_left_ = 0;
  if (closed() && offset_ == index_offset_) {
    if (chunk_number_ == chunks_) return false;
    return fail(offset_, stringf("%llu chunks, but the index has %llu", static_cast<unsigned long long>(chunk_number_),
                                 static_cast<unsigned long long>(chunks_)));
  }
  if (!closed() && torn()) return false;
  const uint64_t end = closed() ? index_offset_ : bytes_->size();
  if (end - offset_ < kTraceChunkBytes || !bytes_->read(offset_, &chunk_, kTraceChunkBytes)) return fail(offset_, "a chunk's header is cut off");
  chunk_offset_ = offset_;
  if (chunk_.magic != kTraceChunkMagic) return fail(offset_, "no chunk begins here (CHNK is missing): the file is damaged");
  if (crc(0, &chunk_, kTraceChunkBytes - 4) != chunk_.header_crc) return fail(offset_, "the CRC of a chunk's header is wrong: the file is damaged");
  if (Status status = check_chunk(); !status) {
    status_ = status;
    return false;
  }
  if (chunk_.stored_bytes > end - offset_ - kTraceChunkBytes) {
    if (!closed()) return false;  // the last one, half written
    return fail(offset_, "a chunk reaches into the index");
  }
  if (Status status = read_payload(); !status) {
    status_ = status;
    return false;
  }
  offset_ += kTraceChunkBytes + chunk_.stored_bytes;
  chunk_number_++;
  hash_ = chunk_.hash;
  expected_sequence_ = chunk_.first_sequence + chunk_.events;
  expects_ = true;
  return true;
}

bool Reader::next(Event* event) {
  while (events_left_ == 0) {
    if (at_ != nullptr && at_ != raw_.data() + raw_.size()) return fail(chunk_offset_, "a chunk holds more than its events");
    at_ = nullptr;
    if (!next_chunk()) return false;
  }
  return decode(event);
}

}  // namespace monochord::trace
