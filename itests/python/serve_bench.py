"""Round trips of 4 openpi clients at once, each a process, with LIBERO-sized requests (two 224x224 images, 301 kB).

    ./armature serve metaworld --port 8000 &
    python itests/python/serve_bench.py --port 8000    # Armature
    python itests/python/serve_bench.py --peer         # a Python server of the same network's size, see serve()

The peer follows the official server's loop (asyncio, websockets, openpi_client.msgpack_numpy, policy inside the loop); the
official class itself is not on PyPI.
"""

import argparse
import asyncio
import json
import multiprocessing as mp
import time

import numpy as np


def serve(port):
    import websockets.asyncio.server as ws
    from openpi_client import msgpack_numpy

    rng = np.random.default_rng(0)
    layers = [rng.normal(size=s).astype(np.float32) for s in [(17, 128), (128, 128), (128, 20)]]

    def infer(observation):
        x = np.concatenate([observation["observation/state"][:10], np.zeros(7, np.float32)])
        for w in layers:
            x = np.tanh(x @ w)
        return {"actions": x.reshape(5, 4)}

    async def handle(socket):
        packer = msgpack_numpy.Packer()
        await socket.send(packer.pack({}))
        try:
            while True:
                await socket.send(packer.pack(infer(msgpack_numpy.unpackb(await socket.recv()))))
        except Exception:
            return

    async def run():
        async with ws.serve(handle, "127.0.0.1", port, compression=None, max_size=None):
            await asyncio.get_running_loop().create_future()

    asyncio.run(run())


def client(port, n, out):
    from openpi_client.websocket_client_policy import WebsocketClientPolicy

    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    request = {"observation/image": image, "observation/wrist_image": image,
               "observation/state": rng.normal(size=39).astype(np.float32), "prompt": "drawer open"}
    policy = WebsocketClientPolicy("127.0.0.1", port)
    for _ in range(50):
        policy.infer(request)
    times = []
    for _ in range(n):
        t = time.perf_counter()
        policy.infer(request)
        times.append(1e3 * (time.perf_counter() - t))
    out.put(times)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, default=8000)
    p.add_argument("--peer", action="store_true")
    p.add_argument("--clients", type=int, default=4)
    p.add_argument("--calls", type=int, default=300)
    a = p.parse_args()
    server = None
    if a.peer:
        a.port = 18999
        server = mp.Process(target=serve, args=(a.port,), daemon=True)
        server.start()
        time.sleep(2)
    out = mp.Queue()
    clients = [mp.Process(target=client, args=(a.port, a.calls, out)) for _ in range(a.clients)]
    [c.start() for c in clients]
    t = np.concatenate([out.get() for _ in clients])
    [c.join() for c in clients]
    if server:
        server.terminate()
    print(json.dumps({"server": "python" if a.peer else "armature", "clients": a.clients, "calls": len(t),
                      "p50_ms": float(np.percentile(t, 50)), "p99_ms": float(np.percentile(t, 99))}))


if __name__ == "__main__":
    main()
