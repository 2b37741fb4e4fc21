"""Verifies certificates and log proofs offline: needs the file, a list of keys, `cryptography` and `pyhanko`.

It imports nothing of the services it checks and re-implements every format from its specification: two readings that
agree are worth more than one.
"""

from verifier.keys import BadKeys, Keys
from verifier.verdict import TITLES, Check, Difference, Unreadable, Verdict
from verifier.verification import verify, verify_bytes

__all__ = ["TITLES", "BadKeys", "Check", "Difference", "Keys", "Unreadable", "Verdict", "verify", "verify_bytes"]
