"""What is measured: processor time by the scheduler's own accounts, memory, load."""

import json
import os
import random
import re
import subprocess
import time
from pathlib import Path

from contestants import HERE, OTHER_CORE, tree


def processor_times(pid):
    """What each thread of a process, and of all below it, has had of the processor; in nanoseconds."""
    times = {}
    for one in tree(pid):
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                times[one, task] = int(Path(f"/proc/{one}/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            pass
    return times


def seconds_since(before, pid):
    """What they have had since then. A thread that ended meanwhile, such as one that had nothing to do for
    long, takes what it had before with it: that is not to be subtracted."""
    times = processor_times(pid)
    return sum(now - before.get(task, 0) for task, now in times.items()) / 1e9


def memory_mib(pid):
    """Proportional set size: pages that processes share count once."""
    kilobytes = 0
    for one in tree(pid):
        try:
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
        except OSError:
            continue
        kilobytes += int(found[1]) if found else 0
    return kilobytes / 1024


def on_other_core(*command, timeout):
    done = subprocess.run(
        ["taskset", "-c", str(OTHER_CORE), *map(str, command)],
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-1000:]}")
    return done.stdout


def wrk(one, connections, seconds):
    said = on_other_core(
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30s", "-s", HERE / "conf/requests.lua",
        f"http://127.0.0.1:{one.port}/", "--", one.file, timeout=seconds + 60,
    )  # fmt: skip
    if failed := re.search(r"(Socket errors|Non-2xx).*", said):
        raise SystemExit(f"{one.name}: {failed[0]}")
    answers = int(re.search(r"(\d+) requests in", said)[1])
    return answers, float(re.search(r"Requests/sec: +([\d.]+)", said)[1])


def load(one, connections, seconds, rate=None):
    """Our own loader: HTTP/2 for those behind TLS, and a fixed rate. With what it tells, the processor
    time that the proxy took since connections were open."""
    command = [
        "taskset", "-c", OTHER_CORE, one.house.programs["compare"], "load", "--to", f"127.0.0.1:{one.port}",
        "--requests", one.file, "--connections", connections, "--seconds", seconds,
    ]  # fmt: skip
    if one.tls:
        command += ["--authority", one.house.data.file("ca.pem")]
    if rate:
        command += ["--rate", rate]
    loader = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        loader.stdout.readline()
        before, begun = processor_times(one.process.pid), time.monotonic()
        told, failed = loader.communicate(timeout=seconds + 60)
        spent, lasted = seconds_since(before, one.process.pid), time.monotonic() - begun
    finally:
        loader.kill()
    if loader.returncode:
        raise SystemExit(f"the loader failed at {one.name}: {failed[-1000:]}")
    said = json.loads(told)
    if not said["answers"]:
        raise SystemExit(f"{one.name} answered nothing in {seconds} s")
    if said["failures"]:
        raise SystemExit(f"{one.name}: {said['failures']} of {said['answers']} requests failed")
    return said | {"cpu": spent / said["answers"] * 1e5, "busy": spent / lasted}


def run_once(one, connections, seconds):
    if one.tls:
        said = load(one, connections, seconds)
        cpu, busy, rate = said["cpu"], said["busy"], said["answers"] / seconds
    else:
        before, begun = processor_times(one.process.pid), time.monotonic()
        answers, rate = wrk(one, connections, seconds)
        spent, lasted = seconds_since(before, one.process.pid), time.monotonic() - begun
        cpu, busy = spent / answers * 1e5, spent / lasted
    return {"contestant": one.name, "connections": connections, "cpu": cpu, "rate": rate, "busy": busy}


def run_at_rate(one, connections, seconds, rate):
    said = load(one, connections, seconds, rate)
    told = {name: said[name] for name in ("cpu", "p50", "p99")}
    return {"contestant": one.name, "rate": rate, "connections": connections, **told}


def rounds(contestants, settings, tell):
    """All of them, again and again, each time in another order: what else the machine does falls on
    all alike."""
    results = {"closed": [], "open": [], "memory": {}}
    for one in contestants:
        run_once(one, settings.connections[-1], 1)
    for number in range(settings.rounds):
        order = random.Random(number).sample(contestants, len(contestants))
        for connections in settings.connections:
            for one in order:
                result = run_once(one, connections, settings.seconds)
                results["closed"].append({"round": number, **result})
                tell(f"round {number + 1}, {connections} connections: {one.name} {result['cpu']:.2f} s")
        for one in order:
            result = run_at_rate(one, settings.rate_connections, settings.rate_seconds, settings.rate)
            results["open"].append({"round": number, **result})
            tell(f"round {number + 1}, {settings.rate} a second: {one.name} {result['p50']} µs, {result['p99']} µs")
    for one in contestants:
        results["memory"][one.name] = memory_mib(one.process.pid)
    return results
