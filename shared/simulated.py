"""What marks a simulation: names of its parties and engagements, and numbers of its drives. Pure.

A mark in a name stands wherever the name does: on every page, label and paper. A mark in a serial number is in every
report that names the drive, in whatever format; `services/erasure/domain/simulation.py` refuses it elsewhere.
"""

from shared.serial import loose

MARK = "【模擬】"
SERIAL_MARK = "MGRSIM"


def marked(name: str) -> str:
    """Return a name with the mark, once."""
    return name if is_marked(name) else MARK + name


def is_marked(name: str) -> bool:
    """Tell whether a party or an engagement is part of a simulation, by its name."""
    return name.strip().startswith(MARK)


def is_simulated(number: str) -> bool:
    """Tell whether a serial number, or a model's name, is one of a simulation, however it was spoilt in typing."""
    return loose(number).startswith(loose(SERIAL_MARK))
