"""What schemathesis cannot know from a description: what a segment token looks like, and who calls."""

import base64
import itertools
import json

import requests
import schemathesis
from hypothesis import strategies as st

# The alphabet for URLs: paths hold its tokens without escapes.
members = st.none() | st.text(max_size=8) | st.integers() | st.booleans()
segments = st.dictionaries(st.text(max_size=8), members, max_size=4)
schemathesis.openapi.format(
    "segment-token",
    segments.map(lambda segment: base64.urlsafe_b64encode(json.dumps(segment).encode()).decode()),
)

LOGIN = "VtexIdclientAutCookie_demostore"
callers = itertools.cycle(
    [
        # login, session
        (True, False),
        (False, True),
        (True, True),
        (False, False),
    ]
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Calls come in turn from shoppers who are logged in or not, and have a session or not yet. A
    session is begun just before the call: one that all calls share would be full at some point. A
    login is shared, and therefore never ended."""
    login, session = next(callers)
    if not login or case.method == "DELETE":
        case.cookies.pop(LOGIN, None)
    if session:
        base = case.operation.schema.get_base_url().rstrip("/")
        begun = requests.post(f"{base}/api/sessions", timeout=60)
        begun.raise_for_status()
        case.cookies["vtex_session"] = begun.json()["sessionToken"]
