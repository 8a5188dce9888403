// One chunk of a trace: its header's sense, its payload from raw or deflated bytes, its events.
#include <zlib.h>

#include "tools/monochord-trace/reader.h"

namespace monochord::trace {

namespace {

// What zlib may add to bytes that it cannot make smaller.
constexpr uint32_t kStoredMax = kTraceChunkPayloadMax + 1024;
constexpr uint32_t kEventBytesMin = 3;

}  // namespace

// Before anything of it is believed: sizes, flags, and that it goes on where the chunk before ended.
Status Reader::check_chunk() {
  const auto bad = [this](const char* what) { return Status(damage(offset_, what)); };
  if ((chunk_.flags & ~uint32_t{kTraceChunkDeflated}) != 0 || chunk_.reserved != 0) return bad("a chunk has flags that are unknown");
  if (chunk_.raw_bytes > kTraceChunkPayloadMax || chunk_.stored_bytes > kStoredMax) return bad("a chunk is larger than a chunk can be");
  if ((chunk_.flags & kTraceChunkDeflated) == 0 && chunk_.stored_bytes != chunk_.raw_bytes) return bad("a raw chunk has two sizes");
  if (chunk_.events > chunk_.raw_bytes / kEventBytesMin) return bad("a chunk has more events than bytes for them");
  if (expects_ && chunk_.first_sequence != expected_sequence_) return bad("a chunk's sequence numbers do not go on from the one before");
  if (!closed()) return {};
  if (chunk_number_ >= chunks_) return bad("there are more chunks than the index has");
  Result<IndexEntry> entry = index_entry(chunk_number_);
  if (!entry) return entry.error();
  if (entry->offset != offset_ || entry->sequence != chunk_.first_sequence || entry->instruction != chunk_.first_instruction ||
      entry->ns != chunk_.first_ns || entry->hash != chunk_.hash)
    return bad("a chunk and the index do not agree");
  return {};
}

Status Reader::read_payload() {
  const uint64_t at = offset_ + kTraceChunkBytes;
  stored_.resize(chunk_.stored_bytes);
  if (!bytes_->read(at, stored_.data(), stored_.size())) return damage(at, "cannot be read");
  if (crc32(0, stored_.data(), static_cast<uInt>(stored_.size())) != chunk_.crc)
    return damage(at, "the CRC of a chunk is wrong: the file is damaged");
  if ((chunk_.flags & kTraceChunkDeflated) != 0) {
    raw_.resize(chunk_.raw_bytes);
    uint8_t none = 0;  // zlib wants an address for nothing, too
    uLongf raw_bytes = raw_.size();
    uLong stored_bytes = stored_.size();
    const int result = uncompress2(raw_.empty() ? &none : raw_.data(), &raw_bytes, stored_.data(), &stored_bytes);
    if (result != Z_OK || raw_bytes != raw_.size() || stored_bytes != stored_.size()) return damage(at, "a chunk cannot be inflated to its size");
  } else {
    raw_.swap(stored_);
  }
  // The first chunk of a ring may go on from one that was thrown away.
  if ((expects_ || !ring()) && trace_hash(hash_, raw_.data(), raw_.size()) != chunk_.hash)
    return damage(offset_, "the hash of a chunk is wrong: the file is damaged");
  at_ = raw_.data();
  events_left_ = chunk_.events;
  last_ = {};
  last_.sequence = chunk_.first_sequence;
  last_.instruction = chunk_.first_instruction;
  last_.ns = chunk_.first_ns;
  labels_.clear();
  for (auto& values : values_) values.fill(0);
  return {};
}

bool Reader::decode(Event* event) {
  const uint8_t* end = raw_.data() + raw_.size();
  const auto bad = [this](const char* what) {
    return fail(chunk_offset_, stringf("event %llu, in the chunk that begins here: %s", static_cast<unsigned long long>(last_.sequence), what));
  };
  if (at_ == end) return bad("the chunk ends before it");
  last_.number = *at_++;
  if (last_.number >= schema_.size()) return bad("a number that the schema does not have");
  const EventType& type = schema_[last_.number];
  uint64_t value = 0;
  const auto take = [&] { return at_ = trace_get_varint(at_, end, &value), at_ != nullptr; };
  const char* const kNoNumber = "a number is cut off or too large";
  if (!take()) return bad(kNoNumber);
  last_.instruction += value;
  if (!take()) return bad(kNoNumber);
  last_.ns = static_cast<int64_t>(static_cast<uint64_t>(last_.ns) + trace_unzigzag(value));
  last_.has_label = false;
  last_.label = {};
  if (!type.label.empty()) {
    if (!take()) return bad(kNoNumber);
    if (value > labels_.size() + 1) return bad("a label that is not in the table");
    if (value == labels_.size() + 1) {
      uint64_t length = 0;
      if (labels_.size() == kTraceLabelsMax) return bad("more labels than a chunk can have");
      if ((at_ = trace_get_varint(at_, end, &length)) == nullptr) return bad(kNoNumber);
      if (length > kTraceLabelMax || length > static_cast<size_t>(end - at_)) return bad("a label is too long");
      labels_.emplace_back(reinterpret_cast<const char*>(at_), length);
      at_ += length;
    }
    if (value != 0) {
      last_.has_label = true;
      last_.label = labels_[value - 1];
    }
  }
  std::array<uint64_t, kFieldsMax>& values = values_[last_.number];
  for (size_t i = 0; i < type.fields.size(); i++) {
    if (!take()) return bad(kNoNumber);
    values[i] += trace_unzigzag(value);
  }
  last_.numbers = values;
  *event = last_;
  last_.sequence++;
  events_left_--;
  return true;
}

}  // namespace monochord::trace
