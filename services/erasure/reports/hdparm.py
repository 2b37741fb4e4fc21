"""hdparm: `-I`, `-i`, `-N` (identity, security state, hidden area), `--sanitize-*` and `--security-*` transcripts.

Output and error output may be mixed in either order, and a command that the drive rejected may exit 0: the only sign
is "bad/missing sense data". ATA Command Set 4 (ACS-4) §7.34-7.36, 7.42. hdparm prints "SECURITY_ERASE" for the normal
and the enhanced mode alike, so the mode stays unknown. "enabled" counts only beside the level that is printed with it:
three letters ("not") are all that tells a locked drive from one that never was.
"""

from dataclasses import dataclass, field

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Encryption, Hidden, MediumKind, Outcome, Technique, Verification
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import (
    ERRORS_MAX,
    MODEL_MAX,
    SERIAL_MAX,
    WORDS_MAX,
    lines_of,
    model_of,
    serial_of,
    visible,
)

SOURCE = "hdparm"

_COMMANDS = {
    "Issuing SANITIZE_BLOCK_ERASE command": Technique.ATA_SANITIZE_BLOCK,
    "Issuing SANITIZE_OVERWRITE command": Technique.ATA_SANITIZE_OVERWRITE,
    "Issuing SANITIZE_CRYPTO_SCRAMBLE command": Technique.ATA_SANITIZE_CRYPTO,
}
_SECURITY_ERASE = " Issuing SECURITY_ERASE command, "
_DISABLE = " Issuing SECURITY_DISABLE command, "
_SENSE = "SG_IO: bad/missing sense data"
_REFUSALS = ("SANITIZE failed: ", "SANITIZE device error reason: ", "ERASE_PREPARE: ", "SECURITY_ERASE: ")
_ENCRYPTS = "*\tDevice encrypts all user data"  # IDENTIFY DEVICE word 69 bit 4, ENCRYPT ALL (ACS-4 §7.13.6.32)
_COMPLETED = "    Last Sanitize Operation Completed Without Error"
_STATE_WORDS = {
    "SD0": "SD0 Sanitize Idle",
    "SD1": "SD1 Sanitize Frozen",
    "SD2": "SD2 Sanitize operation In Process",
}
_STATUS_LINES = ("    Progress: ", "    Sanitize Antifreeze", "    Sanitize frozen")
_ASKED = (  # commands that erase nothing
    " Issuing SECURITY_SET_PASS command, ",
    " Issuing SECURITY_UNLOCK command, ",
    " Issuing SECURITY_FREEZE command",
    "Issuing SANITIZE_STATUS command",
    "Issuing SANITIZE_FREEZE_LOCK command",
    "Issuing SANITIZE_ANTIFREEZE_LOCK command",
    "DCO Revision: ",
    "DCO Checksum verified.",
)
_EXPECTED = (  # lines of a transcript that say nothing about the outcome
    "Operation started in background",
    "You may use `--sanitize-status` to check progress",
    *_ASKED,
    "Sanitize status:",
    "security_password: ",
    " max sectors   = ",
    "    Progress: ",
    "Use of --s",
    "This sanitize command destroys all user data.",
    "Please supply the --yes-i-know-what-i-am-doing flag",
)
_MARKS = (
    *_COMMANDS,
    _SECURITY_ERASE,
    *_ASKED,
    _DISABLE,
    " Model=",
    "ATA device, with ",
    " max sectors   = ",
    "SANITIZE feature set is not supported",
    "Use of --s",
)


def recognises(text: str) -> bool:
    """Whether a line names a device the way hdparm does and another begins like one of the outputs read here."""
    lines = text[:16_384].split("\n")
    return any(_device(line) for line in lines) and any(line.startswith(_MARKS) for line in lines)


def read(text: str) -> Report:
    """Read what was printed for one drive. Raises Unreadable when several drives stand in one file."""
    transcript = _Transcript()
    for line in lines_of(text):
        transcript.take(line)
    return Report(tool="hdparm", tool_version="", source=SOURCE, findings=(transcript.finding(),))


def _device(line: str) -> str:
    """`/dev/sdf:` alone on its line."""
    line = line.rstrip()
    name = line.removeprefix("/dev/").removesuffix(":")
    plain = len(line) == len(name) + len("/dev/:") and 0 < len(name) <= 64 and name.isascii()  # noqa: PLR2004 - kernel
    return name if plain and all(c.isalnum() or c in "/-_." for c in name) else ""


