// Floating point on the host's FPU.
#include "tcg/x86_64/unit_emitter.h"

namespace monochord::x86_64 {

void UnitEmitter::emit_fp_interpret(const Uop& u) { emit_interpret(u); }
void UnitEmitter::emit_fp2(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fp3(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fsqrt(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fsgn(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fminmax(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fcmp(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fclass(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fcvt(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fmv_from_x(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fmv_to_x(const Uop& u) { emit_fp_interpret(u); }
void UnitEmitter::emit_fmov(const Uop& u) { emit_fp_interpret(u); }

}  // namespace monochord::x86_64
