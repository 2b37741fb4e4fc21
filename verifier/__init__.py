"""Verifies certificates and log proofs offline: needs the file, a list of keys, `cryptography` and `pyhanko`.

It imports nothing of the services it checks and re-implements every format from its specification: two readings that
agree are worth more than one. `verification.verify` is the way in; `python -m verifier` the same on a command line.
"""
