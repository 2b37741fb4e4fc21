import pytest

from services.tracking.log import note
from services.tracking.log.note import BadNote, Checkpoint, NoteSigner, VerifierKey

# the example of c2sp.org/signed-note
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsY"
    "jOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_example_of_the_specification_opens() -> None:
    key = VerifierKey.parse(VKEY)
    assert str(key) == VKEY
    assert note.open_note(SIGNED, [key]) == "This is an example message.\n"


@pytest.mark.parametrize("at", range(0, len(SIGNED), 7))
def test_a_changed_character_anywhere_spoils_the_note(at: int) -> None:
    changed = SIGNED[:at] + ("A" if SIGNED[at] != "A" else "B") + SIGNED[at + 1 :]
    with pytest.raises(BadNote):
        note.open_note(changed, [VerifierKey.parse(VKEY)])


def test_unknown_signers_are_passed_over_and_one_known_is_enough() -> None:
    ours, witness = NoteSigner.new("example.jp/log"), NoteSigner.new("witness.example")
    both = witness.cosign(ours.sign("text\n"))
    assert note.open_note(both, [ours.vkey]) == "text\n"
    assert note.open_note(both, [witness.vkey]) == "text\n"
    with pytest.raises(BadNote, match="no key we trust"):
        note.open_note(both, [NoteSigner.new("example.jp/log").vkey])


def test_a_known_signer_whose_line_is_wrong_spoils_the_note() -> None:
    ours, witness = NoteSigner.new("example.jp/log"), NoteSigner.new("witness.example")
    other = witness.cosign(ours.sign("other\n")).splitlines()[-1]
    with pytest.raises(BadNote, match=r"witness\.example"):
        note.open_note(ours.sign("text\n") + other + "\n", [ours.vkey, witness.vkey])


def test_a_key_survives_its_file() -> None:
    signer = NoteSigner.new("example.jp/log")
    assert NoteSigner.from_pem("example.jp/log", signer.to_pem()).vkey == signer.vkey
    assert VerifierKey.parse(str(signer.vkey)) == signer.vkey


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "full\u3000width"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(BadNote):
        NoteSigner.new(name)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AAAA", VKEY.replace("530d903a", "530d903b"), VKEY + "="])
def test_a_bad_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


def test_a_checkpoint_is_three_lines() -> None:
    head = Checkpoint("example.jp/log", 1127, bytes(range(32)))
    assert str(head) == "example.jp/log\n1127\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.parse(str(head)) == head
    assert Checkpoint.parse(str(head) + "extension\n") == head


@pytest.mark.parametrize(
    "text",
    ["a\n1\n", "a\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "a\n1\nAAEC\n", "\n1\nAAEC\n", "a\n-1\nAAEC\n"],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


def test_control_characters_and_missing_ends_are_refused() -> None:
    for text in ["no newline", "bell\a\n"]:
        with pytest.raises(BadNote):
            NoteSigner.new("a").sign(text)
