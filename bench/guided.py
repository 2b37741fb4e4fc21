"""`python -m bench.guided`: reports grown towards code that no report reached yet (libFuzzer, by atheris).

Whatever bytes come, a reader answers with findings that can be graded, or says that it cannot read them. Anything else
ends the run with 1 and leaves the bytes in the folder it names. The same seed tries the same bytes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = (ROOT / "services" / "erasure" / "tests" / "samples", ROOT.parent / "shared" / "data" / "reports" / "tools")
SIZE_MAX = 32_768  # bytes of one report that is tried
ONE_MAX_S, MEMORY_MAX_MB = 5, 1500  # for one report, and for the process
NO_ATHERIS = (
    "atheris がないため、この検査はしませんでした（Linux の Python 3.11～3.13 では pip install atheris）。 "
    "Skipped: atheris is not here (on Linux with Python 3.11 to 3.13: pip install atheris)."
)


def fuzz(arguments: list[str]) -> None:
    """Run the fuzzer in this process; it never returns."""
    import atheris

    with atheris.instrument_imports(include=["services.erasure"]):
        from services.erasure.domain.grading import grade
        from services.erasure.reports.read import Unreadable, read

    def one(content: bytes) -> None:
        try:
            report = read(content, "report")
        except Unreadable as said:
            if not str(said):
                raise AssertionError("refused without a word") from said
            return
        for finding in report.findings:
            grade(finding)

    atheris.Setup(arguments, one)
    atheris.Fuzz()


def main() -> int:
    """Grow from the samples, `--runs` reports at most. Returns 1 when something came out that may not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1741)
    asked = parser.parse_args()
    if find_spec("atheris") is None:
        print(NO_ATHERIS)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="meguru-guided-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for samples in SAMPLES:
        for nth, sample in enumerate(sorted(samples.glob("*"))) if samples.exists() else ():
            if sample.is_file() and sample.stat().st_size <= SIZE_MAX:
                shutil.copy(sample, corpus / f"{samples.name}-{nth}")
    told = [f"-runs={asked.runs}", f"-seed={asked.seed}", f"-max_len={SIZE_MAX}", f"-timeout={ONE_MAX_S}"]
    told += [f"-rss_limit_mb={MEMORY_MAX_MB}", f"-artifact_prefix={folder}/", str(corpus)]
    ended = subprocess.run([sys.executable, "-m", "bench.guided", "--inside", *told], check=False, cwd=ROOT)  # noqa: S603 - ours
    if ended.returncode:
        print(f"見つけたものは {folder} にあります。 What was found lies in {folder}.")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        fuzz([sys.argv[0], *sys.argv[2:]])
    sys.exit(main())
