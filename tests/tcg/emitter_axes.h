// The x86-64 emitter beside xbyak: what the tests compare with. An axis is a list of operands, each in our words and in xbyak's; a form is
// tried with every combination of its axes. One lambda writes both: CALL(add) calls add() of whichever it is given.
#pragma once

#include "tcg/x86_64/emitter.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>

namespace monochord::x86_64 {
template <typename Ours, typename Theirs>
using Axis = std::vector<std::pair<Ours, Theirs>>;

template <typename Ours, typename Theirs>
Axis<Ours, Theirs> all_registers() {
  Axis<Ours, Theirs> axis;
  for (uint8_t i = 0; i < 16; i++) axis.emplace_back(Ours{i}, Theirs(i));
  return axis;
}
inline const auto r64s = all_registers<Gpr64, Xbyak::Reg64>();
inline const auto r32s = all_registers<Gpr32, Xbyak::Reg32>();
inline const auto r16s = all_registers<Gpr16, Xbyak::Reg16>();
inline const auto xmms = all_registers<Xmm, Xbyak::Xmm>();
inline const auto r8s = [] {
  Axis<Gpr8, Xbyak::Reg8> axis;
  for (uint8_t i = 0; i < 16; i++) axis.emplace_back(Gpr8{i}, Xbyak::Reg8(i, i >= 4));
  return axis;
}();

inline uint8_t buffer[256];  // both write here, so that what is relative is equal too
// An address for an instruction to lead to; nothing need be there.
inline const void* beside_buffer(intptr_t distance) { return reinterpret_cast<const void*>(reinterpret_cast<intptr_t>(buffer) + distance); }
inline Xbyak::CodeGenerator& xbyak() {
  static Xbyak::CodeGenerator generator(sizeof buffer, buffer);
  return generator;
}

// All forms of memory operand with all registers. Of base + index * 1 without displacement xbyak is given the better order.
inline const std::vector<std::pair<Mem, Xbyak::RegExp>> expressions = [] {
  std::vector<std::pair<Mem, Xbyak::RegExp>> axis;
  constexpr int32_t kDisps[] = {0, 1, -1, 127, 128, -128, -129, 0x12345678, INT32_MIN};
  for (const int32_t disp : kDisps) {
    const auto add = [disp](const Xbyak::RegExp& e) { return e + static_cast<size_t>(ptrdiff_t{disp}); };
    for (const auto& [base, xbase] : r64s) {
      axis.emplace_back(ptr(base, disp), add(xbase));
      for (const auto& [index, xindex] : r64s) {
        if (index == rsp) continue;
        for (const int scale : {1, 2, 4, 8}) {
          const bool exchange = scale == 1 && disp == 0 && (base == rbp || base == r13);
          axis.emplace_back(ptr(base, index, scale, disp), add(exchange ? Xbyak::RegExp(xindex) + xbase * 1 : Xbyak::RegExp(xbase) + xindex * scale));
        }
      }
    }
    for (const auto& [index, xindex] : r64s) {
      for (const int scale : {1, 2, 4, 8}) {
        if (index == rsp) continue;
        const bool sum = scale == 1;  // xbyak would encode an index without base
        axis.emplace_back(ptr_scaled(index, scale, disp), add(sum ? Xbyak::RegExp(xindex) : xindex * scale));
      }
    }
  }
  return axis;
}();

// `Ours` is Mem or a Mem of a size, `bits` that size or 0. The last few are RIP-relative.
template <typename Ours>
Axis<Ours, Xbyak::Address> all_memory(unsigned bits) {
  const Xbyak::AddressFrame frame(bits);
  Axis<Ours, Xbyak::Address> axis;
  for (const auto& [mem, expression] : expressions) axis.emplace_back(Ours{mem}, frame[expression]);
  for (const int32_t disp : {0, 5, -5, 0x12345678}) axis.emplace_back(Ours{rip_disp(disp)}, frame[Xbyak::util::rip + disp]);
  for (const int distance : {-100000, 0, 77}) {
    const void* target = beside_buffer(distance);
    axis.emplace_back(Ours{rip(target)}, frame[Xbyak::util::rip + target]);
  }
  return axis;
}
inline const auto mems = all_memory<Mem>(0);
inline const auto mem8s = all_memory<Mem8>(8);
inline const auto mem16s = all_memory<Mem16>(16);
inline const auto mem32s = all_memory<Mem32>(32);
inline const auto mem64s = all_memory<Mem64>(64);
// For forms with further axes: a sample of every kind.
template <typename Ours>
auto some(const Axis<Ours, Xbyak::Address>& all) {
  Axis<Ours, Xbyak::Address> axis(all.end() - 7, all.end());
  for (size_t i = 0; i + 7 < all.size(); i += 23) axis.push_back(all[i]);
  return axis;
}

inline const Axis<int64_t, uint32_t> imm32s = [] {
  Axis<int64_t, uint32_t> axis;
  for (const int64_t i : std::initializer_list<int64_t>{0, 1, -1, 2, 100, 127, 128, -128, -129, 255, 256, 0x7fff, 0x8000, -0x8000, -0x8001, 0xffff,
                                                        0x10000, 0x12345678,
                                                         INT32_MAX, INT32_MIN}) {
    axis.emplace_back(i, static_cast<uint32_t>(i));
  }
  return axis;
}();
inline const Axis<int64_t, uint32_t> imm8s{{0, 0}, {1, 1}, {-1, 0xff}, {127, 127}, {-128, 0x80}, {255, 255}};
inline const Axis<unsigned, uint8_t> counts = [] {
  Axis<unsigned, uint8_t> axis;
  for (unsigned i = 0; i < 64; i++) axis.emplace_back(i, static_cast<uint8_t>(i));
  return axis;
}();

inline std::string hex(const uint8_t* bytes, size_t size) {
  std::string text;
  for (size_t i = 0; i < size; i++) {
    char digits[4];
    snprintf(digits, sizeof digits, "%02x ", bytes[i]);
    text += digits;
  }
  return text;
}

inline int compared = 0;  // combinations, so that a test that compares nothing fails

// What xbyak has written goes here; then it is our turn.
inline uint8_t expected[64];
inline Emitter between() {
  memcpy(expected, buffer, xbyak().getSize());
  memset(buffer, 0xee, sizeof expected);
  return {buffer, buffer + sizeof buffer};
}
inline bool judge(const char* name, const Emitter& emitter) {
  const auto written = static_cast<size_t>(emitter.cursor() - buffer);
  const size_t size = xbyak().getSize();
  compared++;
  if (written == size && memcmp(buffer, expected, size) == 0) return true;
  ADD_FAILURE() << name << ": " << hex(buffer, written) << "instead of " << hex(expected, size);
  return false;
}

// The cartesian product, depth first. A form stops at its first difference.
template <typename Ours, typename Theirs>
struct Comparison {
  const char* name;
  Ours ours;
  Theirs theirs;

