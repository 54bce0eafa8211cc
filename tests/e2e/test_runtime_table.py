"""The worker against the Runtime API beside AWS's own runtime client for Python: who sends what, and when.

Both run against a recorder; the table of what they sent stands in tests/golden/runtime_requests.md. After a change that is meant:
python tests/e2e/test_runtime_table.py writes it anew. awslambdaric also runs in our emulator."""
import http.server
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import threading

import pytest

if __name__ == "__main__":
    import conftest  # noqa: F401  (before lambda_fixtures, as pytest does)

from lambda_fixtures import BOOTSTRAP, ROOT, Emulator, script

TABLE = ROOT / "tests/golden/runtime_requests.md"
RESPONSE_BYTES_MAX = 6291556
HEADERS = {
    "content-type": "content type",
    "lambda-runtime-function-error-type": "error type",
    "lambda-runtime-function-xray-error-cause": "X-Ray cause",
    "lambda-runtime-function-response-mode": "response mode",
    "transfer-encoding": "transfer encoding",
    "expect": "expect",
    "user-agent": "user agent",
}
HANDLER = """
def function(event, context):
    if event.get("op") == "fail":
        raise ValueError("as asked for")
    if event.get("op") == "large":
        return "x" * 7000000
    if event.get("op") == "exit":
        raise SystemExit(3)
    return {"answer": event, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis() > 0}
"""

# Cases: what is the same to both runtimes, in the words of each. The bootstrap has no handler to write: an event of no known shape
# fails, and so many parts that cannot be read give an answer that is too large.
OVERSIZED = {"dayfly": 1, "engine": "funnel", "job": "j", "stage": 1, "attempt": 1, "deadline_ms": 4102444800000, "remaining_ms": 60000,
             "request": {"dataset": {"paths": ["/none"], "user": "u", "time": "t"}, "funnel": {"sequence": [{"filter": ["e", "=", "v"]}]}},
             "output": {"inline_bytes": 4500000, "sections": 0},
             "parts": [{"index": index, "uri": f"/none/{index}", "size": 1, "etag": "e", "range": [0, 1]} for index in range(60000)]}  # fmt: skip
CASES = {
    "start": ([], []),
    "answer": ([{"op": "ping"}], [{"op": "ping"}]),
    "two answers": ([{"op": "ping"}] * 2, [{"op": "ping"}] * 2),
    "error": ([{"op": "fail"}], [{"what": "is this"}]),
    "oversized": ([{"op": "large"}], [OVERSIZED]),
    "init error": ([], []),
}
# Differences that are allowed: which rows, and why.
DIFFERENCES = {
    "D1": (r".*/user agent", "awslambdaric names itself; nothing asks for it"),
    "D2": (r"(error|init error)/.*/(error type|body)", "awslambdaric names the exception of Python; the worker's types are few, and have the form "
           "Category.Reason that the documentation of the header asks for"),
    "D3": (r"error/.*/X-Ray cause", "the header is optional, and there is no trace that it would be shown in"),
    "D4": (r"oversized/.*", "awslambdaric posts the large answer, is told 413, and exits; the worker knows the limit, posts an error instead of "
           "the answer, and goes on"),
    "D5": (r"init error/.*/content type", "awslambdaric gives its init error no type; the worker's is JSON, and says so"),
}  # fmt: skip


