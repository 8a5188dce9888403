// The tables and their index: candidates by bits 6:2 and 14:12 (32-bit), by bits 1:0 and 15:13 (compressed), in order of the lines.
#include "tcg/riscv/decode.h"

#include <array>

#include "core/check.h"

namespace monochord {

namespace {

template <typename Word>
struct Pattern {
  Word mask = 0, match = 0;
};

// Throwing makes a bad pattern a compile error: it is not a constant expression.
template <typename Word>
consteval Pattern<Word> pattern(const char* text) {
  Pattern<Word> result;
  unsigned bits = 0;
  for (; *text != 0; text++) {
    if (*text == ' ') continue;
    result.mask = static_cast<Word>(result.mask << 1 | (*text != '-'));
    result.match = static_cast<Word>(result.match << 1 | (*text == '1'));
    if (*text != '-' && *text != '0' && *text != '1') UNREACHABLE();
    bits++;
  }
  if (bits != sizeof(Word) * 8) UNREACHABLE();
  return result;
}

constexpr InsnLine kLines[] = {
#define INSN(name, ext, format, bits, flags) \
  {#name, Ext::ext, Format::format, pattern<uint32_t>(bits).mask, pattern<uint32_t>(bits).match, flags},
#include "tcg/riscv/insn32.inc"
#undef INSN
};

constexpr InsnLine16 kLines16[] = {
#define INSN16(name, ext, bits, format, op, operands, flags) \
  {#name, Ext::ext, pattern<uint16_t>(bits).mask, pattern<uint16_t>(bits).match, op_##op, operands, flags},
#include "tcg/riscv/insn16.inc"
#undef INSN16
};

// Two lines may both match a word only where the earlier is marked and everything it matches is matched by the later too.
template <typename Line, size_t n>
consteval bool disjoint(const Line (&lines)[n]) {
  for (size_t i = 0; i < n; i++) {
    for (size_t j = i + 1; j < n; j++) {
      const auto common = lines[i].mask & lines[j].mask;
      if ((lines[i].match ^ lines[j].match) & common) continue;
      if (!(lines[i].flags & kSpecialCase)) return false;
      if (common != lines[j].mask) return false;
    }
  }
  return true;
}
static_assert(disjoint(kLines), "two lines of insn32.inc take the same word");
static_assert(disjoint(kLines16), "two lines of insn16.inc take the same word");

constexpr const char* kFormatOperands[] = {
#define FORMAT(name, arg, operands) operands,
#include "tcg/riscv/formats.inc"
#undef FORMAT
};

// Candidates of each bucket, one after the other; `start[b]` to `start[b + 1]` are those of bucket b.
template <size_t buckets, size_t capacity>
struct Index {
  std::array<uint16_t, buckets + 1> start{};
  std::array<uint16_t, capacity> line{};
};

constexpr unsigned bucket32(uint32_t raw) { return (raw >> 2 & 31) << 3 | (raw >> 12 & 7); }
constexpr unsigned bucket16(uint32_t raw) { return (raw & 3) << 3 | (raw >> 13 & 7); }

template <size_t buckets, size_t capacity, typename Line, size_t n, typename BucketOf>
consteval Index<buckets, capacity> build_index(const Line (&lines)[n], BucketOf bucket_of, uint32_t key_bits) {
  Index<buckets, capacity> index;
  size_t used = 0;
  for (unsigned b = 0; b < buckets; b++) {
    index.start[b] = static_cast<uint16_t>(used);
    for (size_t i = 0; i < n; i++) {
      if (bucket_of(lines[i].match) != (b & bucket_of(lines[i].mask & key_bits))) continue;
      index.line[used++] = static_cast<uint16_t>(i);
    }
  }
  index.start[buckets] = static_cast<uint16_t>(used);
  return index;
}

constexpr auto kIndex = build_index<256, 1024>(kLines, bucket32, ~0u);
constexpr auto kIndex16 = build_index<32, 256>(kLines16, bucket16, 0xffff);

constexpr int32_t sext(uint32_t value, unsigned width) { return static_cast<int32_t>(value << (32 - width)) >> (32 - width); }

// The immediate, or what else the format keeps in `imm`.
int32_t immediate(Format format, uint32_t raw) {
  switch (format) {
    case Format::i:
    case Format::load:
    case Format::fload:
      return static_cast<int32_t>(raw) >> 20;
    case Format::store:
    case Format::fstore:
      return (static_cast<int32_t>(raw) >> 25 << 5) | (raw >> 7 & 31);
    case Format::b:
      return sext((raw >> 31) << 12 | (raw >> 7 & 1) << 11 | (raw >> 25 & 63) << 5 | (raw >> 8 & 15) << 1, 13);
    case Format::u:
      return static_cast<int32_t>(raw & 0xfffff000);
    case Format::j:
      return sext((raw >> 31) << 20 | (raw >> 12 & 255) << 12 | (raw >> 20 & 1) << 11 | (raw >> 21 & 1023) << 1, 21);
    case Format::shift:
      return raw >> 20 & 63;
    case Format::csr:
    case Format::csri:
    case Format::fence:
      return raw >> 20 & 0xfff;
    case Format::fr4:
      return raw >> 12 & 7;
    default:
      return 0;
  }
}

uint8_t auxiliary(Format format, uint32_t raw) {
  switch (format) {
    case Format::fr4:
      return raw >> 27;
    case Format::fr_rm:
    case Format::f1_rm:
    case Format::f_to_x_rm:
    case Format::x_to_f_rm:
      return raw >> 12 & 7;
    case Format::amo:
    case Format::lr:
      return raw >> 25 & 3;
    default:
      return 0;
  }
}

Args operands32(Format format, uint32_t raw) {
  Args args;
  args.rd = raw >> 7 & 31;
  args.rs1 = raw >> 15 & 31;
  args.rs2 = raw >> 20 & 31;
  args.aux = auxiliary(format, raw);
  args.imm = immediate(format, raw);
  return args;
}

Args operands16(Op16 op, uint16_t w) {
  [[maybe_unused]] const auto bits = [w](unsigned high, unsigned low) -> uint32_t { return w >> low & ((1u << (high - low + 1)) - 1); };
  [[maybe_unused]] const auto low = [w](unsigned bit) -> uint8_t { return w >> bit & 31; };
  [[maybe_unused]] const auto small = [w](unsigned bit) -> uint8_t { return 8 + (w >> bit & 7); };
  enum Format16 {
#define FORMAT16(name, rd, rs1, rs2, imm) format16_##name,
#include "tcg/riscv/formats16.inc"
#undef FORMAT16
  };
  static constexpr uint8_t kFormats[] = {
#define INSN16(name, ext, bits, format, op, operands, flags) format16_##format,
#include "tcg/riscv/insn16.inc"
#undef INSN16
  };
  Args args;
  switch (kFormats[op - 1]) {
#define FORMAT16(name, rd_, rs1_, rs2_, imm_)    \
  case format16_##name:                          \
    args.rd = rd_;                               \
    args.rs1 = rs1_;                             \
    args.rs2 = rs2_;                             \
    args.imm = static_cast<int32_t>(imm_);       \
    break;
#include "tcg/riscv/formats16.inc"
#undef FORMAT16
  }
  return args;
}

bool reserved16(const InsnLine16& line, const Args& args) {
  return ((line.flags & kImmNonZero) && args.imm == 0) || ((line.flags & kRdNonZero) && args.rd == 0) ||
         ((line.flags & kRs1NonZero) && args.rs1 == 0);
}

bool has(const CpuConfig* config, Ext ext) { return config == nullptr || config->has(ext); }

Decoded decode16(uint16_t raw, const CpuConfig* config) {
  Decoded result;
  result.length = 2;
  result.args.imm = raw;
  const unsigned bucket = bucket16(raw);
  for (unsigned i = kIndex16.start[bucket]; i < kIndex16.start[bucket + 1]; i++) {
    const InsnLine16& line = kLines16[kIndex16.line[i]];
    if ((raw & line.mask) != line.match) continue;
    const Op16 op16 = static_cast<Op16>(kIndex16.line[i] + 1);
    const Args args = operands16(op16, raw);
    if (!has(config, line.ext) || !has(config, insn_line(line.op).ext) || reserved16(line, args)) break;
    result.op16 = op16;
    result.op = line.op;
    result.args = args;
    break;
  }
  return result;
}

}  // namespace

const InsnLine& insn_line(Op op) {
  CHECK(op > op_illegal && op < kOpCount);
  return kLines[op - 1];
}

const InsnLine16& insn_line16(Op16 op) {
  CHECK(op > op16_none && op < kOp16Count);
  return kLines16[op - 1];
}

const char* format_operands(Format format) { return kFormatOperands[static_cast<size_t>(format)]; }

bool format_has(Format format, char letter) {
  for (const char* p = format_operands(format); *p != 0; p++) {
    if (*p == letter) return true;
  }
  return false;
}

Decoded decode(uint32_t raw, const CpuConfig* config) {
  if (insn_length(static_cast<uint16_t>(raw)) == 2) return decode16(static_cast<uint16_t>(raw), config);
  Decoded result;
  result.args.imm = static_cast<int32_t>(raw);
  const unsigned bucket = bucket32(raw);
  for (unsigned i = kIndex.start[bucket]; i < kIndex.start[bucket + 1]; i++) {
    const InsnLine& line = kLines[kIndex.line[i]];
    if ((raw & line.mask) != line.match) continue;
    // A special case of a missing extension is what the general line makes of it (pause is a fence).
    if (!has(config, line.ext)) continue;
    result.op = static_cast<Op>(kIndex.line[i] + 1);
    result.args = operands32(line.format, raw);
    break;
  }
  return result;
}

}  // namespace monochord
