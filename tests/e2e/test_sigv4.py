"""Our signatures against botocore's, over random requests.

sigv4_sign (tests/tools) reads requests as JSON lines and prints their Authorization fields. DAYFLY_TEST_TOOLS is the
folder of that program, build/debug/tests by default."""
import datetime
import json
import os
import pathlib
import string
import subprocess
from unittest import mock
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = pathlib.Path(os.environ.get("DAYFLY_TEST_TOOLS", ROOT / "build/debug/tests")).resolve()
SIGN = TOOLS / "sigv4_sign"
COUNT = 300

pytestmark = pytest.mark.skipif(not SIGN.exists(), reason=f"{SIGN} is not built")

ODD = " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\\äö漢🎈\x01"


def text(rng, longest, letters=string.ascii_letters + string.digits + ODD):
    return "".join(rng.choice(letters) for _ in range(rng.randint(0, longest)))


def path(rng, service):
    segments = [quote(text(rng, 12), safe="-_.~") for _ in range(rng.randint(0, 5))]
    if rng.random() < 0.3:
        segments.insert(rng.randint(0, len(segments)), rng.choice(["", ".", "..", "a//b", "..."]))
    return "/" + "/".join(segments) + rng.choice(["", "/"])


def query(rng):
    """Names that repeat, values that are empty or not there at all."""
    pairs = []
    for _ in range(rng.randint(0, 6)):
        name = quote(rng.choice(["a", "A", "list-type", "prefix", text(rng, 6) + "x"]), safe="-_.~")
        value = quote(text(rng, 10), safe="-_.~")
        pairs.append(rng.choice([f"{name}={value}", f"{name}=", name]))
    return "&".join(pairs)


def fields(rng):
    names = ["Content-Type", "x-amz-meta-Odd", "X-AMZ-Acl", "Range", "If-Match", "accept", "User-Agent", "Expect", "X-Amzn-Trace-Id", "zz"]
    visible = string.ascii_letters + string.digits + "  \t,;=\"/*"
    found = [[name, text(rng, 30, visible)] for name in rng.sample(names, rng.randint(0, 6))]
    if rng.random() < 0.2:
        found += [["X-Amz-Meta-Twice", text(rng, 10, visible)], ["X-Amz-Meta-Twice", text(rng, 10, visible)]]
    return found


def requests(rng):
    for _ in range(COUNT):
        service = rng.choice(["s3", "lambda"])
        yield {
            "method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
            "path": path(rng, service),
            "query": query(rng),
            "host": rng.choice(["127.0.0.1:9000", "bucket.s3.eu-central-1.amazonaws.com", "[::1]:7070"]),
            "body": rng.randbytes(rng.choice([0, 0, 1, 63, 64, 65, 1000])).hex(),
            "service": service,
            "region": rng.choice(["us-east-1", "eu-central-1"]),
            "wall_ms": rng.randrange(1_000_000_000_000, 4_000_000_000_000),
            "access_key_id": "AKID" + text(rng, 16, string.ascii_uppercase),
            "secret_access_key": text(rng, rng.choice([40, 100]), string.ascii_letters + "/+") + "x",
            "session_token": rng.choice([None, text(rng, 300, string.ascii_letters + "/+=") + "t"]),
            "fields": fields(rng),
        }


def botocore_signs(request):
    url = f"http://{request['host']}{request['path']}" + (f"?{request['query']}" if request["query"] else "")
    made = AWSRequest(method=request["method"], url=url, data=bytes.fromhex(request["body"]))
    for name, value in request["fields"]:
        made.headers.add_header(name, value)
    made.headers["Host"] = request["host"]
    credentials = Credentials(request["access_key_id"], request["secret_access_key"], request["session_token"])
    kind = botocore.auth.S3SigV4Auth if request["service"] == "s3" else botocore.auth.SigV4Auth
    now = datetime.datetime.fromtimestamp(request["wall_ms"] // 1000, datetime.timezone.utc).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        kind(credentials, request["service"], request["region"]).add_auth(made)
    return made.headers["Authorization"]


def test_random_requests_are_signed_as_botocore_signs_them(rng):
    made = list(requests(rng))
    lines = "".join(json.dumps(request) + "\n" for request in made)
    done = subprocess.run([SIGN], input=lines.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    ours = done.stdout.decode().splitlines()
    assert len(ours) == COUNT
    for request, signed in zip(made, ours):
        assert signed == botocore_signs(request), request
