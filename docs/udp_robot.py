#!/usr/bin/env python3
"""The robot's side of Armature's UDP driver: an example to start from (frame: docs/udp-driver.md).

Joints follow their targets as a first-order lag. When commands stay away for 0.1 s the robot holds.
"""
import argparse
import math
import socket
import struct
import time
import zlib

STATE, COMMAND, VERSION = b"ARMS", b"ARMC", 1


def state_packet(sequence, position, velocity, status=0):
    j = len(position)
    body = struct.pack("<4sBBHqq%dd" % (2 * j), STATE, VERSION, status, j, sequence, time.monotonic_ns(), *position, *velocity)
    return body + struct.pack("<I", zlib.crc32(body))


def parse_command(packet, joints):
    """Returns (mode, sequence, newest state seen, targets), or None for a packet that is not in the frame's form."""
    if len(packet) != 28 + 8 * joints:
        return None
    magic, version, mode, j, sequence, seen = struct.unpack_from("<4sBBHqq", packet)
    (crc,) = struct.unpack_from("<I", packet, len(packet) - 4)
    if magic != COMMAND or version != VERSION or j != joints or crc != zlib.crc32(packet[:-4]):
        return None
    return mode, sequence, seen, struct.unpack_from("<%dd" % joints, packet, 24)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--joints", type=int, default=7)
    p.add_argument("--rate", type=float, default=500, help="state packets a second")
    p.add_argument("--local", default="127.0.0.1:25001", help="where the robot listens")
    p.add_argument("--remote", default="127.0.0.1:25000", help="where Armature listens")
    p.add_argument("--lag", type=float, default=0.02, help="time constant of the joints, seconds")
    p.add_argument("--for", dest="seconds", type=float, default=math.inf)
    a = p.parse_args()
    host, port = a.local.rsplit(":", 1)
    peer_host, peer_port = a.remote.rsplit(":", 1)
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind((host, int(port)))
    wire.setblocking(False)
    peer = (peer_host, int(peer_port))

    position, velocity, target = [0.0] * a.joints, [0.0] * a.joints, None
    heard, follows, lost = -math.inf, 0, 0
    period, start = 1 / a.rate, time.monotonic()
    sequence, due = 0, start
    while time.monotonic() - start < a.seconds:
        try:
            while True:
                command = parse_command(wire.recv(65536), a.joints)
                if command is None:
                    lost += 1
                    continue
                mode, _, _, wanted = command
                target = list(wanted) if mode == 1 else None
                follows += mode
                heard = time.monotonic()
        except (BlockingIOError, ConnectionError):
            pass
        goal = target if target is not None and time.monotonic() - heard < 0.1 else position
        share = 1 - math.exp(-period / a.lag)
        for j in range(a.joints):
            step = share * (goal[j] - position[j])
            velocity[j] = step / period
            position[j] += step
        try:
            wire.sendto(state_packet(sequence, position, velocity), peer)
        except ConnectionError:
            pass
        sequence += 1
        due += period
        time.sleep(max(0.0, due - time.monotonic()))
    print("states %d commands %d bad %d position %s" % (sequence, follows, lost, " ".join("%.4f" % x for x in position)))


if __name__ == "__main__":
    main()
