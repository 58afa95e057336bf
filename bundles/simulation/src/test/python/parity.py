"""Steps the scene 1,000 times with MuJoCo's own binding, as MujocoLibraryTest does, and prints the seven joint angles."""
import sys

import mujoco

if mujoco.__version__ != "4.0.0":
    sys.exit("mujoco 4.0.0 is needed")
model = mujoco.MjModel.from_xml_path(sys.argv[1])
data = mujoco.MjData(model)
start = [float(x) for x in sys.argv[2].split(",")]
data.qpos[:] = start
home = start[:7] + [start[7] + start[8]]
data.ctrl[:] = home
mujoco.mj_forward(model, data)
for i in range(1000):
    data.ctrl[1] = home[1] + 0.2 * i / 1000
    mujoco.mj_step(model, data)
for x in data.qpos[:7]:
    print(repr(float(x)))
