"""What was measured as a table, as a plot, and as a page with both."""

import os
import platform
import re
import statistics
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

from contestants import ALL

ROWS = {one.name: one for one in ALL}


def machine():
    """The machine by what matters of it; never its name."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 1024 / 1024
    system = re.search(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text(), re.M)
    virtual = ", virtual" if "hypervisor" in text else ""
    return (
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores{virtual}, {memory:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, {system[1] if system else 'an unknown system'}"
    )


def versions(programs):
    def first(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        return found[0] if found else "?"

    lock = Path(__file__).parents[2].joinpath("Cargo.lock").read_text()
    pingora = re.search(r'name = "pingora"\nversion = "([^"]+)"', lock)[1]
    found = {"pingora": pingora, "nginx": first("nginx", "-v"), "HAProxy": first("haproxy", "-v")}
    if "envoy" in programs:
        found["Envoy"] = re.search(r"/(\d+\.\d+\.\d+)/", subprocess.run(
            [programs["envoy"], "--version"], capture_output=True, text=True, timeout=30).stdout)[1]  # fmt: skip
    return found


class Results:
    def __init__(self, raw):
        self.raw = raw
        seen = {one["contestant"] for one in raw["closed"]}
        self.names = [name for name in ROWS if name in seen]
        self.connections = sorted({one["connections"] for one in raw["closed"]})
        self.middle = 64 if 64 in self.connections else self.connections[-1]

    def closed(self, name, connections, what):
        """By round."""
        return {
            one["round"]: one[what]
            for one in self.raw["closed"]
            if (one["contestant"], one["connections"]) == (name, connections)
        }

    def cpu(self, name, connections):
        return statistics.median(self.closed(name, connections, "cpu").values())

    def ratio(self, name, connections):
        """The median of the ratios to bare pingora, each of one round."""
        base = self.closed(ROWS[name].base, connections, "cpu")
        own = self.closed(name, connections, "cpu")
        ratios = [own[number] / base[number] for number in own if base.get(number)]
        return statistics.median(ratios) if ratios else None

    def open(self, name, what):
        return statistics.median(one[what] for one in self.raw["open"] if one["contestant"] == name)


def number(value):
    return f"{value:,.0f}"


def table(results):
    shown = results.connections
    heads = [f"CPU s, {count} conn." for count in shown] + [f"× bare, {count}" for count in shown]
    heads += [f"requests/s, {results.middle}", "p50", "p99", "memory MiB"]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(heads)]
    for sessions in (False, True):
        lines.append(f"| *{'session work' if sessions else 'passes on'}* |" + " |" * len(heads))
        for name in results.names:
            if ROWS[name].sessions != sessions:
                continue
            cells = [f"{results.cpu(name, count):.2f}" for count in shown]
            ratios = [results.ratio(name, count) for count in shown]
            cells += ["" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
            rate = statistics.median(results.closed(name, results.middle, "rate").values())
            cells += [number(rate), f"{results.open(name, 'p50') / 1000:.2f} ms"]
            cells += [f"{results.open(name, 'p99') / 1000:.2f} ms", number(results.raw["memory"][name])]
            lines.append(f"| {ROWS[name].title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results):
    raw = results.raw
    named = ", ".join(f"{name} {version}" for name, version in raw["versions"].items())
    return f"""# Beside other proxies

What a request costs here, in bare pingora, and in proxies that one would put in front of a store instead: nginx,
HAProxy and Envoy, each passing on and each doing a session's work. This page is written by `make bench-compare`.

![Processor time for a request at {results.middle} connections, and its latency at a fixed rate, for each proxy.](images/compare.svg)

{table(results)}

Measured on {raw["machine"]}, with {named}. A difference of a tenth may be the machine's: other work on it
falls on all alike, but not evenly.

## What the numbers are

| | |
|---|---|
| CPU s | processor time that the proxy took for 100,000 requests, the kernel's share included, by the scheduler's accounts of all its threads and processes. 1 s is 10 µs a request. Median of {raw["rounds"]} rounds |
| × bare | the same by bare pingora's in the same round, by the median of the rounds; rows with TLS are beside bare pingora with TLS |
| requests/s | as many as the one worker answers at {results.middle} connections that ask again at once. The origin and the loader share the other core, so for the quickest proxies, and for HTTP/2, this is their limit and not the proxy's |
| p50, p99 | from the moment at which a request was due to its last byte, at {number(raw["rate"])} requests a second on {raw["rate_connections"]} connections |
| memory | proportional set size after the last round. Rows with TLS are the same process as those without |

