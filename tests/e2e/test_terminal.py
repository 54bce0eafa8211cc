"""What people see: charts that fit their terminal, colours where they are wanted, progress that goes away."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from test_cli import STEPS, crowd, shop, words_of  # noqa: F401 (fixtures)

ESCAPE = re.compile(r"\033\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo terminal of some width; what was written to it."""

    def __init__(self, columns):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.text = ""

    def read(self, process, timeout_s=60):
        """Until the process has ended and everything is read."""
        os.close(self.slave)
        content = b""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:  # nobody has the other side open
                    break
                content += piece
        os.close(self.master)
        process.wait(timeout=10)
        self.text = content.decode().replace("\r\n", "\n")
        return self.text


def on_terminal(dayfly, columns, *words, environment=None, stderr=subprocess.PIPE):
    terminal = Terminal(columns)
    environment = {"TERM": "xterm-256color", "NO_COLOR": "", **(environment or {})}
    process = dayfly.start(*words, environment=environment, stdout=terminal.slave, stderr=stderr)
    text = terminal.read(process)
    assert process.returncode == 0, text
    return text


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in ESCAPE.sub("", line))


LONG = "event != 'a very long name of an event that fits no terminal, 東京都大阪府, and goes on and on for much longer than that'"


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("steps", [STEPS, STEPS[:1], [LONG, "event = '東京'"], ["event=view"] * 30], ids=["three", "one", "long", "thirty"])
def test_the_chart_fits_the_terminal(dayfly, shop, columns, steps):  # noqa: F811
    lines = on_terminal(dayfly, columns, "funnel", shop, *words_of(steps)).splitlines()
    assert max(map(width, lines)) <= columns
    shown = [line for line in lines if re.match(r" ?\d+ e", ESCAPE.sub("", line))]  # the labels begin with "event"
    assert len(shown) == len(steps)
    if columns >= 80:
        assert max(map(width, lines)) > columns * 0.6, "a wide terminal is used"


def test_a_pipe_gets_80_columns(dayfly, shop):  # noqa: F811
    lines = dayfly.run("funnel", shop, *words_of([LONG, *STEPS]), environment={"COLUMNS": "200"}).stdout.splitlines()
    assert 60 < max(map(width, lines)) <= 80


def test_colours_are_for_terminals(dayfly, shop):  # noqa: F811
    words = ["funnel", shop, *words_of()]
    assert "\033[" in on_terminal(dayfly, 80, *words)
    assert "\033" not in dayfly.run(*words, environment={"TERM": "xterm"}).stdout


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(dayfly, shop, environment):  # noqa: F811
    assert "\033" not in on_terminal(dayfly, 80, "funnel", shop, *words_of(), environment=environment)


@pytest.mark.parametrize(
    "flags, environment, ascii",
    [
        ([], {"LC_ALL": "C.UTF-8"}, False),
        ([], {"LC_ALL": "", "LC_CTYPE": "de_DE.utf8"}, False),
        ([], {"LC_ALL": "", "LANG": "en_US.UTF-8"}, False),
        ([], {"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ([], {"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"}, True),
        ([], {"LC_ALL": ""}, True),
        (["--ascii"], {"LC_ALL": "C.UTF-8"}, True),
    ],
)
def test_ascii_where_the_locale_or_the_user_says_so(dayfly, shop, flags, environment, ascii):  # noqa: F811
    text = dayfly.run("funnel", shop, *words_of([*STEPS, "event = 'Käse'"]), *flags, environment=environment).stdout
    assert text.isascii() == ascii
    assert ("###" in text) == ascii and ("█" in text) != ascii


def test_progress_is_drawn_on_a_terminal_and_wiped(dayfly, crowd):  # noqa: F811
    terminal = Terminal(60)
    process = dayfly.start("funnel", f"{crowd}/1?.parquet", *words_of(["event=view"]), "--groups", "whole", "--threads", "1",
                           environment={"TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=terminal.slave)
    text = terminal.read(process)
    assert process.returncode == 0, text
    drawn = [line for line in re.split(r"[\r\n]+|\033\[2?K", text) if line.strip()]
    assert any("/10" in line for line in drawn), drawn
    assert all(width(line) <= 60 for line in drawn)
    assert re.search(r"\r(\033\[2?K| *\r)$", text), "the line is wiped at the end: " + repr(text[-80:])


def test_progress_is_not_for_pipes(dayfly, crowd):  # noqa: F811
    done = dayfly.run("funnel", *(crowd / f"{i}.parquet" for i in range(3)), *words_of(["event=view"]), "--groups", "whole")
    assert done.stderr == ""


def test_ctrl_c_on_the_terminal_leaves_a_clean_line(dayfly, crowd):  # noqa: F811
    terminal = Terminal(80)

    def take_terminal():
        os.setsid()
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)

    process = dayfly.start("funnel", crowd, *words_of(["event=view"]), "--groups", "whole", "--threads", "1",
                           environment={"TERM": "xterm"}, stdin=terminal.slave, stdout=terminal.slave, stderr=terminal.slave,
                           preexec_fn=take_terminal)
    time.sleep(0.5)
    os.write(terminal.master, b"\x03")
    text = terminal.read(process)
    assert process.returncode == 130
    last = [line for line in re.split(r"[\r\n]+", ESCAPE.sub("", text)) if line.strip()][-1]
    assert last.startswith("dayfly: ") and "cancelled" in last
