"""A server of the store for outside tools: keeps the last heads that it got, byte for byte, and says what it is told.

usage: origin.py FOLDER    (writes its port to FOLDER/origin-port)

GET /large   a page of 1 MiB
GET /__got   the last heads that came since the last such question, as JSON; not kept itself
PUT /__say   the lines of the body go out as Set-Cookie of the next answer
"""

import asyncio
import collections
import json
import pathlib
import sys

# The last ones: load tests send thousands that nobody asks about.
got: collections.deque[dict] = collections.deque(maxlen=100)
say: list[bytes] = []


async def body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip().lower()
    if fields.get(b"transfer-encoding") == b"chunked":
        whole = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            if size == 0:
                return whole
            whole += chunk[:-2]
    return await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            target = head.split(b" ")[1]
            content = await body(reader, head)
            more, answer = b"", b"ok"
            if target.startswith(b"/__got"):
                answer = json.dumps(list(got)).encode()
                got.clear()
            elif target.startswith(b"/__say"):
                say[:] = content.split(b"\n")
            else:
                got.append({"head": head.decode("latin-1")})
                more = b"".join(b"Set-Cookie: " + line + b"\r\n" for line in say)
                say.clear()
            if target == b"/large":
                answer = b"x" * (1 << 20)
            size = str(len(answer)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: " + size + b"\r\n\r\n")
            if not head.startswith(b"HEAD "):
                writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ValueError, IndexError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 21)
    port = server.sockets[0].getsockname()[1]
    pathlib.Path(sys.argv[1], "origin-port").write_text(str(port))
    async with server:
        await server.serve_forever()


asyncio.run(main())
