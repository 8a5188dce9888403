// The formats of x86-64 instructions, below emitter.h: prefixes, opcode, ModR/M, immediates; the cursor; labels.
//
// How it is fast: a format is written by whole words with a branch-free length, so a store may reach up to kOverrun bytes past the
// instruction. Whatever is constant at a call (opcode, width, often a register) folds away. Nothing is checked in release builds.
// Source: Intel SDM volume 2, chapter 2 (formats, REX, VEX).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tcg/x86_64/registers.h"

namespace monochord::x86_64 {

// A place in the code, bound once, jumped to from before and after. Jumps to a label that isn't bound yet form a list through their own
// displacement fields. A label with waiting jumps must be bound before it dies.
class Label {
 public:
  Label() = default;
  Label(const Label&) = delete;
  Label& operator=(const Label&) = delete;
  ~Label() { DCHECK(near_ == nullptr && short_ == nullptr); }
  bool bound() const { return address_ != nullptr; }
  uint8_t* address() const { return address_; }

 private:
  friend class Emitter;
  uint8_t* address_ = nullptr;
  uint8_t* near_ = nullptr;   // the newest waiting field of four bytes; it holds the distance to the one before, 0 in the first
  uint8_t* short_ = nullptr;  // the same for fields of one byte
};

class Encoder {
 public:
  static constexpr ptrdiff_t kInsnMax = 15;  // bytes of an instruction
  static constexpr ptrdiff_t kOverrun = 8;   // bytes that may be spoilt behind the cursor

  Encoder(uint8_t* begin, uint8_t* end) : cursor_(begin), end_(end) {}
  uint8_t* cursor() const { return cursor_; }
  void set_cursor(uint8_t* cursor) { cursor_ = cursor; }
  // Bytes that may still be emitted. The caller looks at it once a guest instruction, not once a host instruction.
  ptrdiff_t remaining() const { return end_ - cursor_ - kOverrun; }

 protected:
  // An opcode: its bytes (0F maps included), lowest first, behind an optional mandatory prefix.
  struct Opcode {
    uint32_t bytes;
    uint8_t length;
    uint8_t prefix;
  };
  static constexpr Opcode op(unsigned byte) { return {byte, 1, 0}; }
  static constexpr Opcode op0f(unsigned byte, unsigned prefix = 0) {
    return {0x0f | byte << 8, 2, static_cast<uint8_t>(prefix)};
  }

  // A VEX opcode of 128 bits.
  enum Pp : uint8_t { kNone, k66, kF3, kF2 };
  enum Map : uint8_t { k0F = 1, k0F38, k0F3A };
  struct Vex {
    Pp pp;
    Map map;
    uint8_t w;
    uint8_t byte;
  };

  [[gnu::always_inline]] uint8_t* begin() const {
    DCHECK(remaining() >= kInsnMax);
    return cursor_;
  }
  [[gnu::always_inline]] void finish(uint8_t* p) { cursor_ = p; }

  template <typename T>
  [[gnu::always_inline]] static void store(uint8_t* p, T value) {
    memcpy(p, &value, sizeof value);
  }
  [[gnu::always_inline]] static uint8_t* imm8(uint8_t* p, unsigned value) {
    *p = static_cast<uint8_t>(value);
    return p + 1;
  }
  [[gnu::always_inline]] static uint8_t* imm32(uint8_t* p, uint32_t value) {
    store<uint32_t>(p, value);
    return p + 4;
  }
  static bool is_int8(int64_t value) { return value == static_cast<int8_t>(value); }
  static bool is_int32(int64_t value) { return value == static_cast<int32_t>(value); }

  // The low byte of rsp, rbp, rsi and rdi can be named only beside a REX prefix.
  template <unsigned Bits>
  static constexpr bool needs_rex(Gpr<Bits> r) {
    return Bits == 8 && r.index >= 4;
  }

  // Prefixes: `w`, `reg` and `rex_xb` (bits X and B) give REX, which is left out where it would say nothing.
  [[gnu::always_inline]] static uint8_t* prefixes(uint8_t* p, unsigned bits, unsigned mandatory, unsigned reg, unsigned rex_xb,
                                                  bool forced) {
    if (bits == 16) p = imm8(p, 0x66);
    if (mandatory != 0) p = imm8(p, mandatory);
    const unsigned rex = (bits == 64 ? 8u : 0u) | (reg >> 3) << 2 | rex_xb;
    *p = static_cast<uint8_t>(0x40 | rex);
    return p + ((rex != 0) | forced);
  }

