// PID 1 of the benchmarks' guest: runs what the console's lines name, and says how it ended. Nothing else runs beside it.
//   NAME [ARGUMENT...]   runs /bench/NAME, then prints "@status N"
//   poweroff
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void quiet_console(void) {
  struct termios modes;
  if (tcgetattr(STDIN_FILENO, &modes) != 0) return;
  modes.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
  tcsetattr(STDIN_FILENO, TCSANOW, &modes);
}

static int run(char *line) {
  char *words[16] = {0}, path[64];
  int count = 0;
  for (char *word = strtok(line, " \n"); word != NULL && count < 15; word = strtok(NULL, " \n")) words[count++] = word;
  if (count == 0) return 0;
  snprintf(path, sizeof path, "/bench/%s", words[0]);
  words[0] = path;
  const pid_t child = fork();
  if (child == 0) {
    execv(path, words);
    perror(path);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) != child) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/tmp", 01777);
  mount("proc", "/proc", "proc", 0, NULL);
  quiet_console();
  puts("@ready");
  fflush(stdout);
  char line[256];
  while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "poweroff\n") != 0) {
    printf("@status %d\n", run(line));
    fflush(stdout);
  }
  sync();
  reboot(RB_POWER_OFF);
  return 1;
}