  template <typename... Pairs>
  bool leaf(const Pairs&... operands) {
    xbyak().setSize(0);
    theirs(xbyak(), operands.second...);
    Emitter emitter = between();
    ours(emitter, operands.first...);
    return judge(name, emitter);
  }
  template <typename... Chosen>
  bool walk(std::tuple<>, const Chosen&... chosen) {
    return leaf(chosen...);
  }
  template <typename First, typename... Rest, typename... Chosen>
  bool walk(std::tuple<const First*, const Rest*...> axes, const Chosen&... chosen) {
    const auto rest = std::apply([](auto, auto... others) { return std::make_tuple(others...); }, axes);
    for (const auto& operand : *std::get<0>(axes)) {
      if (!walk(rest, chosen..., operand)) return false;
    }
    return true;
  }
};
template <typename Ours, typename Theirs, typename... Axes>
void compare2(const char* name, Ours ours, Theirs theirs, const Axes&... axes) {
  const int before = compared;
  Comparison<Ours, Theirs>{name, ours, theirs}.walk(std::make_tuple(&axes...));
  EXPECT_GT(compared, before) << name;
}
template <typename Form, typename... Axes>
void compare(const char* name, Form form, const Axes&... axes) {
  compare2(name, form, form, axes...);
}
#define CALL(name) [](auto& e, auto... operands) { e.name(operands...); }
#define SAME(name, ...) compare(#name, CALL(name), __VA_ARGS__)

#define WORDS(name)       \
  SAME(name, r32s, r32s); \
  SAME(name, r64s, r64s)
#define LOADS(name)       \
  SAME(name, r32s, mems); \
  SAME(name, r64s, mems)
#define STORES(name)      \
  SAME(name, mems, r32s); \
  SAME(name, mems, r64s)

}  // namespace monochord::x86_64
