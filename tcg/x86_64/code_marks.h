// What lies where in a unit's code: recorded while it is emitted, for -d out_asm alone.
#pragma once

#include <cstdint>
#include <vector>

namespace monochord::x86_64 {

struct CodeMark {
  enum class Kind : uint8_t { kInsn, kStub, kData } kind;
  const uint8_t* begin;
  uint32_t size;              // kData: bytes; the others reach to the next mark
  uint32_t insn;              // kInsn: number of the guest instruction in its unit
  const uint8_t* from;        // kStub: the jump that leads to it, or a place in it
};

struct CodeMarks {
  std::vector<CodeMark> marks;  // by address

  void insn(uint32_t number, const uint8_t* at) { marks.push_back({CodeMark::Kind::kInsn, at, 0, number, nullptr}); }
  void stub(const uint8_t* from, const uint8_t* at) { marks.push_back({CodeMark::Kind::kStub, at, 0, 0, from}); }
  void data(const uint8_t* at, uint32_t size) { marks.push_back({CodeMark::Kind::kData, at, size, 0, nullptr}); }
};

}  // namespace monochord::x86_64
