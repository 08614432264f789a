"""Answers as conf/examples/session-app/app.py does, over TLS: service.py FOLDER-OF-THE-APP."""

import pathlib
import ssl
import sys
from http.server import ThreadingHTTPServer

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from app import Calls  # noqa: E402

here = pathlib.Path(__file__).parent
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(here / "certificate.pem", here / "key.pem")
server = ThreadingHTTPServer(("127.0.0.1", 0), Calls)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(f"perks answers at https://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
