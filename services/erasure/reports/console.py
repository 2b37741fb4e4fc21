"""What a terminal leaves around a tool's output: blank lines, rules, prompts, the kernel's chatter. No drive is in it.

Everything else behind the end of a log is unknown, and may be about its drives.
"""

import re

# A prompt alone or before a command that ends the work: another job's command is no chatter.
_PROMPT = re.compile(
    r"(?:\[?[\w.-]+@[\w.-]+(?:[: ][\w./~-]*)?\]?|[~/][\w./~-]*|(?:ba)?sh-[\d.]+)? ?[#$]"
    r"(?: +(?:exit|logout|poweroff|reboot|halt|shutdown|sync|clear|date|history|umount|eject)(?: +[\w./:+-]+)*)?"
)
_HEADING = re.compile(r"==> [^<>]{1,200} <==")  # of tail and head, over the next file
_LAST_WORDS = ("exit", "logout")
_LAST_BEGINNINGS = ("Connection to ", "Script done")
_KERNEL = re.compile(r"(?:<\d>)?\[ *\d{1,8}\.\d{6}\] (.*)")
_DISK = re.compile(r"\b(?:[shv]d[a-z]|xvd|nvme|mmcblk|ata\d|scsi|usb|md\d|dm-|loop|blk|I/O)|fs\b", re.IGNORECASE)
_STOPPING = re.compile(r"sd [\d:]+ \[\w+\] (?:Synchronizing SCSI cache|Stopping disk)")
_TROUBLE = ("error", "fail", "timeout", "timed out", "reset", "offline", "abort", "unable", "exception", "nwipe")


def is_noise(line: str) -> bool:
    """Tell whether a line says nothing of any drive. The kernel's does where it names one, but for its good night."""
    text = line.strip(" \t\f\v\0\x1a\ufeff")
    if not any(letter.isalnum() for letter in text) or text in _LAST_WORDS or text.startswith(_LAST_BEGINNINGS):
        return True
    if _PROMPT.fullmatch(text) or _HEADING.fullmatch(text):
        return True
    said = _KERNEL.fullmatch(text)
    if not said:
        return False
    quiet = not _DISK.search(said[1]) and not any(word in said[1].lower() for word in _TROUBLE)
    return quiet or _STOPPING.fullmatch(said[1]) is not None
