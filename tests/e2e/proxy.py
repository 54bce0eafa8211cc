"""An HTTP proxy that delays, cuts, truncates, answers 429/500/503 and goes silent, on command.

In a test:    with Proxy(url, choose) as proxy: … proxy.url …
              choose(request) returns a fault or None for each request; it is called by one thread at a time.
By hand:      python tests/e2e/proxy.py --listen 127.0.0.1:9100 --to 127.0.0.1:9000 --fault status=503@0.1 --fault delay=2@0.05

Faults: delay=S         hands the request on, and the answer back S seconds later
        cut-before      resets the connection as soon as a request begins
        cut-in          closes it after the request's head
        cut-after       closes it after the whole request, which is not handed on
        cut-answer      hands the request on, closes instead of answering
        truncate        … closes in the middle of the answer
        silent          reads the request, and never answers (until the client leaves or the proxy ends)
        status=CODE     answers like Lambda or S3 with this error
        body=TEXT       answers 200 with this text
        raw=TEXT        answers with these bytes, whatever they are
        rewrite         hands the request on, and back what the function given as its argument makes of the body"""
import argparse
import contextlib
import dataclasses
import random
import re
import socket
import struct
import sys
import threading
import time

KINDS = "delay cut-before cut-in cut-after cut-answer truncate silent status body raw rewrite".split()
# What a random choice may take: each either passes with another attempt or is an answer of the wrong kind.
HARMFUL = ["status=429", "status=500", "status=503", "cut-before", "cut-in", "cut-after", "cut-answer", "truncate"]


@dataclasses.dataclass
class Request:
    number: int  # from 0, over all connections
    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def is_invoke(self):
        return self.target.startswith("/2015-03-31/functions/")


class Gone(Exception):
    """The client has closed, or this connection shall be closed."""


def split_fault(fault):
    kind, _, argument = fault.partition("=") if isinstance(fault, str) else (fault[0], "=", fault[1])
    if kind not in KINDS:
        raise ValueError(f"no fault is called {kind!r}; known: {' '.join(KINDS)}")
    return kind, argument


