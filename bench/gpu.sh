#!/bin/sh
# The suite and the comparisons with PyTorch on an NVIDIA GPU, in one call of less than ten minutes.
#
#   bench/gpu.sh pack FOLDER [GOLDENS]  here: a small Java runtime, the program and an OpenCL loader into FOLDER, with
#                                       the node tests of GOLDENS if given
#   bench/gpu.sh run FOLDER [TORCH_BENCH.py]  there, with or without Java and a loader; TORCH_BENCH.py and a python3 that
#                                       has torch with CUDA give the ratios. DEVICE=pocl tries all of it on a CPU, with
#                                       the kernels for CPUs
#
# Exit: 0 done, 1 something does not hold, 2 wrong usage, 3 no NVIDIA GPU (nothing was measured).
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
say() { printf 'gpu.sh: %s\n' "$*"; }
usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
action=$1
folder=$2

pack() {
    home=${ARMATURE_HOME:-$root/build/armature}
    [ -d "$home/lib" ] || { say "$home is not built: ./armature help builds it"; exit 1; }
    jdk=${JAVA_HOME:?set JAVA_HOME to a JDK 25}
    rm -rf "$folder"
    mkdir -p "$folder" || exit 1
    "$jdk/bin/jlink" --add-modules java.base,java.compiler,java.desktop,java.instrument,java.logging,java.management,java.naming,java.net.http,java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.unsupported,jdk.zipfs \
        --strip-debug --no-header-files --no-man-pages --compress zip-6 --output "$folder/java" || exit 1
    cp -Rp "$home" "$folder/armature" || exit 1
    rm -f "$folder/armature/armature.aot"
    # The loader alone: it finds the driver that is installed there.
    loader=$(ldconfig -p | sed -n 's/.*libOpenCL\.so\.1 .*x86-64.*=> //p' | head -n 1)
    [ -n "$loader" ] || { say "no OpenCL loader here to take along: install ocl-icd-libopencl1"; exit 1; }
    cp -L "$loader" "$folder/libOpenCL.so.1" || exit 1
    [ -z "${3:-}" ] || cp -R "$3" "$folder/nodes" || exit 1
    say "packed: $(du -sm "$folder" | cut -f1) MB in $folder"
}

armature() {
    cp=
    for jar in "$folder"/armature/lib/*.jar; do cp=$cp:$jar; done
    LD_PRELOAD=$folder/java/lib/libjsig.so "$folder/java/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -Xlog:disable \
        -Djava.awt.headless=true "-Duser.home=$work" "-Darmature.home=$folder/armature" "-Darmature.data=$work/run" \
        "-Darmature.root=$root" -cp "${cp#:}" org.armature.launcher.Main "$@"
}

run() {
    folder=$(CDPATH='' cd -- "$folder" && pwd -P) || { say "$folder is not there: pack it first"; exit 2; }
    [ -x "$folder/java/bin/java" ] || { say "$folder holds no runtime: pack it first"; exit 2; }
    torch=${1:-}
    device=${DEVICE:-nvidia}
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    if [ "$device" = nvidia ]; then
        command -v nvidia-smi >/dev/null 2>&1 && gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1) && [ -n "$gpu" ] || {
            say "no NVIDIA GPU here (nvidia-smi finds none): nothing was measured"
            exit 3
        }
        say "GPU: $gpu"
        # Containers often have the driver's library and not the file that tells the loader of it.
        ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 || {
            mkdir -p "$work/vendors" && echo libnvidia-opencl.so.1 >"$work/vendors/nvidia.icd"
            export OCL_ICD_VENDORS="$work/vendors"
        }
    fi
    ldconfig -p 2>/dev/null | grep -q 'libOpenCL\.so\.1' || export LD_LIBRARY_PATH="$folder:${LD_LIBRARY_PATH:-}"
    failed=0
    say "devices"
    armature doctor 2>/dev/null | grep -i opencl
    if [ -d "$folder/nodes" ]; then
        say "node tests on opencl"
        timeout 200 "$0" part "$folder" "$work" verify "$folder/nodes" --executor opencl --json >"$work/nodes.json" 2>/dev/null
        sed -n 's/.*"passed" *: *\([0-9]*\).*/passed \1/p; s/.*"failed" *: *\([0-9]*\).*/failed \1/p' "$work/nodes.json" | head -n 2
        [ -s "$work/nodes.json" ] || { say "the node tests did not end in 200 s"; failed=1; }
    fi
    say "workloads: opencl, then PyTorch, ms"
    for name in vit-block-infer vit-block-train gpt2-block-train conv3x3-train resnet-block-train convnext-block-train; do
        ours=$(timeout 60 "$0" part "$folder" "$work" bench "$name" --executor opencl --json 2>"$work/err" | sed -n 's/.*"median_ms":\([0-9.]*\).*/\1/p')
        theirs=
        [ -z "$torch" ] || theirs=$(timeout 40 python3 "$torch" --device cuda "$name" 2>/dev/null | sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p')
        [ -n "$ours" ] || { failed=1; tail -n 2 "$work/err"; }
        printf '%-22s %10s %10s %s\n' "$name" "${ours:-failed}" "${theirs:--}" \
            "$(awk -v a="${ours:-0}" -v b="${theirs:-0}" 'BEGIN { if (a > 0 && b > 0) printf "ratio %.2f", a / b }')"
    done
    exit $failed
}

case $action in
    pack) pack "$@" ;;
    run) shift 2; run "$@" ;;
    part) work=$3; shift 3; armature "$@" ;; # one command with a time limit
    *) usage ;;
esac
