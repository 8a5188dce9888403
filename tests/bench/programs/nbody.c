// Five bodies under gravity, double precision: multiplication, addition, division, square root.
#include <math.h>

#include "bench.h"

enum { kBodies = 5 };

static struct Body {
  double at[3], speed[3], mass;
} bodies[kBodies];

static double energy(void) {
  double sum = 0;
  for (int i = 0; i < kBodies; ++i) {
    for (int axis = 0; axis < 3; ++axis) sum += 0.5 * bodies[i].mass * bodies[i].speed[axis] * bodies[i].speed[axis];
    for (int j = i + 1; j < kBodies; ++j) {
      double square = 0;
      for (int axis = 0; axis < 3; ++axis) square += (bodies[i].at[axis] - bodies[j].at[axis]) * (bodies[i].at[axis] - bodies[j].at[axis]);
      sum -= bodies[i].mass * bodies[j].mass / sqrt(square);
    }
  }
  return sum;
}

static void step(double dt) {
  for (int i = 0; i < kBodies; ++i) {
    for (int j = i + 1; j < kBodies; ++j) {
      double apart[3], square = 0;
      for (int axis = 0; axis < 3; ++axis) {
        apart[axis] = bodies[i].at[axis] - bodies[j].at[axis];
        square += apart[axis] * apart[axis];
      }
      const double pull = dt / (square * sqrt(square));
      for (int axis = 0; axis < 3; ++axis) {
        bodies[i].speed[axis] -= apart[axis] * bodies[j].mass * pull;
        bodies[j].speed[axis] += apart[axis] * bodies[i].mass * pull;
      }
    }
  }
  for (int i = 0; i < kBodies; ++i) {
    for (int axis = 0; axis < 3; ++axis) bodies[i].at[axis] += dt * bodies[i].speed[axis];
  }
}

// A heavy sun and four planets on nearly round orbits, which stay that way: the energy is the same to many digits, fused or not.
int main(void) {
  bodies[0].mass = 40;
  for (int i = 1; i < kBodies; ++i) {
    const double radius = 3.0 * i, speed = sqrt(bodies[0].mass / radius);
    bodies[i] = (struct Body){.at = {i & 1 ? radius : -radius, 0, 0.01 * i}, .speed = {0, i & 1 ? speed : -speed, 0.02}, .mass = 0.002 * i};
    bodies[0].speed[1] -= bodies[i].speed[1] * bodies[i].mass / bodies[0].mass;
  }
  bench_begin();
  for (int i = 0; i < 500000; ++i) step(0.001);
  const double result = energy();
  return bench_end(bench_rounded(result, 1e7), bench_bits(result + bodies[1].at[0] + bodies[4].at[1]));
}
