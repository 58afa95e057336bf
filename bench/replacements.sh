#!/bin/sh
# Does replacing the policy's bundle make the loop late? The baseline drives and is replaced by itself. Runs with and without replacements, in turn:
#   bench/replacements.sh [RUNS [SECONDS [EVERY [NOW]]]]    5 runs of each kind, 40 s, a replacement at most every 0.25 s
# Prints a line a run, then medians and an exact Mann-Whitney test. RESULTS=FILE keeps the runs there and goes on where it
# stopped; NOW runs are made in this call. Further options of ./armature run go into OPTIONS.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
"$root/armature" run --help >/dev/null # builds if need be
for jdk in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* "$HOME"/.jdks/*; do
    if grep -qsE '^JAVA_VERSION="(2[5-9]|[3-9][0-9])' "$jdk/release"; then
        exec "$jdk/bin/java" "$root/bench/Replacements.java" "$root" "$@"
    fi
done
echo "bench/replacements.sh needs a JDK 25: set JAVA_HOME to one" >&2
exit 1