## What is compared

- Everybody has one worker on one core. The origin, an nginx that returns 1 KB, and the loader are on the other. All is
  on loopback, connections are kept on both sides, nobody writes an access log.
- Requests are those of {number(raw["shoppers"])} shoppers out of {number(raw["sessions"])} sessions: {raw["cookie_bytes"]} bytes of cookies with a login token of
  {raw["login_bytes"]} bytes, the link of a campaign with ten parameters, a browser's headers.
- Session work is this: find the cookie, verify its signature (HMAC with SHA-256), look its session up among
  {number(raw["sessions"])}, read the login token and seven query parameters, set eight headers for the origin, and remove what a client sent
  under their names. Before anything is measured, each is asked to prove it: the origin has to see the eight values,
  and none of them when one letter of the signature is another.

| | how it does that |
|---|---|
| bare pingora | not at all: a proxy of thirty lines with this program's allocator, build profile (that of its packages) and dependencies |
| Vestibule | sessions made by {number(raw["sessions"])} first visits through the proxy itself, which took {raw["filled_in"]:.0f} s: the shoppers above are logged in, with 25 values each, the others are anonymous, each by a campaign of their own. In memory |
| nginx with Lua | LuaJIT: HMAC by OpenSSL through the FFI, sessions as JSON of 25 values in a shared dictionary, a checksum of what the request says beside the one in its session |
| HAProxy with a map | no Lua: its own converters verify, find and cut; sessions are their eight values alone. What the request says is read and compared with nothing |
| Envoy with Lua | SHA-256 written in Lua, since its filter has none; sessions are their eight values, in a table |
| Envoy with jwt_authn | no sessions: a signed token in the cookie holds the eight values, which cannot be changed or ended |

Only Vestibule would also notice anything new and do something about it. What the others leave out is theirs to save here.

## Again