@dataclass(slots=True)
class _Transcript:
    """What the lines have said so far; the last state wins, a refusal is never forgotten."""

    device: str = ""
    serial: str = ""
    model: str = ""
    kind: MediumKind = MediumKind.UNKNOWN
    technique: Technique = Technique.NONE
    outcome: Outcome = Outcome.NONE
    words: str = ""
    hidden: Hidden = Hidden.UNKNOWN
    in_security: bool = False
    in_status: bool = False
    security_enabled: bool | None = None
    encryption: Encryption = Encryption.UNKNOWN
    has_identity: bool = False  # `-I` has many lines that are not looked at; transcripts have none
    strange: str = ""
    disabled: bool = False  # by the password, which is how security goes off without an erasure
    has_level: bool = False  # printed while security is enabled only
    erase_begun: bool = False
    errors: list[str] = field(default_factory=list)
    contradictions: list[Reason] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Sort one line by its beginning; what is not known is left alone."""
        if device := _device(line):
            self._meet(device)
        elif line.startswith((_SENSE, *_REFUSALS)):
            self.errors = [*self.errors, visible(line.strip(), WORDS_MAX)][:ERRORS_MAX]
        elif not (self._take_command(line) or self._take_state(line)):
            if line.startswith("ATA device, with "):
                self.has_identity = True
            elif line.strip() and not line.startswith(_EXPECTED):
                self.strange = self.strange or visible(line.strip(), WORDS_MAX)
            self._take_identity(line)

    def _meet(self, device: str) -> None:
        if self.device and device != self.device:
            raise Unreadable(
                "hdparm の出力に複数のドライブが含まれています。ドライブごとにファイルを分けて登録してください。"
            )
        self.device = device

    def _take_command(self, line: str) -> bool:
        text = line.rstrip()
        if (technique := _COMMANDS.get(text)) is not None:
            self._begin(technique, text)
        elif line.startswith(_SECURITY_ERASE):
            self._begin(Technique.ATA_SECURITY_ERASE, "Issuing SECURITY_ERASE command")
            self.outcome = Outcome.CLAIMED
        elif line.startswith(_DISABLE):
            self.disabled = True
        elif text == "Program aborted.":
            # the confirmation was missing: nothing was sent to the drive, and what was wanted was not done
            self.technique, self.outcome, self.words = Technique.UNKNOWN, Outcome.FAILED, text
        elif line.startswith("SANITIZE feature set is not supported"):
            self.words = text
        else:
            return False
        return True

    def _begin(self, technique: Technique, words: str) -> None:
        if self.erase_begun and technique is not self.technique:
            self.contradictions.append(because("technique-differs", one=self.technique, other=technique))
        self.technique, self.outcome, self.words = technique, Outcome.INCOMPLETE, words
        self.erase_begun = True

    def _take_state(self, line: str) -> bool:
        text = line.strip()
        if line.startswith("    State:"):
            self.in_status = True
            self._state(text.removeprefix("State:").strip())
        elif line.rstrip() == _COMPLETED:
            if self.outcome is Outcome.IN_PROGRESS or self.words[:3] not in ("SD0", "SD1", "SD4"):
                self.contradictions.append(because("state-not-idle", words=self.words))
            if self.technique is Technique.NONE:
                self.technique = Technique.ATA_SANITIZE
            self.outcome, self.words = Outcome.COMPLETED, text
        elif line.startswith("Drive in SD3 "):
            self.outcome, self.words = Outcome.FAILED, visible(text, WORDS_MAX)
        elif self.in_status and line.startswith("    ") and not line.startswith(_STATUS_LINES):
            # a line that is not known here may be the one that says "completed", damaged
            self.contradictions.append(because("status-differs", words=visible(text, WORDS_MAX)))
        else:
            self.in_status = self.in_status and line.startswith("    ")
            return False
        return True

    def _state(self, state: str) -> None:
        """SD0 idle, SD1 frozen, SD2 running, SD3 failed. Idle without "completed" after a command means it did not."""
        self.words = visible(state, WORDS_MAX)
        if state != _STATE_WORDS.get(state[:3], state):
            self.contradictions.append(because("status-differs", words=self.words))
        match state[:4]:
            case "SD2 ":
                self.outcome = Outcome.IN_PROGRESS
            case "SD3 ":
                self.outcome = Outcome.FAILED
            case "SD0 " | "SD1 " | "SD4 ":
                self.outcome = Outcome.INCOMPLETE if self.erase_begun else Outcome.NEVER
            case _:
                raise Unreadable(
                    "hdparm の Sanitize 状態が SD0 から SD4 のどれでもありません。"
                    "`hdparm --sanitize-status /dev/sdX` の出力をそのまま保存して登録し直してください。"
                )
        if self.technique is Technique.NONE and self.outcome in (Outcome.IN_PROGRESS, Outcome.FAILED):
            self.technique = Technique.ATA_SANITIZE

    def _take_identity(self, line: str) -> None:
        if line.startswith("\tSerial Number:"):
            self._once("serial", serial_of(line.removeprefix("\tSerial Number:")))
        elif line.startswith("\tModel Number:"):
            self._once("model", model_of(line.removeprefix("\tModel Number:")))
        elif line.startswith(" Model="):
            model, _, serial = line.removeprefix(" Model=").rpartition(", SerialNo=")
            self._once("serial", serial_of(serial))
            self._once("model", model_of(model.rpartition(", FwRev=")[0]))
            self.has_identity = True
        elif line.startswith("\tNominal Media Rotation Rate:"):
            rate = line.removeprefix("\tNominal Media Rotation Rate:").strip()
            self.kind = MediumKind.SSD if rate == "Solid State Device" else _disk(rate)
        elif line.startswith(" max sectors   = "):
            self.hidden = _hidden(line)
        elif line.strip() == _ENCRYPTS:
            self.encryption = Encryption.ALWAYS
        elif line.startswith("Security:"):
            self.in_security = True
        elif self.in_security and line.startswith("\t"):
            self._security(line.split())
        else:
            self.in_security = False

    def _once(self, name: str, value: str) -> None:
        """Keep the first: a device that writes line ends into its model must not give itself another serial."""
        if old := getattr(self, name):
            self.contradictions.append(because("said-twice", words=visible(f"{old} / {value}", SERIAL_MAX + MODEL_MAX)))
        else:
            setattr(self, name, value)

    def _security(self, words: list[str]) -> None:
        if words == ["enabled"]:
            self.security_enabled = True
        elif words == ["not", "enabled"]:
            self.security_enabled = False
        elif words[:2] == ["Security", "level"]:
            self.has_level = True

    def finding(self) -> Finding:
        """Weigh errors last: a rejected command keeps its words, whatever the state says."""
        if self.strange and not self.has_identity:
            # it may be the line of a refusal or of a completion, damaged
            self.contradictions.append(because("status-differs", words=self.strange))
        if self.disabled and self.erase_begun:
            self.contradictions.append(because("technique-differs", one=self.technique, other="SECURITY_DISABLE"))
        elif self.disabled:
            self.technique = Technique.UNKNOWN
        erasing = self.erase_begun or self.outcome not in (Outcome.NONE, Outcome.NEVER)
        refused = [e for e in self.errors if not e.startswith(_SENSE) or self.erase_begun]
        outcome, words = self.outcome, self.words
        if refused and erasing and outcome in (Outcome.CLAIMED, Outcome.INCOMPLETE, Outcome.NONE):
            outcome, words = Outcome.FAILED, refused[0]
        elif refused and outcome is Outcome.COMPLETED:
            self.contradictions.append(because("errors-and-success", words=refused[0]))
        elif any("completed unsuccessfully" in e for e in refused):
            outcome, words = Outcome.FAILED, refused[-1]
        return Finding(
            technique=self.technique,
            outcome=outcome,
            words=words or "hdparm -I",
            serial=self.serial,
            model=self.model,
            device=self.device,
            kind=self.kind,
            verification=Verification.DEVICE_STATUS if outcome is Outcome.COMPLETED else Verification.NONE,
            hidden=self.hidden,
            encryption=self.encryption,
            security_enabled=self.security_enabled if self.security_enabled is self.has_level else None,
            errors=tuple(self.errors),
            contradictions=tuple(self.contradictions),
        )


def _disk(rate: str) -> MediumKind:
    """Take a rotation rate in revolutions per minute for a disk; anything else says nothing."""
    return MediumKind.HDD if rate.isascii() and rate.isdigit() else MediumKind.UNKNOWN


def _hidden(line: str) -> Hidden:
    """` max sectors   = 131072/131072, HPA is disabled`: current and native maximum; what is unclear blocks Purge."""
    now, _, rest = line.partition("=")[2].strip().partition("/")
    native, _, state = rest.partition(",")
    digits = native[: len(native) - len(native.lstrip("0123456789"))]
    known = now.isascii() and now.isdigit() and now == digits
    return Hidden.NONE if known and "is disabled" in state else Hidden.PRESENT
