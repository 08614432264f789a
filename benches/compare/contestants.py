"""Who takes part: how each is started, checked and ended. Each has one worker, on a core of its own."""

import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import data

HERE = Path(__file__).parent
# The first two cores that there are for us; where there is one alone, it is both.
CORES = sorted(os.sched_getaffinity(0))[:2]
PROXY_CORE, OTHER_CORE = CORES[0], CORES[-1]
# Filling a dictionary with a million sessions takes a while before anything listens.
START_SECONDS = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(pid):
    """A process and all below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found, left = [], [pid]
    while left:
        one = left.pop()
        found.append(one)
        left += children.get(one, [])
    return found


class Process:
    """Something that was started here, and is ended here."""

    def __init__(self, name, command, core, log):
        self.name = name
        with open(log, "wb") as out:
            self.child = subprocess.Popen(
                ["taskset", "-c", str(core), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.log = Path(log)

    @property
    def pid(self):
        return self.child.pid

    def wait_for(self, port):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.child.poll() is not None:
                raise SystemExit(f"{self.name} ended at its start:\n{self.log.read_text(errors='replace')[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} does not listen after {START_SECONDS} s")

    def end(self):
        if self.child.poll() is not None:
            return
        everybody = tree(self.pid)
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        for pid in everybody[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


class House:
    """Everything that runs in one comparison: the origin, the contestants, their files."""

    def __init__(self, programs, data_of, run):
        self.programs, self.data, self.run = programs, data_of, Path(run)
        self.run.mkdir(parents=True, exist_ok=True)
        self.processes = []
        self.origin_port = free_port()

    def template(self, name, **more):
        """A configuration with its places filled in, as a file of this run."""
        words = {
            "conf": HERE / "conf", "data": self.data.folder.resolve(), "run": self.run.resolve(),
            "origin": self.origin_port, "page": ("x" * 63 + " ") * 16, **more,
        }  # fmt: skip
        text = (HERE / "conf" / name).read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        return text

    def configure(self, template, name=None, **more):
        path = self.run / (name or template)
        path.write_text(self.template(template, **more))
        return path.resolve()

    def start(self, name, command, core):
        process = Process(name, command, core, self.run / f"{name}.out")
        self.processes.append(process)
        return process

    def start_origin(self):
        origin = self.start("origin", ["nginx", "-c", self.configure("origin.conf")], OTHER_CORE)
        origin.wait_for(self.origin_port)

    def end(self):
        for process in reversed(self.processes):
            process.end()
        self.processes.clear()


class Contestant:
    """One row of the table. `sessions` tells whether it does a session's work; `base` is whom it is
    compared with."""

    requests = "requests"
    sessions = False
    tls = False
    base = "bare"

    def __init__(self, house):
        self.house = house
        self.port = free_port()

    @property
    def file(self):
        return self.house.data.file(self.requests)

    def launch(self, *command):
        self.process = self.house.start(self.name, command, PROXY_CORE)
        self.process.wait_for(self.port)

    # What is checked before anything is measured.

    def ask(self, head):
        """The session's eight values as the origin sees them."""
        head = re.sub(r"^GET [^?]+", "GET /__seen", head)
        with self._connect() as wire:
            wire.settimeout(30)
            wire.sendall(head.encode())
            answer = b""
            while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
                some = wire.recv(65536)
                if not some:
                    break
                answer += some
        top, _, body = answer.decode().partition("\r\n\r\n")
        if not top.startswith("HTTP/1.1 200"):
            raise SystemExit(f"{self.name} answers {top.splitlines()[:1]}")
        return body.split("\n")[: len(data.HEADERS)]

    def _connect(self):
        wire = socket.create_connection(("127.0.0.1", self.port), 5)
        if not self.tls:
            return wire
        context = ssl.create_default_context(cafile=self.house.data.file("ca.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context.wrap_socket(wire, server_hostname=data.HOST)

    def check(self):
        head = _first(self.file)
        forged = "".join(f"{name}: forged\r\n" for name in data.HEADERS)
        seen = self.ask(head)
        if not self.sessions:
            if any(seen):
                raise SystemExit(f"{self.name} tells of a session: {seen}")
            return
        if not all(seen):
            raise SystemExit(f"{self.name} does not tell of the session: {seen}")
        user_id, email = seen[2], seen[3]
        if (email, user_id) != data.person(self.house.data.shoppers[0].number):
            raise SystemExit(f"{self.name} tells of somebody else: {seen}")
        if self.ask(head.replace("Accept:", f"{forged}Accept:", 1)) != seen:
            raise SystemExit(f"{self.name} believes headers of a client")
        unsigned = self.ask(self.unsigned(head).replace("Accept:", f"{forged}Accept:", 1))
        if {seen[0], user_id, email, "forged"} & set(unsigned):
            raise SystemExit(f"{self.name} believes a wrong signature: {unsigned}")
        if self.without_session(unsigned):
            raise SystemExit(f"{self.name} tells of a session where there is none: {unsigned}")

    def without_session(self, seen):
        return any(seen)

    def unsigned(self, head):
        """The same with another letter in its signature, and no login that could prove anything."""
        head = re.sub(rf"{data.LOGIN_COOKIE}=[^;]*; ", "", head)
        cookie = re.search(r"(?:vtex_session|shop_jwt)=([^;\r]*)", head)
        token = cookie[1]
        at = token.rindex(".") + 10
        other = "A" if token[at] != "A" else "B"
        return head.replace(token, token[:at] + other + token[at + 1 :])


def _length(answer):
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", answer)
    return int(found[1]) if found else 0


def _first(file):
    with open(file, newline="") as text:
        head = ""
        while not head.endswith("\r\n\r\n"):
            head += text.readline()
        return head


class Bare(Contestant):
    name, title = "bare", "bare pingora"

    def start(self):
        self.tls_port = free_port()
        files = self.house.data
        self.launch(
            self.house.programs["compare"], "bare",
            "--listen", f"127.0.0.1:{self.port}", "--listen-tls", f"127.0.0.1:{self.tls_port}",
            "--certificate", files.file("shop.pem"), "--key", files.file("shop.key"),
            "--upstream", f"127.0.0.1:{self.house.origin_port}",
        )  # fmt: skip


class Vestibule(Contestant):
    name, title = "vestibule", "**Vestibule**"
    requests = "requests-vestibule"
    sessions = True

    def start(self):
        self.tls_port = free_port()
        conf = self.house.configure("vestibule.toml", port=self.port, tls=self.tls_port)
        self.launch(self.house.programs["vestibule"], "run", "--config", conf)
        files = self.house.data
        begun = time.monotonic()
        subprocess.run(
            [
                "taskset", "-c", str(OTHER_CORE), self.house.programs["compare"], "fill",
                "--to", f"127.0.0.1:{self.port}", "--sessions", str(files.sessions),
                "--visitor", files.file("visitor"), "--shoppers", files.file("shoppers"),
                "--out", self.file,
            ],
            check=True, timeout=1800,
        )  # fmt: skip
        self.filled_in = time.monotonic() - begun

    def without_session(self, seen):
        # Whoever proves nothing is a new visitor, with a session of their own that knows nobody.
        return seen[1] != "false" or any((seen[2], seen[3], seen[6]))


class Behind(Contestant):
    """The same process by its other listener."""

    tls = True

    def start(self):
        first = next(one for one in self.house.contestants if one.name == self.of)
        self.process, self.port = first.process, first.tls_port


class BareTls(Behind):
    name, title, of = "bare-tls", "bare pingora, TLS 1.3 and HTTP/2", "bare"
    base = "bare-tls"


class VestibuleTls(Behind):
    name, title, of = "vestibule-tls", "**Vestibule**, TLS 1.3 and HTTP/2", "vestibule"
    requests = Vestibule.requests
    sessions = True
    base = "bare-tls"
    without_session = Vestibule.without_session


class Nginx(Contestant):
    name, title = "nginx", "nginx"

    def start(self):
        self.launch("nginx", "-c", self.house.configure("nginx.conf", port=self.port))


class NginxLua(Contestant):
    name, title = "nginx-lua", "nginx with Lua"
    sessions = True

    def start(self):
        # Entries are kept in slabs of powers of two: 2 KB each, and some room.
        megabytes = 64 + self.house.data.sessions * 2600 // 1_000_000
        conf = self.house.configure("nginx-lua.conf", port=self.port, dictionary=megabytes)
        self.launch("nginx", "-c", conf)


class Haproxy(Contestant):
    name, title = "haproxy", "HAProxy"

    def start(self):
        self.launch("haproxy", "-db", "-f", self.house.configure("haproxy.cfg", port=self.port))


class HaproxyMap(Contestant):
    name, title = "haproxy-map", "HAProxy with a map"
    sessions = True

    def start(self):
        key = data.base64.b64encode(data.KEY).decode()
        conf = self.house.configure("haproxy-map.cfg", port=self.port, key=key)
        self.launch("haproxy", "-db", "-f", conf)


class Envoy(Contestant):
    name, title = "envoy", "Envoy"
    filter = None

    def start(self):
        chosen = self.house.template(f"{self.filter}.filter.yaml") if self.filter else ""
        conf = self.house.configure("envoy.yaml", f"{self.name}.yaml", port=self.port, filter=chosen)
        command = shlex.split("--concurrency 1 --use-dynamic-base-id --log-level error")
        self.launch(self.house.programs["envoy"], "-c", conf, *command)


class EnvoyLua(Envoy):
    name, title, filter = "envoy-lua", "Envoy with Lua", "envoy-lua"
    sessions = True

    def start(self):
        self.house.configure("envoy-session.lua")
        super().start()


class EnvoyJwt(Envoy):
    name, title, filter = "envoy-jwt", "Envoy with jwt_authn, no store", "envoy-jwt"
    requests = "requests-jwt"
    sessions = True


ALL = (Bare, Vestibule, BareTls, VestibuleTls, Nginx, NginxLua, Haproxy, HaproxyMap, Envoy, EnvoyLua, EnvoyJwt)