class Recorder:
    """A Runtime API that hands out events and writes down what it is asked. Ends when it has seen `wanted` calls of next."""

    def __init__(self, events):
        self.requests = []
        self.events = queue.Queue()
        for event in events:
            self.events.put(event)
        self.wanted = len(events) + 1
        self.next_count = 0
        self.done = threading.Event()
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def _handler(recorder):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def body(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                content = b""
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return content

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def record(self, body):
                with recorder.lock:
                    recorder.requests.append((f"{self.command} {self.path}", {k.lower(): v for k, v in self.headers.items()}, body, self.client_address))

            def do_GET(self):
                self.record(b"")
                with recorder.lock:
                    recorder.next_count += 1
                    number = recorder.next_count
                if number >= recorder.wanted:
                    recorder.done.set()
                    recorder.over.wait()
                    self.close_connection = True
                    return
                self.reply(200, {"Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{number:012}",
                                 "Lambda-Runtime-Deadline-Ms": "4102444800000",
                                 "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                                 "Lambda-Runtime-Trace-Id": "Root=1-0-0;Parent=0;Sampled=0"},
                           json.dumps(recorder.events.get()).encode())  # fmt: skip

            def do_POST(self):
                body = self.body()
                self.record(body)
                if len(body) > RESPONSE_BYTES_MAX:
                    self.reply(413, {}, b'{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}')
                else:
                    self.reply(202, {}, b'{"status":"OK"}')

        return Handler


def record(command, folder, events, **environment):
    """What a runtime sent, as rows {attribute: value} per request, and how it ended by itself, if it did."""
    recorder = Recorder(events)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": recorder.address, "AWS_REGION": "us-east-1", "LAMBDA_TASK_ROOT": str(folder),
             "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not recorder.done.wait(0.02) and process.poll() is None:
            pass
        end = None if process.poll() is None else ("exit 0" if process.returncode == 0 else "exits, not 0")
    finally:
        process.kill()
        process.wait()
        recorder.close()
    rows = [row(request, recorder.requests[0][3] if recorder.requests else None) for request in recorder.requests]
    return rows + ([{"process": end}] if end else [{"process": "waits"}])


def row(request, first_connection):
    line, headers, body, connection = request
    found = {"request": re.sub("/00000000-[0-9a-f-]*/", "/{id}/", line)}
    for header, name in HEADERS.items():
        value = headers.get(header)
        if header == "lambda-runtime-function-xray-error-cause" and value:
            value = "{" + ", ".join(json.loads(value)) + "}"
        found[name] = re.sub(r"[0-9]+(\.[0-9]+)+", "N", value) if value else "-"
    found["length announced"] = "yes" if "content-length" in headers and line.startswith("POST") else "-"
    found["connection"] = "the first" if connection == first_connection else "another"
    found["body"] = shape(body)
    return found


def shape(body):
    """What matters of a body: the names of an error's members and its type."""
    if not body:
        return "-"
    if len(body) > RESPONSE_BYTES_MAX:
        return f"over {RESPONSE_BYTES_MAX} bytes"
    content = json.loads(body)
    if "errorType" not in content:
        return "the answer"
    return "{" + ", ".join(sorted(content.keys() & {"errorMessage", "errorType", "stackTrace"})) + f"}} {content['errorType']}"


def record_all(folder):
    """{case: (rows of awslambdaric, rows of bootstrap)}"""
    (folder / "handler.py").write_text(HANDLER)
    found = {}
    for case, (theirs, ours) in CASES.items():
        handler = "nothing.function" if case == "init error" else "handler.function"
        setting = {"DAYFLY_WORKER_THREADS": "many"} if case == "init error" else {}
        found[case] = (record([sys.executable, "-m", "awslambdaric", handler], folder, theirs), record([BOOTSTRAP], folder, ours, **setting))
    return found


def compare(found):
    """Rows of the table: (case, number, attribute, awslambdaric's, bootstrap's, difference)."""
    rows = []
    for case, (theirs, ours) in found.items():
        for number in range(max(len(theirs), len(ours))):
            left = theirs[number] if number < len(theirs) else {}
            right = ours[number] if number < len(ours) else {}
            for attribute in dict.fromkeys([*left, *right]):
                values = left.get(attribute, "-"), right.get(attribute, "-")
                if values == ("-", "-"):
                    continue
                place = f"{case}/{number + 1}/{attribute}"
                fitting = [name for name, (pattern, _) in DIFFERENCES.items() if re.fullmatch(pattern, place)]
                rows.append((case, number + 1, attribute, *values, "" if values[0] == values[1] else (fitting or ["NOT ALLOWED"])[0]))
    return rows


def write(rows):
    import importlib.metadata

    used = {row[5] for row in rows}
    lines = [
        "# What runtimes send to the Lambda Runtime API",
        "",
        f"Recorded from awslambdaric {importlib.metadata.version('awslambdaric')} (AWS's own runtime client for Python) and from `bootstrap`;",
        "`tests/e2e/test_runtime_table.py` records again and compares, and writes this page when it is run by hand. Paths are below",
        "`/2018-06-01/runtime`. A number that is a version stands as N. The last line of a case is what the process does then.",
        "",
        "## Allowed differences",
        "",
        *(f"* **{name}** {reason}." for name, (_, reason) in DIFFERENCES.items() if name in used),
    ]
    case = None
    for row_case, number, attribute, theirs, ours, difference in rows:
        if row_case != case:
            lines += ["", f"## {row_case.capitalize()}", "", "| # | what | awslambdaric | bootstrap | |", "|---|---|---|---|---|"]
            case = row_case
        texts = [str(text).replace("/2018-06-01/runtime", "") for text in (theirs, ours)]
        lines.append(f"| {number} | {attribute} | {texts[0]} | {'the same' if theirs == ours else texts[1]} | {difference} |")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return compare(record_all(tmp_path_factory.mktemp("recorder")))


def test_what_both_runtimes_send_is_what_the_table_says(recorded):
    assert write(recorded) == TABLE.read_text(encoding="utf-8"), f"python {pathlib.Path(__file__).relative_to(ROOT)} writes it anew"


def test_every_difference_is_named_and_there(recorded):
    assert {row[5] for row in recorded} == {"", *DIFFERENCES}


# ---- awslambdaric in our emulator ----


@pytest.fixture
def python_function(tmp_path):
    program = script(tmp_path, f'#!/bin/sh\nexec {sys.executable} -m awslambdaric "$_HANDLER"\n')
    (program.parent / "handler.py").write_text(HANDLER)
    (program.parent / "broken.py").write_text("import no_such_module\n")
    return program


def test_a_python_function_runs_in_the_emulator(tmp_path, python_function):
    with Emulator(tmp_path, {"python": python_function.parent}, "--handler", "handler.function") as emulator:
        for number in range(3):
            status, error, answer = emulator.invoke("python", json.dumps({"number": number}).encode())
            assert (status, error) == (200, None)
            answer = json.loads(answer)
            assert answer["answer"] == {"number": number} and answer["left"] is True
        assert len(emulator.workers()) == 1


def test_its_error_is_a_function_error(tmp_path, python_function):
    with Emulator(tmp_path, {"python": python_function}, "--handler", "handler.function") as emulator:
        status, error, answer = emulator.invoke("python", b'{"op": "fail"}')
        assert (status, error) == (200, "Unhandled")
        assert json.loads(answer)["errorType"] == "ValueError" and json.loads(answer)["errorMessage"] == "as asked for"
        assert emulator.invoke("python", b"{}")[:2] == (200, None)


def test_its_large_answer_is_too_large(tmp_path, python_function):
    """awslambdaric ends after the 413; the next invocation gets a new process."""
    with Emulator(tmp_path, {"python": python_function}, "--handler", "handler.function") as emulator:
        status, error, answer = emulator.invoke("python", b'{"op": "large"}')
        assert (status, error, json.loads(answer)["errorType"]) == (200, "Unhandled", "Function.ResponseSizeTooLarge")
        assert emulator.invoke("python", b"{}")[:2] == (200, None)


def test_its_exit_is_a_runtime_error(tmp_path, python_function):
    with Emulator(tmp_path, {"python": python_function}, "--handler", "handler.function") as emulator:
        status, error, answer = emulator.invoke("python", b'{"op": "exit"}')
        assert (status, error) == (200, "Unhandled")
        assert json.loads(answer)["errorType"].startswith("Runtime.")
        assert emulator.invoke("python", b"{}")[:2] == (200, None)


def test_its_init_error_is_told(tmp_path, python_function):
    with Emulator(tmp_path, {"python": python_function}, "--handler", "broken.function") as emulator:
        for _ in range(2):
            status, error, answer = emulator.invoke("python", b"{}")
            assert (status, error) == (200, "Unhandled")
            assert "no_such_module" in json.loads(answer)["errorMessage"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        table = compare(record_all(pathlib.Path(name)))
    TABLE.write_text(write(table), encoding="utf-8")
    sys.exit("some differences are not allowed" if any(row[5] == "NOT ALLOWED" for row in table) else 0)
