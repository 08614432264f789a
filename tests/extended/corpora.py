"""Public sets of requests, cookies and JSON texts, sent through a running Vestibule.

usage: corpora.py SET FOLDER PORT ORIGIN_PORT   (SET: desync, http-state or json; FOLDER: where it lies)

Ends with 1 where something is not as the set, or what we say of it, has it. What differs is told by
its name alone: values may be anybody's.
"""

import base64
import json
import pathlib
import socket
import sys

HOST = b"shop.example"
# Seconds: what is cut off in the middle is waited for by the other side, too.
WITHIN = 2


def exchange(port: int, wire: bytes) -> bytes:
    """The answer to bytes on a connection of their own; what is not answered in time is nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as client:
        heard = b""
        try:
            client.sendall(wire)
            while not whole(heard) and (more := client.recv(65536)):
                heard += more
        except (ConnectionError, TimeoutError):
            pass
        return heard


def whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end or head.startswith(b"HTTP/1.1 1"):
        return False
    length = fields(head.decode("latin-1"), "content-length")
    if length:
        return len(body) >= int(length[0])
    return body.endswith(b"0\r\n\r\n") if b"transfer-encoding: chunked" in head.lower() else False


def status(answer: bytes) -> int:
    """Its status; 0 where there is none."""
    first = answer.split(b"\r\n")[0].split(b" ")
    return int(first[1]) if answer.startswith(b"HTTP/") and len(first) > 1 else 0


def told(origin: int) -> list[dict]:
    answer = exchange(origin, b"GET /__got HTTP/1.1\r\n\r\n")
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def fields(head: str, name: str) -> list[str]:
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return [value[1:] if value[:1] == " " else value for key, _, value in lines if key.lower() == name]


# --- desync: what is severe is never accepted, and what is compliant never refused.

def desync_wire(case: dict) -> bytes:
    def text(value) -> bytes:
        return str(value).encode("latin-1", "replace")

    lines = [b" ".join([text(case["method"]), text(case["uri"]), text(case["version"])])]
    body, hosts = b"", False
    for header in case.get("headers") or []:
        name, value = text(header["name"]), text(header["value"])
        lines.append(name + b":" + (b"" if value.startswith(b" ") else b" ") + value)
        hosts = hosts or name.strip().lower() == b"host"
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            body = b"x" * min(int(value), 8 << 20)
        if name.strip().lower() == b"transfer-encoding" and b"chunked" in value:
            body = b"2\r\nab\r\n0\r\n\r\n"
    if not hosts:
        lines.insert(1, b"Host: " + HOST)
    else:
        lines = [b"Host: " + HOST if line.lower().startswith(b"host:") else line for line in lines]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def is_refused_here(case: dict) -> bool:
    """A target that is none, and any transfer coding but chunked alone, are 400: two who read them may differ."""
    headers = case.get("headers") or []
    codings = [str(one["value"]).strip().lower() for one in headers if one["name"].lower() == "transfer-encoding"]
    return not case["uri"] or codings not in ([], ["chunked"])


def desync(folder: pathlib.Path, port: int, origin: int) -> tuple[int, list[str]]:
    import yaml

    wrong, asked = [], 0
    for file in sorted(folder.glob("*.yaml")):
        for case in yaml.safe_load(file.read_bytes()):
            asked += 1
            tier = case["expected"]["tier"]
            code = status(exchange(port, desync_wire(case)))
            reached = told(origin)
            if code >= 500:
                wrong.append(f"{file.name}, {case['name']}: {code}")
            elif tier == "Severe" and (code == 200 or reached):
                wrong.append(f"{file.name}, {case['name']}: severe, and {code}, {len(reached)} reached the store")
            elif tier == "Compliant" and code != (400 if is_refused_here(case) else 200):
                wrong.append(f"{file.name}, {case['name']}: compliant, and {code}")
    return asked, wrong


# --- http-state: cookies of strangers pass as they are, in both directions.

def http_state(folder: pathlib.Path, port: int, origin: int) -> tuple[int, list[str]]:
    cases = json.loads((folder / "parser.json").read_bytes())
    wrong = []
    page = b"GET / HTTP/1.1\r\nHost: " + HOST + b"\r\n"
    for name, text in sorted(cases.items()):
        lines = [line for line in text.split("\n") if line]
        sets = [line.partition(":")[2] for line in lines if line.lower().startswith("set-cookie:")]
        if sets:
            sets = [line[1:] if line[:1] == " " else line for line in sets]
            said = "\n".join(sets).encode("latin-1")
            length = str(len(said)).encode()
            exchange(origin, b"PUT /__say HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n" + said)
            answer = exchange(port, page + b"\r\n")
            head = answer.split(b"\r\n\r\n")[0].decode("latin-1")
            heard = [line for line in fields(head, "set-cookie") if not line.startswith("vtex_se")]
            told(origin)
            # An answer that may be read as another one is none (RFC 9110 section 5.5).
            if "\0" in text or "\r" in text:
                if status(answer) != 502:
                    wrong.append(f"{name}: {status(answer)}")
                continue
            # White space around a value is no part of it.
            if status(answer) != 200 or [line.strip(" \t") for line in heard] != [line.strip(" \t") for line in sets]:
                wrong.append(f"{name}: {status(answer)}, {len(heard)} of {len(sets)} lines as they were set")
        for line in lines:
            if not line.startswith("Cookie:"):
                continue
            answer = exchange(port, page + line.encode("latin-1") + b"\r\n\r\n")
            reached = [fields(one["head"], "cookie") for one in told(origin)]
            if status(answer) != 200 or reached != [[line[len("Cookie:"):].strip(" \t")]]:
                wrong.append(f"{name}: {status(answer)}, and the store's server got another cookie line")
    return len(cases), wrong


# --- json: what a parser must take is kept, and what it must refuse changes nothing.

def texts(folder: pathlib.Path, port: int, origin: int) -> tuple[int, list[str]]:
    cases = json.loads((folder / "test_parsing.base64.json").read_bytes())
    wrong = []
    for name, text in sorted(cases.items()):
        body = b'{"public":{"text":{"value":' + base64.b64decode(text) + b"}}}"
        length = str(len(body)).encode()
        head = b"POST /api/sessions HTTP/1.1\r\nHost: " + HOST + b"\r\nContent-Type: application/json\r\n"
        code = status(exchange(port, head + b"Content-Length: " + length + b"\r\n\r\n" + body))
        good = {"y": {200, 201}, "n": {400, 413}, "i": {200, 201, 400, 413}}[name[0]]
        if code not in good:
            wrong.append(f"{name}: {code}")
    return len(cases), wrong


SETS = {"desync": desync, "http-state": http_state, "json": texts}

if __name__ == "__main__":
    which, place, at, behind = sys.argv[1:]
    told(int(behind))  # what others had it asked
    asked, found = SETS[which](pathlib.Path(place), int(at), int(behind))
    for line in found:
        print(line)
    print(f"{asked} asked, {len(found)} of them answered otherwise")
    sys.exit(bool(found))
