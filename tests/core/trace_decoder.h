// A reader of binary traces for the tests: written from the description in core/trace_format.h, sharing no code with the writer but the numbers there.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace monochord {

struct DecodedTrace {
  struct Event {
    uint64_t sequence, instructions;
    int64_t ns;
    unsigned number;
    std::string label;  // "-": none
    std::vector<uint64_t> values;
  };
  struct Chunk {
    uint64_t offset, first_sequence;
    uint32_t events;
    uint64_t hash;
  };
  uint32_t stream = 0, flags = 0;
  uint64_t mask = 0;
  std::string schema;
  std::vector<Event> events;
  std::vector<Chunk> chunks;
  bool closed = false;
};

class TraceDecoder {
 public:
  explicit TraceDecoder(std::string bytes) : bytes_(std::move(bytes)) {}

  DecodedTrace read() {
    DecodedTrace t;
    EXPECT_EQ(take(8), std::string("MONOTRC\0", 8));
    EXPECT_EQ(number(4), 1u);
    t.stream = static_cast<uint32_t>(number(4));
    t.mask = number(8);
    t.flags = static_cast<uint32_t>(number(4));
    const size_t schema_size = number(4);
    const uint64_t header_crc = number(4);
    t.schema = take(schema_size);
    EXPECT_EQ(header_crc, crc(bytes_.substr(0, 32) + t.schema));
    read_schema(t.schema);
    while (bytes_.compare(at_, 4, "CHNK") == 0 && !HasFailure()) read_chunk(t);
    if (at_ == bytes_.size()) return t;
    const size_t index = at_;
    EXPECT_EQ(take(4), "INDX");
    EXPECT_EQ(number(4), t.chunks.size());
    for (const DecodedTrace::Chunk& chunk : t.chunks) {
      EXPECT_EQ(number(8), chunk.offset);
      EXPECT_EQ(number(8), chunk.first_sequence);
      number(8);
      number(8);
      EXPECT_EQ(number(8), chunk.hash);
    }
    const size_t size = at_ - index;
    EXPECT_EQ(number(4), crc(bytes_.substr(index, size)));
    EXPECT_EQ(number(8), index);
    EXPECT_EQ(take(8), std::string("MONOEND\0", 8));
    t.closed = at_ == bytes_.size();
    return t;
  }

 private:
  static bool HasFailure() { return ::testing::Test::HasFailure(); }
  static uint64_t crc(const std::string& bytes) {
    return crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  }
  std::string take(size_t size) {
    EXPECT_LE(at_ + size, bytes_.size());
    const std::string taken = at_ <= bytes_.size() ? bytes_.substr(at_, size) : "";
    at_ += size;
    return taken;
  }
  uint64_t number(size_t size) {
    const std::string taken = take(size);
    uint64_t value = 0;
    for (size_t i = taken.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(taken[i]);
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !HasFailure(); shift += 7) {
      const uint64_t byte = number(1);
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    return value;
  }
  uint64_t zigzag() {
    const uint64_t value = varint();
    return value & 1 ? ~(value >> 1) : value >> 1;
  }

  void read_schema(const std::string& schema) {
    size_t at = 0;
    while (at < schema.size()) {
      const size_t end = schema.find('\n', at);
      std::string line = schema.substr(at, end - at);
      at = end + 1;
      line.erase(0, line.find('|') + 1);
      line.erase(0, line.find('|') + 1);
      const size_t bar = line.find('|');
      Kind kind{bar != 0, 0};
      for (size_t i = bar; i < line.size(); i++) kind.fields += line[i] == ':';
      kinds_.push_back(kind);
    }
  }

  void read_chunk(DecodedTrace& t) {
    DecodedTrace::Chunk chunk{};
    chunk.offset = at_;
    take(4);
    EXPECT_EQ(number(4), 0u) << "not packed";
    const size_t stored = number(4);
    EXPECT_EQ(number(4), stored);
    EXPECT_LE(stored, 64u << 10);
    chunk.events = static_cast<uint32_t>(number(4));
    const uint64_t payload_crc = number(4);
    chunk.first_sequence = number(8);
    uint64_t instructions = number(8);
    uint64_t ns = number(8);
    chunk.hash = number(8);
    EXPECT_EQ(number(4), 0u);
    EXPECT_EQ(number(4), crc(bytes_.substr(chunk.offset, 60)));
    const size_t begin = at_, end = at_ + stored;
    EXPECT_EQ(payload_crc, crc(bytes_.substr(begin, stored)));
    if (!t.chunks.empty()) { EXPECT_EQ(chunk.first_sequence, t.events.back().sequence + 1); }
    if (t.chunks.empty() && !(t.flags & 1)) { EXPECT_EQ(chunk.first_sequence, 0u); }
    EXPECT_EQ(chunk.hash, rolled(t.chunks.empty() ? 0xcbf29ce484222325 : t.chunks.back().hash, bytes_.substr(begin, stored)));
    std::vector<std::string> labels;
    std::map<std::pair<unsigned, size_t>, uint64_t> last;
    for (uint32_t i = 0; i < chunk.events && !HasFailure(); i++) {
      DecodedTrace::Event event{};
      event.sequence = chunk.first_sequence + i;
      event.number = static_cast<unsigned>(number(1));
      event.instructions = instructions += varint();
      ns += zigzag();
      event.ns = static_cast<int64_t>(ns);
      const Kind& kind = kinds_.at(event.number);
      event.label = "-";
      if (kind.has_label) {
        const uint64_t label = varint();
        EXPECT_LE(label, labels.size() + 1);
        if (label == labels.size() + 1) labels.push_back(take(varint()));
        if (label != 0) event.label = labels.at(label - 1);
      }
      for (size_t f = 0; f < kind.fields; f++) event.values.push_back(last[{event.number, f}] += zigzag());
      t.events.push_back(event);
    }
    EXPECT_EQ(at_, end);
    t.chunks.push_back(chunk);
  }

  static uint64_t rolled(uint64_t hash, std::string payload) {
    payload.resize((payload.size() + 7) / 8 * 8);
    for (size_t i = 0; i < payload.size(); i += 8) {
      uint64_t word = 0;
      for (size_t b = 8; b-- > 0;) word = word << 8 | static_cast<uint8_t>(payload[i + b]);
      hash = (hash ^ word) * 0x100000001b3;
      hash ^= hash >> 29;
    }
    return hash;
  }

  struct Kind {
    bool has_label;
    size_t fields;
  };
  std::string bytes_;
  size_t at_ = 0;
  std::vector<Kind> kinds_;
};

inline std::string file_bytes(const std::string& path) {
  std::string bytes;
  FILE* file = fopen(path.c_str(), "rb");
  if (file == nullptr) return bytes;
  char buffer[65536];
  while (const size_t got = fread(buffer, 1, sizeof buffer, file)) bytes.append(buffer, got);
  fclose(file);
  return bytes;
}

}  // namespace monochord
