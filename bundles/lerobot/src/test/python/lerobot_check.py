"""Opens a dataset of ours with pyarrow by LeRobot's rules, and writes one by LeRobot's conventions for us to read."""
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ours, theirs = sys.argv[1:]

info = json.load(open(f"{ours}/meta/info.json"))
assert info["codebase_version"] == "v3.0" and info["total_episodes"] == 2 and info["total_frames"] == 11
data = pq.read_table(f"{ours}/data/chunk-000/file-000.parquet")
expected = {"bool": pa.bool_(), "float32": pa.float32(), "int64": pa.int64()}
for name, f in info["features"].items():
    t = data.schema.field(name).type
    if f["dtype"] == "image":
        assert t == pa.struct([("bytes", pa.binary()), ("path", pa.string())]), (name, t)
    elif f["shape"] == [1]:
        assert t == expected[f["dtype"]], (name, t)
    else:
        assert pa.types.is_list(t) and t.value_type == expected[f["dtype"]], (name, t)
        # what the loader does with it
        data.column(name).cast(pa.list_(t.value_type, f["shape"][0]))
rows = data.to_pylist()
assert len(rows) == 11
assert rows[8]["observation.state"] == [1.0, 1.0, -1.0] and rows[8]["episode_index"] == 1 and rows[8]["index"] == 8
assert rows[6]["next.done"] is True and rows[5]["next.done"] is False
assert rows[3]["observation.images.front"]["bytes"][:4] == b"\x89PNG"
assert abs(rows[6]["timestamp"] - 0.6) < 1e-6
episodes = pq.read_table(f"{ours}/meta/episodes/chunk-000/file-000.parquet").to_pylist()
assert [(e["dataset_from_index"], e["dataset_to_index"], e["tasks"]) for e in episodes] == [
    (0, 7, ["put the red cube in the blue bowl"]), (7, 11, ["wait"])]
assert episodes[0]["stats/action/mean"] == [3.5, 0.0] and episodes[0]["stats/action/count"] == [7]
tasks = pq.read_table(f"{ours}/meta/tasks.parquet")
assert tasks.schema.pandas_metadata["index_columns"] == ["task"]
assert tasks.to_pylist() == [{"task_index": 0, "task": "put the red cube in the blue bowl"}, {"task_index": 1, "task": "wait"}]
stats = json.load(open(f"{ours}/meta/stats.json"))
assert stats["observation.state"]["max"] == [1.0, 6.0, 0.0]
assert len(stats["observation.images.front"]["mean"]) == 3 and stats["observation.images.front"]["mean"][0][0][0] >= 0

n = 9
os.makedirs(f"{theirs}/data/chunk-000")
os.makedirs(f"{theirs}/meta/episodes/chunk-000")
states = [[float(i), i + 0.25] for i in range(n)]
episode = [0] * 5 + [1] * 4
frame = list(range(5)) + list(range(4))
table = pa.table({
    "observation.state": pa.array(states, pa.list_(pa.float32(), 2)),
    "action": pa.array(states, pa.list_(pa.float32(), 2)),
    "timestamp": pa.array([k / 30 for k in frame], pa.float32()),
    "frame_index": pa.array(frame, pa.int64()),
    "episode_index": pa.array(episode, pa.int64()),
    "index": pa.array(range(n), pa.int64()),
    "task_index": pa.array(episode, pa.int64()),
})
pq.write_table(table, f"{theirs}/data/chunk-000/file-000.parquet", compression="snappy", use_dictionary=True)
pq.write_table(pa.table({
    "episode_index": pa.array([0, 1], pa.int64()),
    "tasks": pa.array([["lift"], ["drop"]], pa.list_(pa.string())),
    "length": pa.array([5, 4], pa.int64()),
    "data/chunk_index": pa.array([0, 0], pa.int64()),
    "data/file_index": pa.array([0, 0], pa.int64()),
    "dataset_from_index": pa.array([0, 5], pa.int64()),
    "dataset_to_index": pa.array([5, 9], pa.int64()),
    "stats/action/mean": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64())),
}), f"{theirs}/meta/episodes/chunk-000/file-000.parquet", compression="snappy", use_dictionary=True)
pq.write_table(pa.table({
    "task_index": pa.array([0, 1], pa.int64()),
    "__index_level_0__": pa.array(["lift", "drop"]),
}), f"{theirs}/meta/tasks.parquet")
vector = {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}}
json.dump({
    "codebase_version": "v3.0", "robot_type": "so101", "total_episodes": 2, "total_frames": n, "total_tasks": 2,
    "chunks_size": 1000, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200, "fps": 30,
    "splits": {"train": "0:2"}, "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": None,
    "features": {
        "observation.state": vector, "action": vector,
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{k: {"dtype": "int64", "shape": [1], "names": None}
           for k in ("frame_index", "episode_index", "index", "task_index")},
    },
}, open(f"{theirs}/meta/info.json", "w"))
print("ok")
