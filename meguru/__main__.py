import io
import sys

from meguru.cli import app

for stream in (sys.stdout, sys.stderr):  # a terminal of another character set shows what it can
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
app(prog_name="meguru")
