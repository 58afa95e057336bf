#!/bin/sh
# Prints the properties of one MuJoCo version, from its headers: sh offsets.sh .../mujoco/include > mujoco-VERSION.properties
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/offsets.c" <<'C'
#include <stddef.h>
#include <stdio.h>
#include <mujoco/mujoco.h>
#define SIZE(t) printf("sizeof." #t "=%zu\n", sizeof(t))
#define AT(t, f) printf(#t "." #f "=%zu\n", offsetof(t, f))
#define VALUE(v) printf(#v "=%d\n", (int)v)
int main(void) {
  printf("# x86-64 System V; made by setup/offsets.sh from this version's headers\n");
  VALUE(mjVERSION_HEADER);
  VALUE(mjSTATE_CTRL); VALUE(mjOBJ_GEOM); VALUE(mjOBJ_CAMERA); VALUE(mjOBJ_ACTUATOR);
  VALUE(mjCAMERA_FIXED); VALUE(mjCAT_ALL); VALUE(mjFB_OFFSCREEN); VALUE(mjDEPTH_ZERONEAR);
  SIZE(mjvScene); SIZE(mjvOption); SIZE(mjvCamera); SIZE(mjrContext);
  AT(mjModel, geom_rgba); AT(mjData, time); AT(mjData, qpos);
  AT(mjvCamera, type); AT(mjvCamera, fixedcamid); AT(mjrContext, readDepthMap);
  return 0;
}
C
"${CC:-cc}" -I"$1" "$dir/offsets.c" -o "$dir/offsets"
"$dir/offsets"
