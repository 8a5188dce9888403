// no-clone PROGRAM [ARGUMENT...]: runs the program under a seccomp filter that kills it for clone, clone3, fork, vfork and for a futex that would wait.
// What a program proves by living: it has one thread and starts no other.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define FUTEX_LOCK_PI2_OP 13
#define X32_CALLS 0x40000000u

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), KILL

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: no-clone PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  struct sock_filter filter[] = {
      LOAD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      KILL,
      LOAD(nr),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1),
      KILL,
      KILL_IF(SYS_clone),
      KILL_IF(SYS_clone3),
      KILL_IF(SYS_fork),
      KILL_IF(SYS_vfork),
      KILL_IF(SYS_futex_waitv),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0),
      ALLOW,
      // Waking is allowed, waiting is not: the operation is the second argument, without its private and clock flags.
      LOAD(args[1]),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK),
      KILL_IF(FUTEX_WAIT),
      KILL_IF(FUTEX_WAIT_BITSET),
      KILL_IF(FUTEX_WAIT_REQUEUE_PI),
      KILL_IF(FUTEX_LOCK_PI),
      KILL_IF(FUTEX_LOCK_PI2_OP),
      ALLOW,
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fprintf(stderr, "no-clone: no seccomp filter: %s\n", strerror(errno));
    return 2;
  }
  execv(argv[1], argv + 1);
  fprintf(stderr, "no-clone: %s: %s\n", argv[1], strerror(errno));
  return 2;
}
