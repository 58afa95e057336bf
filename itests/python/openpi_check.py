"""Drives a served metaworld policy with the real openpi-client: answers, several clients, wrong input, reconnection."""

import sys
import threading

import numpy as np
from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.websocket_client_policy import WebsocketClientPolicy

port = int(sys.argv[1])
state = np.linspace(-0.2, 0.8, 39).astype(np.float32)
image = np.zeros((224, 224, 3), np.uint8)
request = {"observation/state": state, "observation/image": image, "prompt": "open the drawer"}


def connect():
    return WebsocketClientPolicy("127.0.0.1", port)


first = connect()
assert first.get_server_metadata()["action_dim"] == 4, first.get_server_metadata()
expected = first.infer(request)["actions"]
assert expected.shape == (5, 4) and np.abs(expected).max() <= 1, expected
assert not np.allclose(expected, first.infer({**request, "prompt": "reach"})["actions"])
broker = ActionChunkBroker(connect(), 5)
assert np.allclose([broker.infer(request)["actions"] for _ in range(5)], expected)

# Several at once: batched or not, everybody gets the answer to his own question.
wrong = []


def drive(i):
    mine = {**request, "observation/state": state + np.float32(0.01 * i)}
    p = connect()
    answers = [p.infer(mine)["actions"] for _ in range(50)]
    if not all(np.allclose(a, answers[0], atol=1e-5) for a in answers):
        wrong.append(i)
    if i == 0 and not np.allclose(answers[0], expected, atol=1e-5):
        wrong.append(i)


threads = [threading.Thread(target=drive, args=(i,)) for i in range(6)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not wrong, wrong

for bad, said in [
    ({**request, "observation/state": state[:38]}, "observation/state"),
    ({"prompt": "reach"}, "observation/state"),
    ({**request, "prompt": "dance"}, "reach"),
    ({**request, "observation/state": np.full(39, np.nan, np.float32)}, "observation/state[0] is NaN"),
]:
    client = connect()
    try:
        client.infer(bad)
        raise AssertionError(f"accepted: {said}")
    except RuntimeError as e:
        assert said in str(e), str(e)
    assert np.allclose(first.infer(request)["actions"], expected), "a neighbour was disturbed"
    assert np.allclose(connect().infer(request)["actions"], expected), "no new connection"
print("ok")
