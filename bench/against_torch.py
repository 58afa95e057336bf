#!/usr/bin/env python3
"""Armature beside PyTorch: the same workloads in turns, in the same minutes; prints a Markdown table.

    bench/against_torch.py PYTHON TORCH_BENCH.py [--threads 2] [--turns 3] [--executor onnx] [--compile] [NAME ...]

PYTHON is an interpreter that has torch, TORCH_BENCH.py the PyTorch side. A turn runs both sides of one workload one after
the other, each in a fresh process with its own warm-up; a cell is the median over the turns of each process's median run.
With --compile, PyTorch runs a second time with torch.compile, and ratios are against the faster of the two.

With --paced N all sides of a workload stay, each in its process, and take N turns each in random order: where the machine gives
more in one second than in the next, these ratios tell more than a few turns of whole processes. A turn is --in-a-row K runs (16),
and counts as the median of the second half of them: after another side's turn a side needs some runs to have its data back in
the caches, PyTorch more of them than we. A cell is the median of N turns; the last column has the median of N ratios to the
peer for which it is higher.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ["policy-mlp-infer", "vit-block-infer", "vit-block-train", "gpt2-block-train", "conv3x3-train", "resnet-block-train",
         "convnext-block-train"]


def last_object(command):
    """The JSON object in the last line a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


STEPS = """
import importlib.util, sys, time, torch
spec = importlib.util.spec_from_file_location("torch_bench", sys.argv[1])
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
torch.set_num_threads(int(sys.argv[3]))
torch.manual_seed(0)
make, shape, _, train = bench.WORKLOADS[sys.argv[2]]
model = make()
forward = torch.compile(model) if sys.argv[4:] else model
x = torch.randn(shape, requires_grad=train)
with torch.no_grad():
    cotangent = torch.randn_like(model(x))
def step():
    if not train:
        with torch.no_grad():
            return forward(x)
    x.grad = None
    for p in model.parameters():
        p.grad = None
    forward(x).backward(cotangent)
for _ in range(3):
    step()
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    step()
    print((time.perf_counter() - start) * 1e3, flush=True)
"""


class Side:
    """A process that runs once for each line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        line = self.process.stdout.readline()
        while line.strip() != "ready":
            if not line:
                raise SystemExit(f"{command[0]} ended before it was ready")
            line = self.process.stdout.readline()

    def run(self):
        self.process.stdin.write("\n")
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def paced(a, name, peers):
    """Milliseconds of a run in each turn of each side, ours first."""
    sides = [Side([a.armature, "bench", name, "--paced", "--threads", a.threads, "--executor", a.executor])]
    sides += [Side([a.python, "-c", STEPS, a.torch_bench, name, a.threads, *options]) for options in peers.values()]
    times = [[] for _ in sides]
    for _ in range(a.paced):
        for i in random.sample(range(len(sides)), len(sides)):
            runs = [sides[i].run() for _ in range(a.in_a_row)]
            times[i].append(statistics.median(runs[a.in_a_row // 2:]))
    for s in sides:
        s.close()
    return times


def header(peers, *more):
    cells = ["workload", "Armature ms", *(p + " ms" for p in peers), *more]
    print(f"| {' | '.join(cells)} |\n{'|---' * len(cells)}|", flush=True)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("python")
    a.add_argument("torch_bench")
    a.add_argument("names", nargs="*", metavar="NAME")
    a.add_argument("--threads", default="2")
    a.add_argument("--turns", type=int, default=3)
    a.add_argument("--paced", type=int, default=0, metavar="N", help="turns of a few runs, N of each side")
    a.add_argument("--in-a-row", type=int, default=16, metavar="K", help="runs of such a turn")
    a.add_argument("--executor", default="onnx")
    a.add_argument("--compile", action="store_true", help="a second peer: TORCH_BENCH.py --compile")
    a.add_argument("--armature", default=str(ROOT / "armature"), help="the launcher script (default: this repository's)")
    a = a.parse_intermixed_args()  # names may follow options
    peers = {"PyTorch": []} | ({"compiled": ["--compile"]} if a.compile else {})
    if a.paced:
        header(peers, "Armature / peer")
        for name in a.names or NAMES:
            ours, *theirs = paced(a, name, peers)
            cells = [f"{statistics.median(t):.4g}" for t in (ours, *theirs)]
            ratio = max(statistics.median(x / y for x, y in zip(ours, t)) for t in theirs)
            print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)
        print(f"\n{a.threads} threads, executor {a.executor}, {a.paced} turns of {a.in_a_row} runs of each side.")
        return
    header(peers, "Armature / fastest", "turns")
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
