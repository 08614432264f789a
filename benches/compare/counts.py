"""Instructions and system calls for a request: nothing else on a machine disturbs them, so they are
held against limits that are kept with the source."""

import json
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from contestants import HERE

LIMITS = HERE / "limits.json"
# Requests whose system calls are counted, and before them those that open connections.
TRACED, WARM = 2000, 200


def instructions(edge, run):
    """For each `counted` function of `benches/edge.rs`, by callgrind: user space alone."""
    out = Path(run) / "callgrind"
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=*::counted::*", f"--callgrind-out-file={out}"]
    done = subprocess.run([*command, edge, "--bench", "count"], capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise SystemExit(f"callgrind failed:\n{done.stderr[-2000:]}")
    counts = inclusive(out.read_text(), int(done.stdout.split()[0]))
    if not counts:
        raise SystemExit("callgrind counted nothing")
    return counts


def inclusive(profile, requests):
    """What calls of `counted` functions cost with all below them. A name stands in full where it is
    met first, and by its number afterwards; a call is followed by where it is and what it cost."""
    names, called, counts = {}, None, {}
    lines = iter(profile.splitlines())
    for line in lines:
        if found := re.match(r"c?fn=\((\d+)\)(?: (.+))?$", line):
            if found[2]:
                names[found[1]] = found[2]
            called = names[found[1]] if line.startswith("c") else called
        elif line.startswith("calls="):
            function = re.search(r"::counted::(\w+)$", called)
            cost = int(next(lines).split()[-1])
            if function:
                counts[function[1]] = round(cost / requests)
    return counts


def system_calls(one):
    """Of a running proxy and all its threads, on one kept connection, by strace."""
    heads = _heads(one.file)
    with socket.create_connection(("127.0.0.1", one.port), 5) as wire:
        wire.settimeout(60)
        _ask(wire, heads, WARM)
        out = one.house.run / f"strace.{one.name}"
        tracer = subprocess.Popen(
            ["strace", "-c", "-f", "-o", out, "-p", str(one.process.pid)], stderr=subprocess.PIPE, text=True
        )
        try:
            _attached(tracer, one.process.pid)
            _ask(wire, heads, TRACED)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
    calls = {}
    for line in out.read_text().splitlines():
        cells = line.split()
        # A clock's thread sleeps by the time, not by requests.
        if len(cells) >= 5 and cells[3].isdigit() and cells[-1] not in ("total", "clock_nanosleep"):
            calls[cells[-1]] = int(cells[3])
    return round(sum(calls.values()) / TRACED, 2), {name: count / TRACED for name, count in calls.items()}


def _attached(tracer, pid):
    """Waits until every thread is traced."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        states = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
        if all(f"TracerPid:\t{tracer.pid}\n" in state for state in states):
            return
        if tracer.poll() is not None:
            raise SystemExit(f"strace failed: {tracer.stderr.read()}")
        time.sleep(0.05)
    raise SystemExit("strace did not take hold of every thread")


def _heads(file):
    text = file.read_bytes()
    return [head + b"\r\n\r\n" for head in text.split(b"\r\n\r\n") if head]


def _ask(wire, heads, count):
    for number in range(count):
        wire.sendall(heads[number % len(heads)])
        answer = b""
        while not (found := re.search(rb"(?i)\r\ncontent-length: *(\d+)(?s:.*?)\r\n\r\n", answer)) or len(
            answer
        ) < found.end() + int(found[1]):
            some = wire.recv(65536)
            if not some:
                raise SystemExit("a proxy closed a kept connection")
            answer += some
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"a proxy answered {answer[:40]}")


def judge(counts, profile):
    """Prints counts beside the limits of builds of this kind; whether all are kept."""
    kept = json.loads(LIMITS.read_text()) if LIMITS.exists() else {}
    if profile not in kept:
        raise SystemExit(f"no limits are kept for {profile}: {counts}\nKeep them with --keep-counts.")
    slack, good, kept = kept["slack"], True, kept[profile]
    for kind, found in counts.items():
        print(f"\n{kind} a request".replace("_", " "))
        for name, count in found.items():
            limit = kept[kind].get(name)
            if limit is None:
                verdict, good = "no limit is kept for it", False
            elif count > limit * (1 + slack):
                # What bare pingora costs is what ours is compared with, and no limit of ours.
                verdict, good = f"over {limit:,} by more than {slack:.0%}", good and name.startswith("bare")
            elif count < limit * (1 - slack):
                verdict = f"under {limit:,} by more than {slack:.0%}: the limit may be lowered"
            else:
                verdict = f"kept ({limit:,})"
            print(f"  {name:26} {count:>10,}  {verdict}")
        for name in kept[kind].keys() - found.keys():
            print(f"  {name:26}          -  was not counted")
            good = False
    return good


def keep(counts, profile):
    kept = json.loads(LIMITS.read_text()) if LIMITS.exists() else {"slack": 0.03}
    LIMITS.write_text(json.dumps(kept | {profile: counts}, indent=2) + "\n")
