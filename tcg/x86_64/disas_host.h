// Text of host code, through capstone 5 where the build found it (tools/setup capstone, musl). Main context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace monochord::x86_64 {

// Null, or why there is no text.
const char* disassembler_lacks();

struct HostInsn {
  unsigned length = 0;      // 0: nothing that can be read (or no disassembler)
  std::string text;         // "mov rax, qword ptr [rbp - 8]"
  uint64_t target = 0;      // of a direct jump or call; else 0
};
HostInsn disassemble_host(const uint8_t* code, size_t size_max);

}  // namespace monochord::x86_64