```sh
make bench-compare                    # as above: some 25 minutes on two idle cores, 8 GB of memory, 2 GB of disk
make bench-compare COMPARE=--quick    # ten thousand sessions and short runs; prints the table, keeps no page
make counts                           # instructions and system calls a request, against their limits
```
"""


# The plot.

LEFT, BAR, STEP, TOP = 262, 16, 30, 86
# Behind each plot there is room for what is written beside its longest bar.
PLOT, ROOM = 300, 140
STYLE = """
.card{fill:#fbfaf7}.axis{stroke:#8a8f98;stroke-width:1}.grid{stroke:#dfe0dc;stroke-width:1}
.plain{fill:#b9bec6}.work{fill:#8e99d8}.own{fill:#3f7d58}.range{stroke:#23262b;stroke-width:1.4;opacity:.65}
.tail{stroke-width:4;stroke-linecap:round}.tail.plain{stroke:#b9bec6}.tail.work{stroke:#8e99d8}.tail.own{stroke:#3f7d58}
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#23262b}
.small{font-size:11px;fill:#5b5f66}.bold{font-weight:600}.mid{text-anchor:middle}.end{text-anchor:end}
@media (prefers-color-scheme:dark){.card{fill:#1d2126}.axis{stroke:#6d7580}.grid{stroke:#333941}
.plain{fill:#5d6570}.work{fill:#6873c4}.own{fill:#6fb58b}.range{stroke:#e9ebee}
.tail.plain{stroke:#5d6570}.tail.work{stroke:#6873c4}.tail.own{stroke:#6fb58b}
text{fill:#e9ebee}.small{fill:#b3bac4}}
"""


def ticks(most):
    """Round numbers up to the first that is not less than the most."""
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if most / size <= 6)
    return [step * count for count in range(int(most / step) + 2) if step * (count - 1) < most]


class Axis:
    def __init__(self, left, most):
        self.left, self.ticks = left, ticks(most)

    def at(self, value):
        return round(self.left + PLOT * value / self.ticks[-1], 1)

    def draw(self, bottom, unit):
        for tick in self.ticks:
            yield f'<path class="{"grid" if tick else "axis"}" d="M{self.at(tick)} {TOP - 12}V{bottom}"/>'
            label = f"{tick} {unit}" if tick == self.ticks[-1] else f"{tick}"
            yield f'<text class="small mid" x="{self.at(tick)}" y="{bottom + 16}">{label}</text>'


def kind(name):
    if name.startswith("vestibule"):
        return "own"
    return "work" if ROWS[name].sessions else "plain"


def plot(results):
    names = sorted(results.names, key=lambda name: (ROWS[name].sessions, results.cpu(name, results.middle)))
    costs = {name: [s * 10 for s in results.closed(name, results.middle, "cpu").values()] for name in names}
    waits = {name: (results.open(name, "p50") / 1000, results.open(name, "p99") / 1000) for name in names}
    cost = Axis(LEFT, max(max(of) for of in costs.values()))
    wait = Axis(LEFT + PLOT + ROOM, max(p99 for _, p99 in waits.values()))
    groups = 2 if len({ROWS[name].sessions for name in names}) == 2 else 1
    bottom = TOP + STEP * len(names) + 26 * (groups - 1) + 8
    height, width = bottom + 62, LEFT + 2 * (PLOT + ROOM)
    out = list(cost.draw(bottom, "µs")) + list(wait.draw(bottom, "ms"))
    y = TOP
    for place, name in enumerate(names):
        if place and ROWS[name].sessions != ROWS[names[place - 1]].sessions:
            y += 26
        out += row(name, y, (costs[name], cost, results.ratio(name, results.middle)), (waits[name], wait))
        y += STEP
    legend = [("plain", "passes on"), ("work", "session work"), ("own", "Vestibule, session work")]
    for place, (shade, text) in enumerate(legend):
        x = LEFT + 150 * place
        out.append(f'<rect class="{shade}" x="{x}" y="{bottom + 32}" width="12" height="12" rx="2"/>')
        out.append(f'<text class="small" x="{x + 18}" y="{bottom + 42}">{text}</text>')
    described = "; ".join(
        f"{plain(name)}: {statistics.median(costs[name]):.0f} µs, p50 {waits[name][0]:.2f} ms, p99 {waits[name][1]:.2f} ms"
        for name in names
    )
    rate = number(results.raw["rate"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="t d">\n<title id="t">What a request costs in each proxy</title>\n'
        f'<desc id="d">{escape(described)}.</desc>\n<style>{STYLE}</style>\n'
        f'<rect class="card" width="{width}" height="{height}" rx="10"/>\n'
        f'<text class="bold" x="{LEFT}" y="32">Processor time for a request</text>'
        f'<text class="small" x="{LEFT}" y="50">{results.middle} connections, one worker; line: least to most of the rounds</text>\n'
        f'<text class="bold" x="{wait.left}" y="32">Latency, p50 to p99</text>'
        f'<text class="small" x="{wait.left}" y="50">at {rate} requests a second; medians of the rounds</text>\n'
        + "\n".join(out)
        + "\n</svg>\n"
    )


def plain(name):
    return ROWS[name].title.replace("*", "")


def row(name, y, cost, wait):
    spent, axis, ratio = cost
    (p50, p99), waits = wait
    middle, centre = statistics.median(spent), y + BAR / 2
    weight = " bold" if kind(name) == "own" else ""
    yield f'<text class="end{weight}" x="{LEFT - 10}" y="{centre + 4.5}">{escape(plain(name))}</text>'
    length = round(axis.at(middle) - LEFT, 1)
    yield f'<rect class="{kind(name)}" x="{LEFT}" y="{y}" width="{length}" height="{BAR}" rx="2"/>'
    low, high = axis.at(min(spent)), axis.at(max(spent))
    yield f'<path class="range" d="M{low} {centre}H{high}M{low} {centre - 3}v6M{high} {centre - 3}v6"/>'
    bare = "bare with TLS" if ROWS[name].tls else "bare"
    text = f"{middle:.0f} µs" + (f", {ratio:.2f} × {bare}" if ratio and name != ROWS[name].base else "")
    yield f'<text class="small" x="{max(high, axis.at(middle)) + 7}" y="{centre + 4}">{text}</text>'
    begin, end = waits.at(p50), waits.at(p99)
    yield f'<path class="tail {kind(name)}" d="M{begin} {centre}H{end}"/>'
    yield f'<circle class="{kind(name)}" cx="{begin}" cy="{centre}" r="5"/>'
    yield f'<text class="small" x="{end + 9}" y="{centre + 4}">{p50:.2f} to {p99:.1f} ms</text>'
