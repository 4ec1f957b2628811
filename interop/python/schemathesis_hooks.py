"""What schemathesis cannot know from a description: which revision is active, and what there is.

Half of the time a made-up name becomes one that exists, and If-Match becomes the active revision's ETag, so that requests get as far as the
change itself. What would end the test is only planned: a whole other directory, and the client that the test runs as.
"""
import itertools
import os

import requests
import schemathesis

API = os.environ["ADMIN_API"]
AUTHORIZATION = {"Authorization": "Bearer " + os.environ["ADMIN_TOKEN"]}
THERE = {"id": "spa", "slug": "corp", "number": "1", "provider": "local", "client": "spa", "sub": os.environ["ADMIN_SUB"]}
coin = itertools.cycle([True, False])


@schemathesis.hook
def before_call(ctx, case, kwargs):
    parts = case.path_parameters or {}
    if next(coin):
        for name in parts:
            parts[name] = THERE.get(name, parts[name])
    query = case.query if isinstance(case.query, dict) else {}
    query.pop("force", None)  # the shell's
    headers = case.headers or {}
    for name in list(headers):
        if name.lower() == "if-match":
            headers[name] = requests.get(API + "/status", headers=AUTHORIZATION, timeout=30).headers["ETag"]
    if case.path == "/api/v1/directory" and case.method == "PUT" or parts.get("id") == "robot":
        query["plan"] = "true"
    if query:
        case.query = query
