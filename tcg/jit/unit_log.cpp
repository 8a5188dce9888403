#include "tcg/jit/unit_log.h"

#include "core/symbols.h"
#include "tcg/emit/dump.h"
#include "tcg/exec/tlb.h"
#include "tcg/x86_64/disas_host.h"
#include "tcg/x86_64/thunk_names.h"

namespace monochord {

namespace {

using x86_64::CodeMark;

const char* mode_name(uint8_t mode) {
  switch (mode) {
    case kTlbU: return "U";
    case kTlbS: return "S";
    case kTlbSumS: return "S+SUM";
    case kTlbM: return "M";
  }
  return "?";
}

unsigned long long physical(const MadeUnit& made) { return made.unit.page_paddr + made.unit.start; }

// Names are of the images that were loaded: a process's own addresses are not theirs.
bool may_be_named(const MadeUnit& made) { return made.is_virtual && (made.unit.mode != kTlbU || made.page_address == made.unit.page_paddr); }

std::string symbol(const MadeUnit& made) { return may_be_named(made) ? guest_symbols().text(made.page_address + made.unit.start) : std::string(); }

std::string header(const MadeUnit& made) {
  std::string text = symbol(made);
  if (!text.empty()) text += ", ";
  text += stringf("mode %s, physical 0x%llx", mode_name(made.unit.mode), physical(made));
  if (!made.is_virtual) text += " (as are the addresses)";
  if (!made.tb.grouped) text += ", without groups";
  return text;
}

std::string hex_bytes(const uint8_t* at, unsigned size) {
  std::string text;
  for (unsigned i = 0; i < size; i++) text += stringf("%02x", at[i]);
  return text;
}

std::string code_line(const uint8_t* at, unsigned size, const std::string& what) {
  return stringf("%p:  %-20s  %s\n", static_cast<const void*>(at), hex_bytes(at, size).c_str(), what.c_str());
}

std::string data_lines(const uint8_t* at, const uint8_t* end, const char* what) {
  constexpr long kBytesALine = 16;
  std::string text;
  for (; at < end; at += kBytesALine) text += code_line(at, static_cast<unsigned>(end - at < kBytesALine ? end - at : kBytesALine), what);
  return text;
}

class OutAsm {
 public:
  explicit OutAsm(const MadeUnit& made) : made_(made), names_(x86_64::thunk_names(made.thunks)) {}

  std::string text() {
    const std::vector<CodeMark>& marks = made_.marks->marks;
    const uint8_t* const end = made_.tb.end;
    text_ = stringf("OUT: [size=%lld] %s\n  -- entries\n", static_cast<long long>(end - made_.tb.entry_indirect), header(made_).c_str());
    code(made_.tb.entry_indirect, marks.empty() ? end : marks.front().begin);
    for (size_t i = 0; i < marks.size(); i++) {
      const CodeMark& mark = marks[i];
      const uint8_t* const next = i + 1 < marks.size() ? marks[i + 1].begin : end;
      if (mark.kind == CodeMark::Kind::kData) {
        text_ += data_lines(mark.begin, mark.begin + mark.size, "(data)");
        code(mark.begin + mark.size, next);
        continue;
      }
      if (mark.kind == CodeMark::Kind::kInsn) {
        insns_to(mark.insn + 1);
      } else {
        insns_to(insn_count());
        text_ += stringf("  -- leaves %s\n", insn_at(mark.from).c_str());
      }
      code(mark.begin, next);
    }
    insns_to(insn_count());
    return text_;
  }

 private:
  void code(const uint8_t* at, const uint8_t* end) {
    while (at < end) {
      const x86_64::HostInsn insn = x86_64::disassemble_host(at, static_cast<size_t>(end - at));
      if (insn.length == 0) {
        text_ += data_lines(at, end, "");
        return;
      }
      text_ += code_line(at, insn.length, insn.text + target(insn.target));
      at += insn.length;
    }
  }
  std::string target(uint64_t address) const {
    for (const x86_64::ThunkName& name : names_) {
      if (reinterpret_cast<uint64_t>(name.begin) == address) return "  ; " + name.name;
    }
    return {};
  }
  uint32_t insn_count() const { return static_cast<uint32_t>(made_.unit.insn_count); }
  // Headings of those that were not shown yet: an instruction whose result nobody sees has no code.
  void insns_to(uint32_t end) {
    for (; shown_ < end; shown_++) text_ += stringf("  -- %s\n", insn(shown_).c_str());
  }
  std::string insn(uint32_t number) const {
    return number < insn_count() ? insn_text(made_.unit, static_cast<int>(number), made_.page_address) : "end";
  }
  // The guest instruction whose code holds this place.
  std::string insn_at(const uint8_t* at) const {
    const CodeMark* found = nullptr;
    for (const CodeMark& mark : made_.marks->marks) {
      if (mark.kind == CodeMark::Kind::kInsn && mark.begin <= at) found = &mark;
    }
    return found != nullptr ? insn(found->insn) : "the entries";
  }

  const MadeUnit& made_;
  const std::vector<x86_64::ThunkName> names_;
  std::string text_;
  uint32_t shown_ = 0;
};

void say_what_is_missing() {
  static bool said = false;
  const char* missing = x86_64::disassembler_lacks();
  if (missing != nullptr && !said) warn_report("-d out_asm: %s; its bytes are shown", missing);
  said = true;
}

}  // namespace

std::string unit_name(const MadeUnit& made) {
  std::string name = symbol(made);
  return name.empty() ? stringf("guest:%s:0x%llx", mode_name(made.unit.mode), physical(made)) : name;
}

std::string out_asm_text(const MadeUnit& made) { return OutAsm(made).text(); }

void tell_unit(const MadeUnit& made) {
  std::string text;
  const auto section = [&](const char* name, const std::string& lines) { text += stringf("%s %s\n%s\n", name, header(made).c_str(), lines.c_str()); };
  if (log_enabled(kLogInAsm)) section("----------------\nIN:", in_asm_text(made.unit, made.page_address));
  if (log_enabled(kLogOp)) section("OP:", op_text(made.unit, made.page_address));
  if (log_enabled(kLogOutAsm) && made.marks != nullptr) {
    say_what_is_missing();
    text += out_asm_text(made) + "\n";
  }
  log_write(text.data(), text.size());
  if (perf_map != nullptr) perf_map->add(made.tb.entry_indirect, made.tb.end, unit_name(made));
}

void tell_thunks(const x86_64::Thunks& thunks) {
  for (const x86_64::ThunkName& thunk : x86_64::thunk_names(thunks)) perf_map->add(thunk.begin, thunk.end, thunk.name);
}

}  // namespace monochord
