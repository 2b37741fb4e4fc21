"""The words an erasure report is told in: kinds of media, techniques, outcomes, and how far each was checked."""

from enum import StrEnum


class MediumKind(StrEnum):
    """How the medium stores: it decides what a technique can reach (IEEE 2883-2022 §7)."""

    HDD = "hdd"
    SSD = "ssd"  # flash behind ATA, SCSI or USB
    NVME = "nvme"
    SOLDERED = "soldered"  # flash on the board: eMMC, UFS, an NVMe that nobody can take out; the device is the medium
    UNKNOWN = "unknown"

    @property
    def is_flash(self) -> bool:
        """Flash keeps spare cells that no host command addresses."""
        return self in (MediumKind.SSD, MediumKind.NVME, MediumKind.SOLDERED)


class Technique(StrEnum):
    """What was done to the medium, as the report names it."""

    NVME_SANITIZE_BLOCK = "nvme-sanitize-block"
    NVME_SANITIZE_CRYPTO = "nvme-sanitize-crypto"
    NVME_SANITIZE_OVERWRITE = "nvme-sanitize-overwrite"
    NVME_FORMAT = "nvme-format"  # the secure erase setting is not stated
    NVME_FORMAT_SES1 = "nvme-format-ses1"
    NVME_FORMAT_SES2 = "nvme-format-ses2"
    ATA_SANITIZE = "ata-sanitize"  # which of the three is not stated
    ATA_SANITIZE_BLOCK = "ata-sanitize-block"
    ATA_SANITIZE_CRYPTO = "ata-sanitize-crypto"
    ATA_SANITIZE_OVERWRITE = "ata-sanitize-overwrite"
    ATA_SECURITY_ERASE = "ata-security-erase"  # hdparm prints the same words for the enhanced mode
    ATA_SECURITY_ERASE_ENHANCED = "ata-security-erase-enhanced"
    FACTORY_RESET = "factory-reset"  # of the whole device: its menu, a management server's wipe, Powerwash
    OVERWRITE = "overwrite"  # by the host, all addressable sectors
    DISCARD = "discard"
    READ_ONLY = "read-only"  # the tool only read the medium (nwipe's "Verify Zeros")
    NONE = "none"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How the technique ended, in the words of the tool."""

    COMPLETED = "completed"
    CLAIMED = "claimed"  # accepted or said to be done, with no statement of completion that could be checked
    FAILED = "failed"
    INCOMPLETE = "incomplete"  # began, and nothing shows that it ended
    IN_PROGRESS = "in-progress"
    NEVER = "never"  # the drive says that it was never sanitised
    NONE = "none"  # the document speaks of no erasure: an inventory, a capability


class Verification(StrEnum):
    """Whether the technique was checked to have completed (not whether anybody accepts it: that is validation)."""

    NONE = "none"
    LAST_PASS = "last-pass"  # noqa: S105 - a word about reading back, not a secret
    ALL_PASSES = "all-passes"
    TOOL_STATUS = "tool-status"  # the tool says that it succeeded, without saying what was read back
    DEVICE_STATUS = "device-status"  # the drive's own statement after the operation


class Hidden(StrEnum):
    """Sectors that the host does not reach (HPA, DCO, accessible maximum address)."""

    NONE = "none"
    PRESENT = "present"
    UNKNOWN = "unknown"


class Encryption(StrEnum):
    """Whether the drive enciphers whatever is written to it: what changing a key can destroy (NIST SP 800-88r2, CE)."""

    ALWAYS = "always"  # the drive says so: nothing was ever stored in plain
    ABSENT = "absent"  # the drive says that it has no cryptographic erase
    UNKNOWN = "unknown"


class Freshness(StrEnum):
    """What ties the outcome to one job in time. "Last sanitize completed" survives from earlier jobs."""

    STATE_ONLY = "state-only"
    LOGGED = "logged"  # the tool wrote down the whole job with its times
    SESSION = "session"  # state before, job and state after were captured together
