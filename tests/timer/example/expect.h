/* What the tests here say when something is wrong. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdio.h>
#include <string.h>

static int failures;

static inline void expect(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "FAILED: %s\n", what);
  failures++;
}

/* Shows the first line that differs. */
static inline void expect_text(const char *text, const char *expected, const char *what) {
  int line = 1;
  if (strcmp(text, expected) == 0) return;
  for (const char *t = text, *e = expected; *t == *e; t++, e++) {
    if (*t != '\n') continue;
    line++;
    text = t + 1;
    expected = e + 1;
  }
  expect(0, what);
  fprintf(stderr, "  line %d is       \"%.*s\"\n", line, (int)strcspn(text, "\n"), text);
  fprintf(stderr, "  and should be   \"%.*s\"\n", (int)strcspn(expected, "\n"), expected);
}
#endif
