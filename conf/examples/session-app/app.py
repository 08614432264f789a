#!/usr/bin/env python3
"""A session app: from what the session knows of a shopper, a loyalty level and a delivery promise.

Run it:   python3 app.py 5000
Ask it:   curl -s -d '{"profile":{"isAuthenticated":{"value":"true"}}}' \\
               http://127.0.0.1:5000/_v/perks/session/transform

Only Python's standard library is needed. To make an app of your own, copy this file, change `NAME`
and `transform`, and say in configuration.json what goes in and what comes out.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "perks"
LONGEST = 64 * 1024  # bytes of a call's body


def value(session, namespace, key):
    """An input, or None. Inputs that the session does not have are not in the call."""
    keys = session.get(namespace)
    field = keys.get(key) if isinstance(keys, dict) else None
    return field.get("value") if isinstance(field, dict) else None


def items(text):
    """A list as sessions write it: ids with commas between them."""
    return [item.strip() for item in text.split(",")] if isinstance(text, str) else []


def transform(session):
    """The whole app: inputs in, outputs out. It answers the same to the same, and keeps nothing."""
    known = value(session, "profile", "isAuthenticated") == "true"
    gold = known and "gold" in items(value(session, "profile", "priceTables"))
    if gold:
        level, message = "gold", "Delivered tomorrow, free of charge."
    elif "black-friday" in items(value(session, "rnb", "campaigns")):
        level, message = "member" if known else "guest", "Free delivery on everything this week."
    elif known:
        level, message = "member", "Free delivery from 50."
    else:
        level, message = "guest", "Log in for free delivery from 50."
    # Write an output to set it, also to "" or null; leave one out to leave it as it is.
    return {"perks": {"level": {"value": level}, "message": {"value": message}}}


class Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, so that calls need no new ones
    timeout = 60  # seconds until an unused connection is closed

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST:
            self.close_connection = True
            return self.answer(413, {"message": "a call has a length of at most 64 KiB"})
        body = self.rfile.read(int(length))
        if self.path.rstrip("/") != f"/_v/{NAME}/session/transform":
            return self.answer(404, {"message": "no such app"})
        try:
            session = json.loads(body)
        except ValueError:
            session = None
        if not isinstance(session, dict):
            return self.answer(400, {"message": "a call is an object of namespaces"})
        return self.answer(200, transform(session))

    def answer(self, status, content):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Says nothing: inputs may be e-mails and addresses, which have no place in a log."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    # Loopback alone: whoever reaches this address can ask it about any shopper they make up.
    server = ThreadingHTTPServer(("127.0.0.1", port), Calls)
    print(f"perks answers at http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
