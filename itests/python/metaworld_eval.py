"""Judges a served policy by Meta-World through openpi's protocol.

    python -m venv v && v/bin/pip install openpi-client==0.1.2 typing_extensions metaworld==3.1.1 mujoco==3.3.0 gymnasium==1.4.0 packaging
    ./armature serve metaworld --port 8000 &
    v/bin/python itests/python/metaworld_eval.py --port 8000

Prints a JSON object: successes of each task, their mean and least share. The demonstrations are of seed 1; the default seed
here is another, whose goals are others. A request carries observation/state float32 [39] and prompt; 5 actions of an answer
are executed before the next request.
"""

import argparse
import json
import warnings

import gymnasium as gym
import metaworld  # noqa: F401  (registers the environments)
import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy

TASKS = {
    "reach-v3": "reach",
    "push-v3": "push",
    "drawer-open-v3": "drawer open",
    "button-press-topdown-v3": "button press topdown",
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, default=8000)
    p.add_argument("--episodes", type=int, default=20)
    p.add_argument("--seed", type=int, default=100)
    p.add_argument("--steps", type=int, default=300, help="longest episode")
    p.add_argument("--execute", type=int, default=5)
    p.add_argument("--tasks", nargs="*", default=list(TASKS))
    a = p.parse_args()
    warnings.filterwarnings("ignore")
    policy = WebsocketClientPolicy(a.host, a.port)
    successes = {}
    for task in a.tasks:
        env = gym.make("Meta-World/MT1", env_name=task, seed=a.seed)
        won = 0
        for _ in range(a.episodes):
            state, _ = env.reset()
            plan = []
            for _ in range(a.steps):
                if not plan:
                    answer = policy.infer(
                        {"observation/state": state.astype(np.float32), "prompt": TASKS[task]}
                    )
                    plan = list(answer["actions"][: a.execute])
                state, _, _, truncated, info = env.step(plan.pop(0).astype(np.float32))
                if info["success"] > 0:
                    won += 1
                    break
                if truncated:
                    break
        successes[task] = won
        env.close()
    shares = [w / a.episodes for w in successes.values()]
    print(json.dumps({"episodes": a.episodes, "seed": a.seed, "successes": successes,
                      "mean": sum(shares) / len(shares), "least": min(shares)}))


if __name__ == "__main__":
    main()
