// Compression in the manner of LZ77 with a hash table of positions (tokens: literals' length, literals, match), unpacked again and compared.
#include "bench.h"

enum { kBytes = 1 << 20, kHashBits = 14, kMinMatch = 4, kMaxOffset = 65535 };

static uint32_t load32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint8_t *put_length(uint8_t *out, size_t length) {
  for (; length >= 255; length -= 255) *out++ = 255;
  *out++ = (uint8_t)length;
  return out;
}

static const uint8_t *get_length(const uint8_t *in, size_t *length) {
  *length = 0;
  do *length += *in;
  while (*in++ == 255);
  return in;
}

static size_t pack(const uint8_t *in, size_t size, uint8_t *const begin) {
  static uint32_t positions[1 << kHashBits];
  memset(positions, 0, sizeof positions);
  uint8_t *out = begin;
  size_t literals = 0, at = 1;
  while (at + kMinMatch <= size) {
    const uint32_t word = load32(in + at), slot = (word * 2654435761u) >> (32 - kHashBits);
    const size_t candidate = positions[slot];
    positions[slot] = (uint32_t)at;
    if (at - candidate > kMaxOffset || load32(in + candidate) != word) {
      ++at;
      continue;
    }
    size_t length = kMinMatch;
    while (at + length < size && in[candidate + length] == in[at + length]) ++length;
    out = put_length(out, at - literals);
    while (literals < at) *out++ = in[literals++];
    out = put_length(out, length);
    *out++ = (uint8_t)(at - candidate);
    *out++ = (uint8_t)((at - candidate) >> 8);
    literals = at += length;
  }
  out = put_length(out, size - literals);
  while (literals < size) *out++ = in[literals++];
  return (size_t)(out - begin);
}

static void unpack(const uint8_t *in, uint8_t *out, size_t size) {
  uint8_t *const end = out + size;
  for (;;) {
    size_t length;
    in = get_length(in, &length);
    while (length-- > 0) *out++ = *in++;
    if (out == end) return;
    in = get_length(in, &length);
    const uint8_t *from = out - (in[0] | in[1] << 8);
    in += 2;
    while (length-- > 0) *out++ = *from++;
  }
}

// Words of a random dictionary, the short ones more often: about as repetitive as prose.
static void write_text(uint8_t *text) {
  static char words[512][12];
  for (int i = 0; i < 512; ++i) {
    const int length = 2 + (int)(bench_random() >> 20) % 9;
    for (int j = 0; j < length; ++j) words[i][j] = (char)('a' + (bench_random() >> 30) % 26);
  }
  for (size_t at = 0; at < kBytes;) {
    const uint64_t random = bench_random() >> 16;
    const char *word = words[(random & 511) * (random >> 9 & 511) >> 9];
    while (*word != '\0' && at < kBytes) text[at++] = (uint8_t)*word++;
    if (at < kBytes) text[at++] = ' ';
  }
}

int main(void) {
  uint8_t *text = bench_pages(kBytes / 4096), *packed = bench_pages(2 * kBytes / 4096), *unpacked = bench_pages(kBytes / 4096);
  write_text(text);
  bench_begin();
  uint64_t sum = 0;
  for (int round = 0; round < 40; ++round) {
    const size_t size = pack(text, kBytes, packed);
    unpack(packed, unpacked, kBytes);
    if (memcmp(text, unpacked, kBytes) != 0) bench_fail("unpacked text differs");
    sum = bench_mix(sum, size);
    text[round * 1000] ^= 1;
  }
  for (int i = 0; i < kBytes / 4; i += 8) sum = bench_mix(sum, packed[i]);
  return bench_end(sum, sum);
}
