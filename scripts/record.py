"""record.py NAME SECONDS STATUS: one step of a script as a JUnit file in build/results."""
import pathlib
import re
import sys
from xml.sax.saxutils import quoteattr

name, seconds, status = sys.argv[1:]
failure = "" if status == "0" else f'<failure message="status {status}"/>'
path = pathlib.Path(__file__).parents[1] / "build/results" / ("step-" + re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".xml")
path.write_text(
    f'<testsuite name="steps" tests="1" failures="{int(status != "0")}" time="{seconds}">'
    f'<testcase classname="steps" name={quoteattr(name)} time="{seconds}">{failure}</testcase></testsuite>\n'
)