  // Register and register.
  template <unsigned Bits>
  [[gnu::always_inline]] uint8_t* rr(Opcode o, unsigned reg, unsigned rm, bool forced = false) const {
    uint8_t* p = prefixes(begin(), Bits, o.prefix, reg, rm >> 3, forced);
    store<uint32_t>(p, o.bytes | (0xc0 | (reg & 7) << 3 | (rm & 7)) << 8 * o.length);
    return p + o.length + 1;
  }
  // Register and memory. `imm_bytes` follow: a RIP-relative displacement counts from behind them.
  template <unsigned Bits>
  [[gnu::always_inline]] uint8_t* rm(Opcode o, unsigned reg, const Mem& m, unsigned imm_bytes = 0, bool forced = false) const {
    uint8_t* p = prefixes(begin(), Bits, o.prefix, reg, m.rex, forced);
    store<uint64_t>(p, (m.tail | (reg & 7) << 3) << 8 * o.length | o.bytes);
    return aim(p + o.length + m.length, m, imm_bytes);
  }
  // Register in the opcode's low bits.
  template <unsigned Bits>
  [[gnu::always_inline]] uint8_t* in_opcode(Opcode o, unsigned reg) const {
    uint8_t* p = prefixes(begin(), Bits, o.prefix, 0, reg >> 3, false);
    store<uint32_t>(p, o.bytes | (reg & 7) << 8 * (o.length - 1));
    return p + o.length;
  }
  [[gnu::always_inline]] uint8_t* plain(Opcode o) const {
    uint8_t* p = begin();
    if (o.prefix != 0) p = imm8(p, o.prefix);
    store<uint32_t>(p, o.bytes);
    return p + o.length;
  }

  // The two-byte VEX prefix where W, X, B and the map allow it. `vvvv` is 0 where it isn't used.
  [[gnu::always_inline]] static uint8_t* vex_prefix(uint8_t* p, Vex v, unsigned reg, unsigned vvvv, unsigned xb) {
    const unsigned r = (~reg & 8) << 4;
    const unsigned last = (~vvvv & 15) << 3 | v.pp;
    const unsigned three = 0xc4 | (r | (xb ^ 3) << 5 | v.map) << 8 | (v.w << 7 | last) << 16;
    const unsigned two = 0xc5 | (r | last) << 8;
    const bool wide = v.w != 0 || v.map != k0F || xb != 0;
    store<uint32_t>(p, wide ? three : two);
    return p + 2 + wide;
  }
  [[gnu::always_inline]] uint8_t* vex_rr(Vex v, unsigned reg, unsigned vvvv, unsigned rm) const {
    uint8_t* p = vex_prefix(begin(), v, reg, vvvv, rm >> 3);
    store<uint16_t>(p, static_cast<uint16_t>(v.byte | (0xc0 | (reg & 7) << 3 | (rm & 7)) << 8));
    return p + 2;
  }
  [[gnu::always_inline]] uint8_t* vex_rm(Vex v, unsigned reg, unsigned vvvv, const Mem& m, unsigned imm_bytes = 0) const {
    uint8_t* p = vex_prefix(begin(), v, reg, vvvv, m.rex);
    store<uint64_t>(p, (m.tail | (reg & 7) << 3) << 8 | v.byte);
    return aim(p + 1 + m.length, m, imm_bytes);
  }

 private:
  // `p` is behind the displacement.
  [[gnu::always_inline]] static uint8_t* aim(uint8_t* p, const Mem& m, unsigned imm_bytes) {
    if (m.target != nullptr) {
      const ptrdiff_t disp = static_cast<const uint8_t*>(m.target) - (p + imm_bytes);
      DCHECK(is_int32(disp));
      store<int32_t>(p - 4, static_cast<int32_t>(disp));
    }
    return p;
  }

  uint8_t* cursor_;
  uint8_t* end_;
};

}  // namespace monochord::x86_64
