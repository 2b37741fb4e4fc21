"""x"""
from pathlib import Path
from shared.stack.supervisor import Program
class Gateway:
    def __init__(self, folder: Path, logs: Path, port: int, upstreams: dict[str, int]) -> None: ...
    @staticmethod
    def authority(folder: Path) -> Path: return folder / "authority.pem"
    def program(self) -> Program: raise NotImplementedError