def parse_head(head):
    first, *lines = head.decode("latin-1").split("\r\n")
    return first, {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def read_head(connection, waiting):
    while b"\r\n\r\n" not in waiting:
        piece = connection.recv(65536)
        if not piece:
            raise Gone
        waiting += piece
    head, _, rest = bytes(waiting).partition(b"\r\n\r\n")
    waiting[:] = rest
    return head


def read_body(connection, waiting, size):
    while len(waiting) < size:
        piece = connection.recv(65536)
        if not piece:
            raise Gone
        waiting += piece
    body = bytes(waiting[:size])
    del waiting[:size]
    return body


def error_answer(status, request):
    """As the service says it that the request is for."""
    reason, code = {
        429: ("Too Many Requests", "TooManyRequestsException"),
        500: ("Internal Server Error", "ServiceException" if request.is_invoke else "InternalError"),
        503: ("Service Unavailable", "ServiceUnavailableException" if request.is_invoke else "SlowDown"),
    }.get(status, ("Error", "Error"))
    if request.is_invoke:
        body, headers = f'{{"Type":"Service","message":"{reason}"}}', f"Content-Type: application/json\r\nX-Amzn-ErrorType: {code}:http://x/"
    else:
        body, headers = f"<Error><Code>{code}</Code><Message>{reason}</Message></Error>", "Content-Type: application/xml"
    if request.method == "HEAD":
        body = ""
    return f"HTTP/1.1 {status} {reason}\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class Proxy:
    """Listens from `with` to its end. `requests` has what came whole, `faults` what was done to whom."""

    def __init__(self, to, choose=None, listen=("127.0.0.1", 0)):
        host, _, port = to.removeprefix("http://").rstrip("/").rpartition(":")
        self.upstream = (host, int(port))
        self.choose = choose or (lambda request: None)
        self.requests, self.faults = [], []
        self.count = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.connections = set()
        self.listener = socket.create_server(listen, backlog=512)
        self.url = "http://%s:%d" % self.listener.getsockname()[:2]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds):
        """Sleeps, but not beyond the proxy's end."""
        self.over.wait(seconds)

    def _accept(self):
        while not self.over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        waiting = bytearray()
        try:
            while not self.over.is_set():
                self._one(connection, waiting)
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def _one(self, connection, waiting):
        head = read_head(connection, waiting)
        first, headers = parse_head(head)
        method, target, _ = first.split(" ", 2)
        with self.lock:
            request = Request(self.count, method, target, headers, b"")
            self.count += 1
            fault = self.choose(request)
            if fault:
                self.faults.append((fault, f"{method} {target}"))
        kind, argument = split_fault(fault) if fault else (None, None)
        if kind in ("cut-before", "cut-in"):
            # Bytes that nobody has read make the close a reset; the rest of the request finds nobody.
            if kind == "cut-before":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone
        request.body = read_body(connection, waiting, int(headers.get("content-length", 0)))
        with self.lock:
            self.requests.append(request)
        if kind == "cut-after":
            raise Gone
        if kind == "silent":
            connection.recv(1)  # returns when the client has left, or with the proxy's end
            raise Gone
        if kind in ("status", "body", "raw"):
            connection.sendall(self._made_up(kind, argument, request))
            if kind == "raw":
                raise Gone
            return
        answer = self._hand_on(head, request, argument if kind == "rewrite" else None)
        if kind == "delay":
            self.wait(float(argument))
        if kind == "cut-answer":
            raise Gone
        if kind == "truncate":
            connection.sendall(answer[: max(1, len(answer) * 2 // 3)])
            raise Gone
        connection.sendall(answer)

    @staticmethod
    def _made_up(kind, argument, request):
        if kind == "raw":
            return argument.encode()
        if kind == "status":
            return error_answer(int(argument), request)
        return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(argument.encode())}\r\n\r\n{argument}".encode()

    def _hand_on(self, head, request, rewrite):
        """The whole answer, ready for a connection that stays open."""
        with socket.create_connection(self.upstream) as upstream:
            with self.lock:
                self.connections.add(upstream)
            try:
                # No header is changed that a signature may cover.
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                upstream.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + request.body)
                answer = bytearray()
                while piece := upstream.recv(1 << 20):
                    answer += piece
            finally:
                with self.lock:
                    self.connections.discard(upstream)
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        if not head:
            raise Gone
        if rewrite:
            body = rewrite(body)
        first, headers = parse_head(head)
        dropped = (b"connection:", b"content-length:") if rewrite else (b"connection:",)
        lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(dropped)]
        bodyless = request.method == "HEAD" or first.split(" ")[1] in ("204", "304")
        if not bodyless and "transfer-encoding" not in headers and (rewrite or "content-length" not in headers):
            lines.append(b"Content-Length: %d" % len(body))
        status = b"HTTP/1.1 " + first.split(" ", 1)[1].encode("latin-1")
        return b"\r\n".join([status, *lines]) + b"\r\n\r\n" + body


def random_faults(rng, share, kinds=None):
    """A choose function: this share of the requests gets one of the kinds."""
    kinds = kinds or HARMFUL
    return lambda request: rng.choice(kinds) if rng.random() < share else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:9100", metavar="HOST:PORT")
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND[=ARGUMENT][@SHARE]")
    parser.add_argument("--match", default="", metavar="REGEX", help="only requests whose `METHOD target` has this")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    rng = random.Random(seed)
    rules = []
    for text in options.fault:
        found = re.fullmatch(r"(.*?)(?:@([0-9.]+))?", text, re.DOTALL)
        split_fault(found[1])
        rules.append((found[1], float(found[2] or 1)))

    def choose(request):
        if not re.search(options.match, f"{request.method} {request.target}"):
            return None
        fault = next((fault for fault, share in rules if rng.random() < share), None)
        print(f"{request.method} {request.target}: {fault or 'passed on'}", flush=True)
        return fault

    host, _, port = options.listen.rpartition(":")
    with Proxy(options.to, choose, (host, int(port))) as proxy:
        print(f"seed {seed}, {proxy.url} to {options.to}; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
