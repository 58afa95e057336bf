#!/usr/bin/env python3
"""Armature beside PyTorch: the same workloads in turns, in the same minutes; prints a Markdown table.

    bench/against_torch.py PYTHON TORCH_BENCH.py [--threads 2] [--turns 3] [--executor onnx] [--compile] [NAME ...]

PYTHON is an interpreter that has torch, TORCH_BENCH.py the PyTorch side. A turn runs both sides of one workload one after
the other, each in a fresh process with its own warm-up; a cell is the median over the turns of each process's median run.
With --compile, PyTorch runs a second time with torch.compile, and ratios are against the faster of the two.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ["policy-mlp-infer", "vit-block-infer", "vit-block-train", "gpt2-block-train", "conv3x3-train", "resnet-block-train",
         "convnext-block-train"]


def last_object(command):
    """The JSON object in the last line a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("python")
    a.add_argument("torch_bench")
    a.add_argument("names", nargs="*", metavar="NAME")
    a.add_argument("--threads", default="2")
    a.add_argument("--turns", type=int, default=3)
    a.add_argument("--executor", default="onnx")
    a.add_argument("--compile", action="store_true", help="a second peer: TORCH_BENCH.py --compile")
    a.add_argument("--armature", default=str(ROOT / "armature"), help="the launcher script (default: this repository's)")
    a = a.parse_intermixed_args()  # names may follow options
    peers = {"PyTorch": []} | ({"compiled": ["--compile"]} if a.compile else {})
    print(f"| workload | Armature ms | {' | '.join(p + ' ms' for p in peers)} | Armature / fastest | turns |\n"
          + "|---" * (4 + len(peers)) + "|", flush=True)
    for name in a.names or NAMES:
        ours, theirs, versions = [], {p: [] for p in peers}, []
        for _ in range(a.turns):
            mine = last_object([a.armature, "bench", name, "--json", "--threads", a.threads, "--executor", a.executor])
            ours.append(mine["median_ms"])
            for p, options in peers.items():
                peer = last_object([a.python, a.torch_bench, "--threads", a.threads, *options, name])
                theirs[p].append(peer["median_ms"])
                versions.append(peer["peer"])
        m = statistics.median(ours)
        medians = [statistics.median(t) for t in theirs.values()]
        fastest = list(theirs.values())[medians.index(min(medians))]
        turns = ", ".join(f"{x / y:.2f}" for x, y in zip(ours, fastest))
        print(f"| {name} | {m:.4g} | {' | '.join(f'{p:.4g}' for p in medians)} | {m / min(medians):.2f} | {turns} |", flush=True)
    print(f"\n{a.threads} threads, executor {a.executor}, against {', '.join(dict.fromkeys(versions))}; {a.turns} turns, ratios of"
          " the turns in the last column.")


if __name__ == "__main__":
    main()
